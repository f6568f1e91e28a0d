"""How numbers, shares, missing values and long lists are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

#: shown where there is no value
NOTHING = "-"
#: names told before it is only counted
_TOLD = 10
#: so many lines or paths are told, where each says what is to be done about one file
FILES_TOLD = 20
#: keeps a number and its sign on one line
BLANK = "\N{NO-BREAK SPACE}"


def fixed(value: float, decimals: int, sign: str = "") -> str:
    """1,485.20 for two decimals; what would be rounded to -0.00 is 0.00. `sign`: + for one before every number."""
    rounded = round(float(value), decimals) + 0.0  # -0.0 + 0.0 is 0.0
    return f"{rounded:{sign if rounded else ''},.{decimals}f}"


def shown_int(value: float) -> str:
    """1,485."""
    return fixed(value, 0)


def counted(count: float, one: str, many: str | None = None) -> str:
    """1 account, 2 accounts; `many` where it is not made by an s."""
    return f"{shown_int(count)} {one if count == 1 else many or f'{one}s'}"


def listed(names: Sequence[str], most: int = _TOLD, between: str = ", ", more: str = " and {} more") -> str:
    """The first names, and how many more there are."""
    rest = len(names) - most
    return between.join(names[:most]) + (more.format(shown_int(rest)) if rest > 0 else "")


def months_ahead(months: int | None) -> str:
    """How far a forecast looks, where that is known: 3 months."""
    return "the months ahead" if months is None else counted(months, "month")


def shown_share(value: float, blank: str = BLANK) -> str:
    """0.234 as 23 %; what is not quite nothing as < 1 %, and what is not quite all as > 99 %."""
    if 0 < value <= 0.005:  # noqa: PLR2004  # would be rounded to none
        return f"< 1{blank}%"
    if 0.995 <= value < 1:  # noqa: PLR2004  # would be rounded to all
        return f"> 99{blank}%"
    return f"{fixed(100 * value, 0)}{blank}%"


def shown_least(value: float) -> str:
    """A lower bound, in whole percents that are never rounded up: 0.897 as 89 %."""
    return f"{whole_percents(value)}{BLANK}%"


def whole_percents(share: float) -> int:
    """Rounded down, where 0.29 is 29, although 100 times it is a little less."""
    return math.floor(round(100 * share, 9))


def shown_below(value: float) -> str:
    """A figure that is held against a threshold, never rounded up to it: 0.597 as 0.59."""
    return f"{whole_percents(value) / 100:.2f}"


def shown_goal(value: float) -> str:
    """A share that was asked for, to the digit: 90 %, 99.5 %."""
    return f"{100 * value:g}{BLANK}%"


def shown_small(value: float) -> str:
    """A probability by chance: 0.013, < 0.001."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004  # three decimals


SHOWN: dict[str, Callable[[Any], str]] = {
    "text": str,
    "wide": str,
    "date": str,
    "int": shown_int,
    "share": shown_share,
    "least": shown_least,
    "below": shown_below,
    "chance": shown_small,
    "number": lambda value: fixed(value, 2),
    "tenth": lambda value: fixed(value, 1),
    "signed": lambda value: fixed(value, 1, "+"),
    "change": lambda value: fixed(value, 0 if float(value).is_integer() else 2, "+"),
    "plain": lambda value: fixed(value, 0 if float(value).is_integer() else 2),
}


def is_missing(value: Any) -> bool:
    """None, NaN, NaT or NA: no value; a list is one."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def interval(low: Any, high: Any) -> str:
    """`0.69 to 0.79`, or a dash where there is none."""
    return NOTHING if is_missing(low) or is_missing(high) else f"{fixed(low, 2)} to {fixed(high, 2)}"
