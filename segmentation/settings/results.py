"""What is looked at before any model, and what leaves the house after all of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from segmentation.settings.base import Frozen, Positive, Share


class ExploreSettings(Frozen):
    """Exploratory statistics."""

    bins: Annotated[int, Field(ge=2)]
    top: Positive
    correlation: Annotated[float, Field(gt=0.0, le=1.0)]
    near_constant: Annotated[float, Field(gt=0.5, le=1.0)]
    skew_share: Share
    driver_accounts: Annotated[int, Field(ge=100)]


class ExportSettings(Frozen):
    """Files for other tools."""

    columns: tuple[str, ...]
    format: Literal["csv", "parquet", "both"]


class ReportSettings(Frozen):
    """The page for people who never open a terminal."""

    shown: Positive
    reach_out: Annotated[float, Field(gt=0.0, le=1.0)]
