"""The charts of industries, for the report and the notebooks; what holds for `charts` holds here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from segmentation.reports.charts import beside_zero, in_words, named, strongest, wrapped
from segmentation.reports.palette import (
    ACCENT,
    INK,
    MUTED,
    NARROW,
    NEGATIVE,
    POSITIVE,
    SMALL,
    WIDTH,
    canvas,
    legend,
    plain,
    square,
    squared,
)  # fmt: skip
from segmentation.shown import fixed, shown_goal, shown_share

#: residuals beyond this are one shade
DARKEST = 6.0
#: features that are drawn per industry
DRIVERS = 6
#: from this q on a difference may be chance
LEVEL = 0.05


def learnability(metrics: pd.DataFrame) -> Figure | None:
    """How well usage tells each industry: the AUC with its 95 % interval, on seen and unseen accounts, beside chance.

    `metrics`: rows of industry_metrics. The dot is cross-validated, the cross is what the fit had seen, the triangle
    the test accounts; left of the short bar permuted labels come as well.
    """
    rows = metrics[(metrics["metric"] == "auc") & metrics["value"].notna() & metrics["industry"].notna()]
    judged = rows[rows["slice"] == "cv"].sort_values("value")
    if judged.empty:
        return None
    figure, axes = canvas(1.2 + 0.42 * len(judged))
    places = np.arange(len(judged))
    value, low, high = (judged[name].to_numpy(float) for name in ("value", "low", "high"))
    # an interval of resamples need not reach the value itself: a bar has no negative length
    spread = np.maximum(0.0, np.nan_to_num(np.stack([value - low, high - value])))
    axes.errorbar(value, places, xerr=spread, fmt="o", color=ACCENT, capsize=3, label="unseen accounts, 95 % interval")
    for part, mark, said in (("test", "^", "test accounts"), ("train", "x", "accounts it learned from")):
        other = rows[rows["slice"] == part].set_index("industry")["value"].reindex(judged["industry"])
        axes.plot(other.to_numpy(float), places, mark, color=MUTED, markersize=6, label=said, markerfacecolor="none")
    chance = judged["chance_high"].to_numpy(float)
    axes.plot(chance, places, linestyle="none", marker="|", markersize=14, color=NEGATIVE, label="luck reaches this")
    axes.axvline(0.5, color=MUTED, linestyle="--", linewidth=1.0)
    lowest = float(np.nanmin([0.42, rows["value"].min(), *low, *chance])) - 0.02
    labels = [f"{wrapped(n, 26)} ({s:,})" for n, s in zip(judged["industry"], judged["support"], strict=True)]
    axes.set_yticks(places, labels)
    axes.set(
        xlabel="AUC: 0.5 is guessing, 1 is never wrong (in brackets: its unseen accounts)",
        xlim=(lowest, 1.02),
    )
    legend(figure, 2)
    return figure


def coverage_curve(coverage: pd.DataFrame, industry: str = "all", goal: float | None = None) -> Figure | None:
    """What filling in gives from strict to loose: share filled in rightly against share of fills that are right.

    `coverage`: rows of industry_coverage; `industry` of them, `all` for all together. The band reaches down to the
    lower bound. `goal`: the precision of fills.
    """
    rows = coverage[coverage["industry"] == industry].sort_values("threshold", ascending=False)
    if rows.empty:
        return None
    figure, axes = canvas(3.4)
    plain(axes, "both")
    x, y, low = (rows[name].to_numpy(float) for name in ("coverage", "precision", "low"))
    axes.fill_between(x, low, y, color=ACCENT, alpha=0.16, linewidth=0, label="down to the lower bound")
    axes.plot(x, y, color=ACCENT, marker="o", markersize=3, linewidth=1.8, label="fills that were right")
    if goal is not None:
        axes.axhline(goal, color=NEGATIVE, linestyle="--", linewidth=1.2, label=f"at least: {shown_goal(goal)}")
    axes.set(xlabel="share of the labelled accounts filled in rightly", ylabel="share of fills right", ylim=(0, 1.03))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    legend(figure, 3)
    return figure


def drivers(rows: pd.DataFrame, industry: str, words: Mapping[str, str] | None = None) -> Figure | None:
    """The features that speak most for (right) or against (left) an industry; of trees, those that weigh most.

    `rows`: of industry_drivers, all industries of a model.
    """
    top = _top(rows, industry)
    if top.empty:
        return None
    figure, axes = canvas(0.75 + 0.36 * len(top), NARROW)
    effects, places = top["effect"].to_numpy(float), np.arange(len(top))
    widest = float(np.abs(effects).max()) * 1.1
    if are_shares(rows):
        axes.barh(places, effects, height=0.6, color=ACCENT, alpha=0.8)
        axes.set(xlabel="share of what all features tell, for or against", xlim=(0, widest))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    else:
        axes.barh(places, effects, height=0.6, color=[POSITIVE if e > 0 else NEGATIVE for e in effects], alpha=0.8)
        axes.set(xlabel="against  ←  log-odds  →  for", xlim=(-widest, widest))
    beside_zero(axes, top["feature"], words or {})
    return figure


def drivers_said(rows: pd.DataFrame, industry: str, words: Mapping[str, str]) -> str:
    """What `drivers` draws, in words: the longest bar first."""
    bars = _top(rows, industry).iloc[::-1]
    if are_shares(rows):
        how = [shown_share(effect) for effect in bars["effect"]]
    else:
        how = ["for" if effect > 0 else "against" for effect in bars["effect"]]
    return "; ".join(f"{in_words(name, words)}: {one}" for name, one in zip(bars["feature"], how, strict=True))


def _top(rows: pd.DataFrame, industry: str) -> pd.DataFrame:
    return strongest(rows[(rows["industry"] == industry) & (rows["effect"] != 0)], DRIVERS)


def are_shares(rows: pd.DataFrame) -> bool:
    """Whether the effects of industry_drivers are trees' shares of the gain, which have no sign, not log-odds.

    Shares of a model's features are never below zero and add up to one.
    """
    sums = rows.groupby("industry")["effect"].sum()
    return bool((rows["effect"] >= 0).all() and np.allclose(sums, 1.0))


def residual_map(residuals: pd.DataFrame, names: Mapping[int, str]) -> Figure | None:
    """Which industries are more (+) or less (-) frequent in a segment than by chance; a star: beyond chance.

    `residuals`: rows of segment_industries. The number is the adjusted residual, in standard deviations.
    """
    if residuals.empty:
        return None
    grid = residuals.pivot(index="segment", columns="industry", values="residual")
    tested = residuals.pivot(index="segment", columns="industry", values="q_value")
    figure, axes = canvas(2.0 + 0.5 * len(grid), max(WIDTH, 2.4 + 0.5 * grid.shape[1]))
    for (row, column), value in np.ndenumerate(grid.to_numpy(float)):
        known = bool(np.isfinite(value))
        shade = min(abs(value) / DARKEST, 1.0) if known else 0.0
        square(axes, row, column, POSITIVE if value > 0 else NEGATIVE, shade)
        beyond = known and float(tested.to_numpy(float)[row, column]) <= LEVEL
        said = f"{fixed(value, 1, '+')}{'*' if beyond else ''}" if known else "·"
        axes.text(column, row, said, ha="center", va="center", fontsize=SMALL, color=INK,
                  fontweight="bold" if beyond else "normal")  # fmt: skip
    # aslant, two lines are as many as the squares leave room for; the table has the names in full
    industries = [wrapped(one, 26, lines=2) for one in grid.columns]
    squared(axes, [wrapped(named(one, names)) for one in grid.index], industries)
    axes.tick_params(axis="x", labelrotation=40)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    return figure
