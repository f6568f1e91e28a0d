"""What all settings are: frozen, and closed to keys that nobody knows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
#: what numpy and scikit-learn take, with room for those that are counted up from it
Seed = Annotated[int, Field(ge=0, lt=2**31)]


def _first_of_month(date: dt.date) -> dt.date:
    if date.day != 1:
        raise ValueError(f"{date} is not the first day of a month: use {date.replace(day=1)}")
    return date


MonthStart = Annotated[dt.date, AfterValidator(_first_of_month)]


class Frozen(BaseModel):
    """Base of all settings: immutable, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
