"""The pictures that go with a run. Drawn on bare figures: no window, no global state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from segmentation.industries.result import IndustryResult
from segmentation.segments.result import Candidate, SegmentationResult

#: what a curve over k shows: attribute of a candidate, title
CURVES = {
    "silhouette": "Mean silhouette (higher is better)",
    "inertia": "Sum of squared distances to the own centre",
    "bic": "BIC (lower is better)",
}


def curve(result: SegmentationResult, measure: str) -> Figure | None:
    """One measure over the numbers of segments, the chosen one marked; None where the method has no such measure."""
    points = [(one.k, _value(one, measure)) for one in result.candidates]
    known = [(k, value) for k, value in points if value is not None]
    if not known:
        return None
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([k for k, _ in known], [value for _, value in known], marker="o")
    axes.axvline(result.k, linestyle="--", color="grey", label=f"chosen: {result.k}")
    axes.set(title=f"{result.method}: {CURVES[measure]}", xlabel="segments", xticks=[k for k, _ in known])
    axes.legend()
    return figure


def auc_by_industry(result: IndustryResult, part: str) -> Figure:
    """AUC per industry with its 95 % interval, what permuted labels reach, and the baseline of one half."""
    rows = result.metrics[(result.metrics["slice"] == part) & (result.metrics["metric"] == "auc")]
    shown = rows[rows["value"].notna()].sort_values("value").astype({"value": float, "low": float, "high": float})
    figure = Figure(figsize=(7, 1.8 + 0.4 * len(shown)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(shown))
    # An interval of resamples need not reach the value itself: a bar has no negative length.
    spread = np.maximum(0.0, np.stack([shown["value"] - shown["low"], shown["high"] - shown["value"]]))
    axes.errorbar(shown["value"], places, xerr=spread, fmt="o", capsize=3, label="AUC, 95 % of resamples")
    axes.scatter(shown["chance_high"].astype(float), places, marker="|", s=200, color="grey",
                 label="97.5 % of permuted labels stay below")  # fmt: skip
    axes.axvline(0.5, linestyle="--", color="grey", label="baseline")
    labels = [f"{name} ({count})" for name, count in zip(shown["industry"], shown["support"], strict=True)]
    axes.set_yticks(places, labels)
    axes.set(title=f"{result.model_name}: AUC against the rest, {part}", xlabel="AUC")
    figure.legend(fontsize="small", loc="outside lower center", ncols=3)
    return figure


def confusion(result: IndustryResult) -> Figure:
    """Out-of-fold predictions: actual industry down, predicted across, shares of the actual one as shades."""
    names = list(result.industries)
    counts = pd.pivot_table(result.confusion, index="industry", columns="predicted", values="accounts", aggfunc="sum")
    grid = counts.reindex(index=names, columns=names).fillna(0.0).to_numpy(dtype=float)
    figure = Figure(figsize=(2 + 0.6 * len(names), 1.5 + 0.6 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(grid / np.maximum(grid.sum(axis=1, keepdims=True), 1.0), cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), number in np.ndenumerate(grid):
        axes.text(column, row, f"{number:.0f}", ha="center", va="center", fontsize="small")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(title="Out-of-fold predictions", xlabel="predicted", ylabel="actual")
    return figure


def segment_figures(results: Sequence[SegmentationResult]) -> dict[str, Figure]:
    """File name -> figure, for every method and every measure that it has."""
    drawn = {f"{one.method}_{measure}.png": curve(one, measure) for one in results for measure in CURVES}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def industry_figures(result: IndustryResult) -> dict[str, Figure]:
    """File name -> figure."""
    parts = {f"auc_{part}.png": auc_by_industry(result, part) for part in ("train", "cv", "test")}
    return {**parts, "confusion_cv.png": confusion(result)}


def _value(candidate: Candidate, measure: str) -> float | None:
    value: float | None = getattr(candidate, measure)
    return value
