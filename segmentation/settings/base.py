"""What all settings are: frozen, and closed to keys that nobody knows."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
#: what numpy and scikit-learn take, with room for those that are counted up from it
Seed = Annotated[int, Field(ge=0, lt=2**31)]


def _no_number(given: object) -> object:
    """Pydantic would take a number for seconds since 1970, also one in quotes."""
    if isinstance(given, (int, float)) or (isinstance(given, str) and re.fullmatch(r"[+-]?[\d.]+", given)):
        raise ValueError(f"{given} is a number: write it as 2026-01-01")
    return given


Date = Annotated[dt.date, BeforeValidator(_no_number)]


def _first_of_month(date: dt.date) -> dt.date:
    if date.day != 1:
        raise ValueError(f"{date} is not the first day of a month: use {date.replace(day=1)}")
    return date


MonthStart = Annotated[Date, AfterValidator(_first_of_month)]


class Frozen(BaseModel):
    """Base of all settings: immutable, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
