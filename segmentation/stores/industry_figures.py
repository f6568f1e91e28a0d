"""The pictures of an industry run. Drawn on bare figures: no window, no global state."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmentation.industries.result import IndustryResult
from segmentation.reports.palette import Drawing

ALL = "all"


def industry_figures(result: IndustryResult) -> dict[str, Figure]:
    """File name -> figure; one that has nothing to show is left out."""
    parts: dict[str, Figure | None] = {
        f"auc_{part}.png": auc_by_industry(result, part) for part in ("train", "cv", "test")
    }
    parts |= {
        "confusion_cv.png": confusion(result),
        "reliability.png": reliability(result.calibrated.reliability),
        "coverage.png": coverage(result.fill.coverage),
        "learning_curve.png": learning_curve(result.learning_curve),
        "ablation.png": ablation(result.ablation),
    }
    return {name: figure for name, figure in parts.items() if figure is not None}


def auc_by_industry(result: IndustryResult, part: str) -> Figure:
    """AUC per industry with its 95 % interval, what permuted labels reach, and the baseline of one half."""
    rows = result.metrics[(result.metrics["slice"] == part) & (result.metrics["metric"] == "auc")]
    shown = rows[rows["value"].notna()].sort_values("value").astype({"value": float, "low": float, "high": float})
    figure = Drawing(figsize=(7, 1.8 + 0.4 * len(shown)), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(shown))
    # An interval of resamples need not reach the value itself: a bar has no negative length.
    spread = np.maximum(0.0, np.stack([shown["value"] - shown["low"], shown["high"] - shown["value"]]))
    axes.errorbar(shown["value"], places, xerr=spread, fmt="o", capsize=3, label="AUC, 95 % interval")
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
    figure = Drawing(figsize=(2 + 0.6 * len(names), 1.5 + 0.6 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(grid / np.maximum(grid.sum(axis=1, keepdims=True), 1.0), cmap="Blues", vmin=0.0, vmax=1.0)
    for (row, column), number in np.ndenumerate(grid):
        axes.text(column, row, f"{number:.0f}", ha="center", va="center", fontsize="small")
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(title="Out-of-fold predictions", xlabel="predicted", ylabel="actual")
    return figure


def reliability(rows: pd.DataFrame) -> Figure | None:
    """What came true of what was said (columns of `Calibrated.reliability`), one panel per slice; first choices."""
    top = rows[rows["scope"] == "top"] if len(rows) else rows
    if not len(top):
        return None
    slices = list(dict.fromkeys(top["slice"]))
    figure = Drawing(figsize=(4.5 * len(slices), 4.5), layout="constrained")
    for axes, part in zip(figure.subplots(1, len(slices), squeeze=False)[0], slices, strict=True):
        own = top[top["slice"] == part]
        said, right = own["mean_probability"].astype(float), own["share_right"].astype(float)
        spread = np.maximum(0.0, np.stack([right - own["low"].astype(float), own["high"].astype(float) - right]))
        axes.errorbar(said, right, yerr=spread, fmt="o-", capsize=3, label="share right, 95 % (Wilson)")
        axes.plot([0, 1], [0, 1], linestyle="--", color="grey", label="calibrated")
        for x, y, count in zip(said, right, own["accounts"], strict=True):
            axes.annotate(f"{count:,.0f}", (x, y), textcoords="offset points", xytext=(4, -10), fontsize="x-small")
        axes.set(
            title=f"First choices, {part}", xlabel="probability given", ylabel="share right", xlim=(0, 1), ylim=(0, 1)
        )
        axes.legend(fontsize="small", loc="upper left")
    return figure


def coverage(rows: pd.DataFrame) -> Figure | None:
    """Precision of filling in against the share of accounts filled rightly, one line per industry."""
    if not len(rows):
        return None
    figure, axes = _plain()
    for industry, own in rows.groupby("industry"):
        line = own.sort_values("threshold")
        thick = 2.5 if industry == ALL else 1.0
        axes.plot(line["coverage"].astype(float), line["precision"].astype(float), label=industry, linewidth=thick)
    axes.set(title="What filling in gives, cross-validated", ylim=(0, 1.02))
    axes.set(xlabel="coverage: share of its accounts filled in rightly", ylabel="precision")
    figure.legend(fontsize="small", loc="outside right upper")
    return figure


def learning_curve(rows: pd.DataFrame) -> Figure | None:
    """Cross-validated AUC of each industry over the share of the training accounts that was learned from."""
    known = rows[rows["auc"].notna()] if len(rows) else rows
    if not len(known):
        return None
    figure, axes = _plain()
    for industry, own in known.groupby("industry"):
        line = own.sort_values("share")
        axes.plot(line["share"].astype(float), line["auc"].astype(float), marker="o", label=industry)
    axes.axhline(0.5, linestyle="--", color="grey")
    axes.set(title="Learning curve", xlabel="share of the training accounts", ylabel="AUC against the rest")
    figure.legend(fontsize="small", loc="outside right upper")
    return figure


def ablation(rows: pd.DataFrame) -> Figure | None:
    """What the macro AUC loses without each category of features, with its interval."""
    known = rows[rows["loss"].notna()] if len(rows) else rows
    if not len(known):
        return None
    shown = known.astype({"loss": float, "low": float, "high": float}).sort_values("loss")
    figure, axes = _plain()
    spread = np.maximum(0.0, np.stack([shown["loss"] - shown["low"], shown["high"] - shown["loss"]]))
    axes.errorbar(shown["loss"], np.arange(len(shown)), xerr=spread, fmt="o", capsize=3)
    axes.axvline(0.0, linestyle="--", color="grey")
    axes.set_yticks(np.arange(len(shown)), shown["category"])
    axes.set(title="What each category is worth", xlabel="macro AUC lost without it")
    return figure


def _plain() -> tuple[Figure, Axes]:
    figure = Drawing(figsize=(8, 5), layout="constrained")
    return figure, figure.subplots()
