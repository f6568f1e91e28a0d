"""A matplotlib figure as SVG inside a page: no fonts, no styles and no ids that could meet others, colours by variable.

The same figure gives the same text: ids are salted with the chart's name, and no time is written.
"""

from __future__ import annotations

import io
import re
import warnings
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from segmentation.reports.palette import VARIABLES, WIDTH

#: pixels of a page per point of a chart: no chart is drawn larger, and no wide one smaller
MOST, LEAST = 1.4, 1.2
#: of an inch
POINTS = 72

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "hatch.linewidth": 0.5,
    "axes.unicode_minus": False,
    "axes.formatter.use_mathtext": False,
}
_FONT = re.compile(r"font-family: [^;\"]+")
_SHORT_FONT = re.compile(r"(font: [^;\"]*?\d+(?:\.\d+)?px) [^;\"]+")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_TAG = re.compile(r"<[^>]*>")
_ID = re.compile(r'(\bid="|xlink:href="#|url\(#)')


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number.group()):.2f}".rstrip("0").rstrip(".")


def inline_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """The figure as an <svg role="img"> with title and description; `name` makes its ids unique in the page."""
    text = io.StringIO()
    with mpl.rc_context({**_SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        # of a name in another script: the browser has the letters, whatever matplotlib's own font lacks
        warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    drawn = _TAG.sub(lambda tag: _LONG_NUMBER.sub(_shorter, tag.group()), drawn)  # what is written between stays
    for colour, variable in VARIABLES.items():
        drawn = drawn.replace(colour, f"var({variable})")
    drawn = _SHORT_FONT.sub(r"\1 system-ui, sans-serif", _FONT.sub("font-family: system-ui, sans-serif", drawn))
    drawn = _ID.sub(lambda found: f"{found.group()}{name}-", drawn)
    drawn = re.sub(r"\n\s*", "\n", drawn).strip()
    head, _, body = drawn.partition(">")
    box = re.search(r'viewBox="[^"]+"', head)
    assert box is not None  # matplotlib always writes one
    width = float(box.group().rstrip('"').split()[-2])
    # what is wider than the page would be shrunk to it, letters and all; a variable, so that print can overrule it
    least = f"; --least: {width * LEAST:.0f}px" if width > WIDTH * POINTS else ""
    said = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(description)}</desc>'
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {box.group()} '
        f'role="img" aria-labelledby="{name}-title {name}-desc" style="max-width: {width * MOST:.0f}px{least}">'
    )
    return f"{opening}{said}{body}"
