"""The pictures that go with a run of segments. Drawn on bare figures: no window, no global state."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from segmentation.arrays import Ints
from segmentation.features.catalogue import without_period
from segmentation.reports.charts import segment_map
from segmentation.reports.palette import Drawing
from segmentation.segments.result import SegmentationResult

#: what a curve over k shows: a candidate's measure -> title
CURVES = {
    "silhouette": "Mean silhouette (higher is better)",
    "davies_bouldin": "Davies-Bouldin (lower is better)",
    "calinski_harabasz": "Calinski-Harabasz (higher is better)",
    "inertia": "Sum of squared distances to the own centre (look for the elbow)",
    "bic": "BIC (lower is better)",
    "stability": "Mean Jaccard similarity over resamples (higher is better)",
}
#: features in the heat map; differences beyond this are one shade
SHOWN_FEATURES, DARKEST = 25, 2.0


def segment_figures(result: SegmentationResult, points: pd.DataFrame) -> dict[str, Figure]:
    """File name -> figure of one method: its curves, the heat map of its profile, the map of its accounts.

    `points`: one row per account (index account_id), one column per principal component.
    """
    drawn: dict[str, Figure | None] = {f"{measure}.png": curve(result, measure) for measure in CURVES}
    drawn["profile.png"] = heat_map(result.profile, _names(result))
    drawn["map.png"] = _map(points, result.sampled, _names(result))
    return {f"{result.method}_{name}": figure for name, figure in drawn.items() if figure is not None}


def curve(result: SegmentationResult, measure: str) -> Figure | None:
    """One measure over the numbers of segments, the chosen one marked; None where the method has no such measure."""
    points = [(one.k, getattr(one, measure)) for one in result.candidates]
    known = [(k, value) for k, value in points if value is not None]
    if not known:
        return None
    figure = Drawing(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([k for k, _ in known], [value for _, value in known], marker="o")
    axes.axvline(result.k, linestyle="--", color="grey", label=f"chosen: {result.k}")
    axes.set(title=f"{result.method}: {CURVES[measure]}", xlabel="segments", xticks=[k for k, _ in known])
    axes.legend()
    return figure


def heat_map(profile: pd.DataFrame, names: Mapping[int, str]) -> Figure | None:
    """Hedges' g of the features in which segments stand out most, a row per segment; held-out ones are starred."""
    known = profile[profile["effect"].notna() & ~profile["feature"].str.contains(" = ", regex=False)]
    if known.empty:
        return None
    shown = known.groupby("feature")["held_out"].max().loc[_telling(known)]
    grid = known.pivot_table(index="segment", columns="feature", values="effect").reindex(columns=shown.index)
    figure = Drawing(figsize=(4 + 0.32 * len(shown), 3.2 + 0.4 * len(grid)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(grid.to_numpy(dtype=float), cmap="RdBu_r", vmin=-DARKEST, vmax=DARKEST, aspect="auto")
    labels = [f"{name} *" if starred else str(name) for name, starred in shown.items()]
    axes.set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize="small")
    axes.set_yticks(range(len(grid)), [names.get(int(segment), str(segment)) for segment in grid.index])
    figure.colorbar(image, ax=axes, label="Hedges' g against all others")
    axes.set(title="Profile (* says what was not clustered on)")
    return figure


def _telling(profile: pd.DataFrame) -> list[str]:
    """The features with the largest effects of each segment, as many of each; one for all its months and quarters."""
    each = max(1, SHOWN_FEATURES // profile["segment"].nunique())
    ranked = profile.assign(size=profile["effect"].abs(), kind=profile["feature"].map(without_period))
    ranked = ranked.sort_values(["segment", "size", "feature"], ascending=[True, False, True], kind="stable")
    first = ranked.drop_duplicates(["segment", "kind"]).groupby("segment").head(each)
    return list(dict.fromkeys(first.drop_duplicates("kind")["feature"]))


def _map(points: pd.DataFrame, segments: Ints, names: Mapping[int, str]) -> Figure | None:
    """The report's map of the accounts; None with a single component, which makes no plane."""
    if points.shape[1] < 2:  # noqa: PLR2004
        return None
    places = points.iloc[:, :2].set_axis(["x", "y"], axis=1).assign(segment=segments)
    return segment_map(places, names)


def _names(result: SegmentationResult) -> dict[int, str]:
    return {one.segment: one.name for one in result.segments}
