"""A matplotlib figure as a block of the page."""

from __future__ import annotations

from matplotlib.figure import Figure

from segmentation.reports.blocks import Chart
from segmentation.reports.svg import inline_svg


def chart(figure: Figure | None, name: str, title: str, description: str, is_told: bool = True) -> tuple[Chart, ...]:
    """One chart, or none where there is nothing to draw."""
    if figure is None:
        return ()
    return (Chart(name, title, description, inline_svg(figure, name, title, description), is_told),)
