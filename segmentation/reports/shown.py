"""How numbers, shares and missing values are written."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

#: shown where there is no value
NOTHING = "-"
#: keeps a number and its sign on one line
BLANK = "\N{NO-BREAK SPACE}"


def shown_int(value: float) -> str:
    """1,485."""
    return f"{value:,.0f}"


def counted(count: float, one: str) -> str:
    """1 account, 2 accounts."""
    return f"{shown_int(count)} {one if count == 1 else f'{one}s'}"


def shown_share(value: float) -> str:
    """0.234 as 23 %; what is not quite nothing as < 1 %, and what is not quite all as > 99 %."""
    if 0 < value < 0.005:  # noqa: PLR2004  # would be rounded to none
        return f"< 1{BLANK}%"
    if 0.995 <= value < 1:  # noqa: PLR2004  # would be rounded to all
        return f"> 99{BLANK}%"
    return f"{100 * value:.0f}{BLANK}%"


def shown_small(value: float) -> str:
    """A probability by chance: 0.013, < 0.001."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004  # three decimals


SHOWN: dict[str, Callable[[Any], str]] = {
    "text": str,
    "wide": str,
    "date": str,
    "int": shown_int,
    "share": shown_share,
    "chance": shown_small,
    "number": lambda value: f"{value:,.2f}",
    "tenth": lambda value: f"{value:,.1f}",
    "signed": lambda value: f"{value:+,.1f}",
    "change": lambda value: "0" if value == 0 else f"{value:+,.0f}" if float(value).is_integer() else f"{value:+,.2f}",
    "plain": lambda value: shown_int(value) if float(value).is_integer() else f"{value:,.2f}",
}


def is_missing(value: Any) -> bool:
    """None, NaN or NaT: no value."""
    return value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def interval(low: Any, high: Any) -> str:
    """`0.69 to 0.79`, or a dash where there is none."""
    return NOTHING if is_missing(low) or is_missing(high) else f"{float(low):.2f} to {float(high):.2f}"
