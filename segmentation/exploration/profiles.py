"""What is said of any column, whether it was counted by Spark or by pandas."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from segmentation.schemas import COLUMN_PROFILES

#: columns of the table, less as_of
COLUMNS = [name for name in COLUMN_PROFILES.columns.names if name != "as_of"]
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
CONSTANT, NEARLY_CONSTANT, MOSTLY_MISSING, MOSTLY_ZERO = "constant", "nearly constant", "mostly missing", "mostly zero"
_DIGITS = 9


def remark(row: Mapping[Hashable, Any], near_constant: float) -> str | None:
    """The first of: mostly missing, constant, nearly constant, mostly zero; None where nothing is odd.

    `row` is one of table column_profiles; `near_constant` is the share of one value from which on a column is so.
    """
    if _above(row, "missing_share", 0.5):
        return MOSTLY_MISSING
    distinct, equal = row["distinct_values"], not pd.isna(row["minimum"]) and row["minimum"] == row["maximum"]
    if equal or (not pd.isna(distinct) and distinct == 1 and row["kind"] != "number"):
        return CONSTANT
    if _above(row, "top_share", near_constant) or _above(row, "zero_share", near_constant):
        return NEARLY_CONSTANT
    return MOSTLY_ZERO if row["kind"] == "number" and _above(row, "zero_share", 0.5) else None


def rounded(value: float | None) -> float | None:
    """To nine significant digits, which do not depend on the order in which the rows were added up."""
    if value is None or not math.isfinite(value) or value == 0.0:
        return value
    return round(value, _DIGITS - 1 - math.floor(math.log10(abs(value))))


def _above(row: Mapping[Hashable, Any], what: str, share: float) -> bool:
    return not pd.isna(row[what]) and row[what] >= share
