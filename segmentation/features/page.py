"""The feature catalogue as a page to read; generated, so that it cannot drift from the columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from segmentation.features.feature import ALL, Feature

HEADER = ("Feature and meaning", "Per token, then per account", "If missing", "For models")
ACCOUNT = "The account as a whole"


def render_page(features: Sequence[Feature]) -> str:
    """Markdown: a section per category with one line per feature in column order, ending in a newline."""
    lines = [
        "# Features",
        "",
        f"{len(features)} features per account and `as_of`; every window ends the day before `as_of`.",
    ]
    for title, group in groupby(features, _title):
        lines += ["", f"## {title}", "", _line(HEADER), _line(["---"] * len(HEADER))]
        lines += [_line(_cells(feature)) for feature in group]
    return "\n".join(lines) + "\n"


def _title(feature: Feature) -> str:
    if feature.category is None:
        return ACCOUNT
    return "All categories together" if feature.category == ALL else feature.category


def _cells(feature: Feature) -> Sequence[str]:
    fill = feature.fill if isinstance(feature.fill, str) else f"{feature.fill:g}"
    scale = "category" if feature.is_categorical else "log1p" if feature.heavy_tailed else "as it is"
    return (f"`{feature.name}`<br>{feature.meaning}", f"{feature.measured};<br>{feature.rollup}", fill, scale)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
