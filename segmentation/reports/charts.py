"""The charts of segments, for the report and the notebooks: table rows in, a bare matplotlib Figure out.

No window, no global state. Every frame holds rows of one table and one as_of, with the table's own columns; a chart
that has nothing to show is None. None of them tells anything by colour alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from segmentation.features.catalogue import without_period
from segmentation.reports.palette import (
    ACCENT,
    INK,
    MUTED,
    NARROW,
    NEGATIVE,
    PAPER,
    POSITIVE,
    SMALL,
    canvas,
    colour_of,
    legend,
    mark_of,
    plain,
    square,
    squared,
)  # fmt: skip
from segmentation.shown import fixed, interval, shown_share

#: more points than this are one blot, and a heavy file
SHOWN_POINTS = 4000
#: features that are drawn per segment
BARS = 6
#: a line of text beside a bar
WRAP = 34


def wrapped(text: str, width: int = WRAP, lines: int | None = None) -> str:
    """The text over several lines, so that labels do not run into the chart; what more than `lines` hold is cut off."""
    return textwrap.fill(str(text), width, max_lines=lines, placeholder=" …")


def thinned(positions: pd.DataFrame) -> pd.DataFrame:
    """The rows that a map shows: all, or every second, third, ... of too many."""
    return positions.iloc[:: max(1, -(-len(positions) // SHOWN_POINTS))]


def segment_map(positions: pd.DataFrame, names: Mapping[int, str]) -> Figure | None:
    """Accounts as dots on the two directions in which accounts differ most; one mark and colour per segment.

    `positions`: columns x, y (principal components, no unit) and segment (-1: in none), one row per account;
    of many accounts as many as `thinned` leaves.
    """
    if positions.empty:
        return None
    shown = thinned(positions)
    held = shown["segment"].unique()
    lines = sum(wrapped(named(int(one), names), 48).count("\n") + 1 for one in held)
    figure, axes = canvas(3.8 + 0.18 * lines)  # the dots keep their room, however many names stand below
    plain(axes, "both")
    for number, (segment, own) in enumerate(shown.groupby("segment")):
        nowhere = int(str(segment)) < 0
        axes.plot(own["x"].to_numpy(float), own["y"].to_numpy(float), linestyle="none", marker=mark_of(number),
                  markersize=3.6, alpha=0.65, markeredgewidth=0, color=MUTED if nowhere else colour_of(number),
                  label=wrapped(named(int(str(segment)), names), 48))  # fmt: skip
        if nowhere:
            continue
        at = (float(own["x"].median()), float(own["y"].median()))
        badge = {"boxstyle": "circle,pad=0.25", "facecolor": PAPER, "edgecolor": colour_of(number)}
        # above all dots, whichever is drawn first: matplotlib puts text over lines
        axes.annotate(str(segment), at, ha="center", va="center", fontsize=11, fontweight="bold", color=INK, bbox=badge)
    axes.set(xlabel="first direction of difference", ylabel="second direction of difference")
    axes.tick_params(labelbottom=False, labelleft=False)
    legend(figure, 1)
    return figure


def profile_bars(
    profiles: pd.DataFrame, segment: int, words: Mapping[str, str] | None = None, shown: int = BARS
) -> Figure | None:
    """How far a segment is from all other accounts: the features with the largest Hedges' g, with 95 % intervals.

    `profiles`: rows of segment_profiles of one method. `words`: feature -> how to say it. Monthly and quarterly twins
    of a feature of the year are left out; hatched bars are features that say what it was not built from.
    """
    rows = _apart(profiles, segment, shown)
    if rows.empty:
        return None
    figure, axes = canvas(0.75 + 0.36 * len(rows), NARROW)
    places, effects = np.arange(len(rows)), rows["effect"].to_numpy(float)
    spread = np.maximum(0.0, np.stack([effects - rows["low"].astype(float), rows["high"].astype(float) - effects]))
    bars = axes.barh(places, effects, height=0.62, xerr=spread, error_kw={"ecolor": INK, "elinewidth": 1.0},
                     color=[POSITIVE if effect > 0 else NEGATIVE for effect in effects])  # fmt: skip
    for bar, held_out in zip(bars, rows["held_out"], strict=True):
        bar.set(alpha=0.8, hatch="///" if held_out else "", edgecolor=INK if held_out else "none", linewidth=0.4)
    beside_zero(axes, rows["feature"], words or {})
    widest = max(1.0, float(np.abs(rows[["low", "high", "effect"]].to_numpy(float)).max())) * 1.05
    axes.set(xlabel="less  ←  standard deviations  →  more", xlim=(-widest, widest))
    return figure


def profile_said(profiles: pd.DataFrame, segment: int, words: Mapping[str, str], shown: int = BARS) -> str:
    """What `profile_bars` draws, in words: the longest bar first."""
    told = [
        f"{in_words(row['feature'], words)}: {fixed(row['effect'], 2, '+')} ({interval(row['low'], row['high'])})"
        f"{', not built from' if row['held_out'] else ''}"
        for row in _apart(profiles, segment, shown).iloc[::-1].to_dict("records")
    ]
    return "; ".join(told)


def _apart(profiles: pd.DataFrame, segment: int, shown: int) -> pd.DataFrame:
    own = profiles[(profiles["segment"] == segment) & profiles["effect"].notna()]
    known = set(own["feature"])
    twins = {name for name in known if (stem := without_period(name)) != name and f"{stem}_year" in known}
    return strongest(own[~(own["feature"].str.contains(" = ", regex=False) | own["feature"].isin(twins))], shown)


def segment_sizes(summaries: pd.DataFrame) -> Figure | None:
    """Accounts per segment, as bars with the number. `summaries`: rows of segment_summaries of one method."""
    living = inhabited(summaries).sort_values("segment", ascending=False)
    if living.empty:
        return None
    figure, axes = canvas(0.5 + 0.5 * len(living))
    bars = axes.barh(np.arange(len(living)), living["accounts"].to_numpy(float), height=0.6, color=ACCENT, alpha=0.85)
    shares = [f" {n:,} ({shown_share(share)})" for n, share in zip(living["accounts"], living["share"], strict=True)]
    axes.bar_label(bars, shares, color=INK, fontsize=SMALL, padding=2)
    names = [wrapped(f"{row.segment}  {row.name}") for row in living[["segment", "name"]].itertuples(index=False)]
    axes.set_yticks(np.arange(len(living)), names)
    axes.set(xlabel="accounts", xlim=(0, float(living["accounts"].max()) * 1.2))
    return figure


def movement(pairs: pd.DataFrame, names: Mapping[int, str]) -> Figure | None:
    """Who was where and is where now: a square per pair of segments with its number of accounts.

    `pairs`: columns previous_segment and segment, one row per account (rows of segment_moves, or of two dates of
    segments joined). The diagonal, those who stayed, is grey.
    """
    if pairs.empty:
        return None
    counts = pd.crosstab(pairs["previous_segment"], pairs["segment"])
    ids = sorted({*counts.index, *counts.columns})
    counts = counts.reindex(index=ids, columns=ids, fill_value=0)
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    figure, axes = canvas(1.4 + 0.55 * len(ids))
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        colour = MUTED if row == column else ACCENT
        strength = (0.35 if row == column else 0.85) * float(shares.to_numpy(float)[row, column])
        square(axes, row, column, colour, 0.15 + strength if count else 0.0)
        axes.text(column, row, f"{count:,}" if count else "·", ha="center", va="center", color=INK, fontsize=SMALL)
    squared(axes, [wrapped(named(one, names)) for one in ids], [number_of(one) for one in ids])
    axes.set(xlabel="segment now", ylabel="segment before")
    return figure


def inhabited(summaries: pd.DataFrame) -> pd.DataFrame:
    """The rows of segment_summaries that have accounts: a model taken back may leave some without that never ended."""
    return summaries[summaries["accounts"] > 0]


def number_of(segment: int) -> str:
    """A segment by its id; below zero stands for none."""
    return str(segment) if segment >= 0 else "none"


def named(segment: int, names: Mapping[int, str]) -> str:
    """A segment by id and name; below zero stands for none."""
    return f"{segment}  {names.get(int(segment), '')}".strip() if segment >= 0 else "in no segment"


def strongest(rows: pd.DataFrame, shown: int) -> pd.DataFrame:
    """The features of largest effect, the largest last: bars are drawn from below."""
    ranked = rows.assign(size=rows["effect"].abs()).sort_values(["size", "feature"], ascending=[False, True])
    return ranked.head(shown).iloc[::-1]


def beside_zero(axes: Axes, features: pd.Series, words: Mapping[str, str]) -> None:
    """A line at zero, and the feature of each bar in words."""
    axes.axvline(0.0, color=MUTED, linewidth=1.0)
    axes.set_yticks(range(len(features)), [wrapped(in_words(name, words), 26) for name in features])


def in_words(feature: str, words: Mapping[str, str]) -> str:
    """A feature as the page calls it."""
    return words.get(feature, feature.replace("_", " "))
