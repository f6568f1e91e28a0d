"""The charts of the logs, for the notebooks: counted rows in, a bare matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter, MonthLocator
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from segmentation.reports.palette import ACCENT, INK, MUTED, NEGATIVE, PAPER, SERIES, SMALL, Drawing, canvas, plain
from segmentation.shown import counted

#: small charts side by side
ACROSS = 4
#: an account with more tokens than this is shown by its busiest ones
SHOWN_TOKENS = 12


def category_months(counts: pd.DataFrame) -> Figure | None:
    """Rows per month, one small chart per category, each with its own scale.

    `counts`: columns category, event_month (first day) and rows, one row per category and month. Most rows first.
    A month without a row of it is drawn as nought: a line through the gap would hide what one looks for.
    """
    if counts.empty:
        return None
    totals = counts.groupby("category")["rows"].sum().sort_values(ascending=False)
    dated = counts.assign(month=pd.to_datetime(counts["event_month"]))
    span = pd.date_range(dated["month"].min(), dated["month"].max(), freq="MS")
    down = -(-len(totals) // ACROSS)
    figure = Drawing(figsize=(10.0, 1.9 * down), layout="constrained")
    grid = figure.subplots(down, ACROSS, sharex=True, squeeze=False)
    for axes in grid.flat[len(totals) :]:
        axes.set_axis_off()
    for axes, category in zip(grid.flat, totals.index, strict=False):
        plain(axes, "y")
        own = dated[dated["category"] == category].set_index("month")["rows"].reindex(span, fill_value=0)
        axes.fill_between(span.to_numpy(), own.to_numpy(float), color=ACCENT, alpha=0.18, linewidth=0)
        axes.plot(span.to_numpy(), own.to_numpy(float), color=ACCENT, linewidth=1.6)
        axes.set_ylim(bottom=0)
        axes.set_title(f"{category}\n{totals[category]:,} rows", fontsize=SMALL, color=INK, loc="left")
        axes.yaxis.set_major_formatter(EngFormatter(sep=""))
        _months(axes, (1, 7))
    return figure


def share_bars(shares: pd.Series, what: str, counts: pd.Series | None = None) -> Figure | None:
    """One bar per name with its share. `shares`: index the names, values 0 to 1; `counts` stand beside the bars."""
    if shares.empty:
        return None
    rows = shares.iloc[::-1]
    figure, axes = canvas(0.7 + 0.32 * len(rows))
    bars = axes.barh(np.arange(len(rows)), rows.to_numpy(float), height=0.62, color=ACCENT, alpha=0.85)
    beside = [""] * len(rows) if counts is None else [f" ({n:,})" for n in counts.reindex(rows.index)]
    said = [f" {share:.1%}{count}" for share, count in zip(rows, beside, strict=True)]
    axes.bar_label(bars, said, fontsize=SMALL, color=INK)
    axes.set_yticks(np.arange(len(rows)), [str(name) for name in rows.index])
    most = max(float(rows.max()), 1e-9)
    axes.set(xlabel=what, xlim=(0, 1.3 * most))
    # there is room for the numbers behind the bars, but no share above all
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= min(1.0, 1.1 * most)])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if most > 0.1 else 1))  # noqa: PLR2004  # 2.5 %
    return figure


def concentration_curve(rows: pd.Series, who: str) -> Figure | None:
    """How much of all rows the busiest of `who` (accounts, tokens) have (Lorenz 1905, busiest first).

    `rows`: one number per account or token. The dashed line is what equal shares would look like.
    """
    counts = np.sort(rows.to_numpy(float))[::-1]
    if not len(counts) or counts.sum() <= 0:
        return None
    figure, axes = canvas(3.4)
    plain(axes, "both")
    share = np.concatenate([[0.0], counts.cumsum() / counts.sum()])
    place = np.linspace(0.0, 1.0, len(share))
    axes.plot(place, share, color=ACCENT, linewidth=1.8)
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=1.0)
    for busiest in (0.01, 0.1):
        of_all = float(np.interp(busiest, place, share))
        axes.plot(busiest, of_all, "o", color=NEGATIVE, markersize=5)
        axes.annotate(f"busiest {busiest:.0%}: {of_all:.0%} of the rows", (busiest, of_all), xytext=(9, -4),
                      textcoords="offset points", fontsize=SMALL, color=INK,
                      bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0})  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel=f"{who}, busiest first", ylabel="share of all rows")
    return figure


def count_bars(values: pd.Series, what: str, who: str, most: int) -> Figure | None:
    """How many of `who` have 0, 1, 2, ... of `what`; those with `most` or more stand together in the last bar."""
    if values.empty:
        return None
    counts = values.clip(upper=most).astype(int).value_counts().reindex(range(most + 1), fill_value=0)
    first = int(values.min()) if int(values.min()) < most else 0
    counts = counts.loc[first:]
    figure, axes = canvas(2.6)
    axes.grid(visible=False)
    bars = axes.bar(np.arange(len(counts)), counts.to_numpy(float), width=0.7, color=ACCENT, alpha=0.85)
    axes.bar_label(bars, [f"{n:,}" if n else "" for n in counts], fontsize=SMALL, color=INK)
    names = [str(n) for n in counts.index]
    if int(values.max()) > most:
        names[-1] += "+"
    axes.set_xticks(np.arange(len(counts)), names)
    axes.set(xlabel=what, ylabel=who)
    return figure


def active_days(days: pd.DataFrame) -> Figure | None:
    """The days on which each token was used, one line per token, and below them their union: the account's days.

    `days`: columns token and event_date, one row per token and day (more do no harm).
    """
    if days.empty:
        return None
    each = days.drop_duplicates(["token", "event_date"])
    busiest = each["token"].value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    shown = list(busiest.index[:SHOWN_TOKENS])
    lines = [(f"token {token}", each.loc[each["token"] == token, "event_date"]) for token in shown]
    lines.append(("the account", each["event_date"].drop_duplicates()))
    figure, axes = canvas(0.8 + 0.42 * len(lines), width=10.0)
    for place, (_, dates) in enumerate(lines):
        colour = INK if place == len(lines) - 1 else SERIES[place % len(SERIES)]
        axes.plot(pd.to_datetime(dates).to_numpy(), np.full(len(dates), place), "|", color=colour, markersize=13)
    axes.set_yticks(range(len(lines)), [f"{name}: {counted(len(dates), 'day')}" for name, dates in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    _months(axes, range(1, 13))
    return figure


def _months(axes: Axes, of_year: Sequence[int]) -> None:
    """Marks at the first of these months; January carries the year."""
    locator = MonthLocator(bymonth=of_year)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
