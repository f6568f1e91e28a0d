"""How events become one row per account."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from segmentation.settings.base import Frozen, Share


class FeatureSettings(Frozen):
    """How the cube becomes features."""

    max_names_per_category: Annotated[int, Field(ge=64)]


class BasetableSettings(Frozen):
    """Labels, folds and missing values."""

    as_of: dt.date | None
    imputation: Literal["basetable", "logs"]
    max_missing_share: Share
    folds: Annotated[int, Field(ge=2)]
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)]
    fold_seed: int
    label_groups: dict[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _month_start(self) -> BasetableSettings:
        if self.as_of is not None and self.as_of.day != 1:
            raise ValueError(
                f"as_of {self.as_of} is not the first day of a month; the cube is monthly, "
                f"so use {self.as_of.replace(day=1)}"
            )
        return self
