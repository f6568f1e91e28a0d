"""The charts of the basetable's columns, for the notebooks: counted or raw values in, a bare matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from segmentation.reports.palette import ACCENT, INK, NEGATIVE, PAPER, SMALL, Drawing, canvas, plain

ACROSS = 3
#: more features than this in one map cannot be read
SHOWN = 24
#: on a squeezed axis ticks stand where the value itself is round
TICKS = (0.0, *(10.0**power for power in range(12)))
#: labels must not touch
MOST_TICKS = 5
#: with no more bars than this each has a label of its own
MOST_BARS = 12


def histograms(bins: pd.DataFrame, columns: Sequence[str], of_what: str = "accounts") -> Figure | None:
    """How the values of each column spread, one small chart per column, in the order given.

    `bins`: rows of `column_histograms` (column_name, bin, low, high, rows, scale), bounds in the column's own unit. On
    the scale log1p steps are equal in log(1 + value), so that a few huge values do not press all others into one bar.
    """
    known = [name for name in columns if name in set(bins["column_name"])]
    if not known:
        return None
    down = -(-len(known) // ACROSS)
    figure = Drawing(figsize=(10.0, 2.1 * down), layout="constrained")
    grid = figure.subplots(down, ACROSS, squeeze=False)
    for axes in grid.flat[len(known) :]:
        axes.set_axis_off()
    for axes, name in zip(grid.flat, known, strict=False):
        own = bins[bins["column_name"] == name].sort_values("bin")
        squeezed = bool((own["scale"] == "log1p").all())
        edges = np.append(own["low"].to_numpy(float), own["high"].to_numpy(float)[-1])
        places = np.sign(edges) * np.log1p(np.abs(edges)) if squeezed else edges
        plain(axes, "y")
        axes.stairs(own["rows"].to_numpy(float), places, fill=True, color=ACCENT, alpha=0.8)
        if squeezed:
            ticks = [tick for tick in TICKS if edges.min() <= tick <= max(edges.max(), 1.0)]
            ticks = ticks[:: -(-len(ticks) // MOST_TICKS) or 1]
            axes.set_xticks(np.log1p(ticks), [_short(tick) for tick in ticks])
        elif len(own) <= MOST_BARS and (np.diff(edges) == 1).all():  # a bar per number, such as a weekday
            axes.set_xticks(places[:-1] + 0.5, [_short(edge) for edge in edges[:-1]])
        else:
            axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS))
            axes.xaxis.set_major_formatter(_short)
        axes.set_title(name.replace("_", " "), fontsize=SMALL, color=INK, loc="left")
        axes.yaxis.set_major_formatter(_short)
        axes.set_ylabel(of_what)
    return figure


def correlation_map(accounts: pd.DataFrame, columns: Sequence[str]) -> Figure | None:
    """Spearman's rank correlation (1904) of every pair of columns, -1 to 1, as a square with its number.

    `accounts`: one row per account. At most the first 24 columns; a column with one value only has no correlation.
    """
    shown = [name for name in columns if accounts[name].nunique() > 1][:SHOWN]
    if len(shown) < 2:  # noqa: PLR2004  # a pair
        return None
    found = accounts[shown].corr(method="spearman").to_numpy(float)
    figure, axes = canvas(1.6 + 0.36 * len(shown), width=3.2 + 0.42 * len(shown))
    axes.grid(visible=False)
    shades = LinearSegmentedColormap.from_list("both ways", [NEGATIVE, PAPER, ACCENT])
    axes.imshow(found, cmap=shades, vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(found):
        strong = abs(value) > 0.7  # noqa: PLR2004  # dark squares need light numbers
        axes.text(column, row, f"{value:.1f}".replace("-0.0", "0.0"), ha="center", va="center", fontsize=7,
                  color=PAPER if strong else INK)  # fmt: skip
    names = [name.replace("_", " ") for name in shown]
    axes.set_yticks(range(len(names)), names)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    return figure


def _short(value: float, _: object = None) -> str:
    """12,000 as 12k; fractions as they are."""
    return str(EngFormatter(sep="")(value)) if abs(value) >= 1000 else f"{value:g}"  # noqa: PLR2004  # where k begins
