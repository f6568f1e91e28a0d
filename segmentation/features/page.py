"""The feature catalogue as a page to read; generated, so that it cannot drift from the columns."""

from __future__ import annotations

from collections.abc import Sequence

from segmentation.features.feature import Feature

HEADER = ("Feature", "Meaning", "Per token", "Per account", "If missing", "Scale for models")


def render_page(features: Sequence[Feature]) -> str:
    """Markdown: a table with one line per feature in column order, ending in a newline."""
    lines = [
        "# Features",
        "",
        f"{len(features)} features per account and `as_of`; every window ends the day before `as_of`.",
        "",
        _line(HEADER),
        _line(["---"] * len(HEADER)),
        *(_line(_cells(feature)) for feature in features),
    ]
    return "\n".join(lines) + "\n"


def _cells(feature: Feature) -> Sequence[str]:
    fill = feature.fill if isinstance(feature.fill, str) else f"{feature.fill:g}"
    scale = "category" if feature.is_categorical else "log1p" if feature.heavy_tailed else "as it is"
    return (f"`{feature.name}`", feature.meaning, feature.measured, feature.rollup, fill, scale)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
