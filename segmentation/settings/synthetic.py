"""The generator of logs with a planted truth."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from segmentation.settings.base import Frozen, Positive, Share


class SyntheticSettings(Frozen):
    """The planted-truth generator."""

    seed: int
    rows: Positive
    accounts: Positive
    tokens_per_account: Annotated[float, Field(ge=1.0)]
    months: Annotated[int, Field(ge=1, le=120)]
    end: dt.date
    format: Literal["csv", "jsonl", "parquet"]
    files_per_month: Positive
    processes: Positive
    majority_share: Share
    labelled_share: Share
    noise: Annotated[float, Field(ge=0.0)]
    signal: Annotated[float, Field(ge=0.0)]
    duplicate_share: Share
    bad_timestamp_share: Share
    missing_field_share: Share
    unknown_event_share: Share
    outdated_share: Share
    two_account_token_share: Share
