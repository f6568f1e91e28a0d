"""How events become one row per account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from segmentation.settings.base import Frozen, MonthStart, Share


class FeatureSettings(Frozen):
    """How the cube becomes features."""

    max_names_per_category: Annotated[int, Field(ge=64)]


class BasetableSettings(Frozen):
    """Labels, folds and missing values."""

    as_of: MonthStart | None
    imputation: Literal["basetable", "logs"]
    max_missing_share: Share
    folds: Annotated[int, Field(ge=2)]
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)]
    fold_seed: int
    label_groups: dict[str, tuple[str, ...]]
