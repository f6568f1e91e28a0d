"""Colours and marks of every chart. The report turns each colour into a CSS variable, so that dark mode can change it.

Series differ by mark as well as by colour: nobody has to tell colours apart. The hues are those of Okabe and Ito
(2008), darkened to stand out from white.
"""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

INK, MUTED, LINE, PAPER = "#1b1f24", "#5b6570", "#d8dde3", "#fefefe"
ACCENT, POSITIVE, NEGATIVE = "#0b5fa5", "#0b7a5b", "#b3420a"
SERIES = ("#0072b2", "#c25400", "#007f5f", "#a8528a", "#8a6d00", "#3b8fc4", "#6a4fb3", "#7a7a7a")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
#: inches of a chart across the page, and the size of its letters
WIDTH = 6.6
#: inches of a chart that stands in half the page
NARROW = 4.6
SMALL = 8.5

#: of a square: text on a darker one could not be read, in dark mode, where squares are lighter than the page
DEEPEST = 0.45

#: colour as matplotlib writes it -> the variable of report.css
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    PAPER: "--paper",
    ACCENT: "--accent",
    POSITIVE: "--positive",
    NEGATIVE: "--negative",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES)},
}


def colour_of(number: int) -> str:
    """The colour of a series; they begin again after the last."""
    return SERIES[number % len(SERIES)]


def mark_of(number: int) -> str:
    """The mark of a series; there are more marks than colours, so that no two of the first forty are alike."""
    return MARKS[number % len(MARKS)]


class Drawing(Figure):
    """A figure on which every name stands as it is: matplotlib would set what is between two $ as a formula."""

    def draw(self, renderer: RendererBase) -> None:
        """Draw all texts literally, those that are made on the way (ticks) included."""
        for text in self.findobj(Text):
            text.set_parse_math(False)
        with mpl.rc_context({"text.parse_math": False}):
            super().draw(renderer)


def canvas(height: float, width: float = WIDTH) -> tuple[Figure, Axes]:
    """An empty chart of so many inches, in the report's style."""
    figure = Drawing(figsize=(width, height), layout="constrained", facecolor="none")
    axes = figure.subplots()
    plain(axes)
    return figure, axes


def plain(axes: Axes, grid: str = "x") -> None:
    """Only what carries meaning: no frame, a light grid along `grid`, muted labels."""
    axes.set_facecolor("none")
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=SMALL, length=0)
    axes.xaxis.label.set(color=MUTED, fontsize=SMALL)
    axes.yaxis.label.set(color=MUTED, fontsize=SMALL)
    axes.set_axisbelow(True)
    axes.grid(visible=False)
    if grid:
        axes.grid(visible=True, axis=grid, color=LINE, linewidth=0.8)  # type: ignore[arg-type]


def legend(figure: Figure, columns: int = 3) -> None:
    """A legend below the chart, where it hides nothing."""
    shown = figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL, labelcolor=INK)
    shown.set_zorder(5)


def square(axes: Axes, row: int, column: int, colour: str, shade: float) -> None:
    """One cell of a grid of squares; `shade` is from 0, none, to 1, on which text can still be read."""
    deep = round(shade * DEEPEST, 2)
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=deep, linewidth=0))


def squared(axes: Axes, down: list[str], across: list[str]) -> None:
    """Axes for a grid of squares: the first row on top, a label per row and column, a line between rows."""
    plain(axes, "")
    axes.set_xticks(range(len(across)), across)
    axes.set_yticks(range(len(down)), down)
    axes.set(xlim=(-0.5, len(across) - 0.5), ylim=(len(down) - 0.5, -0.5))
    for at in range(len(down) + 1):
        axes.axhline(at - 0.5, color=LINE, linewidth=0.8)
