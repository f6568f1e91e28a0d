"""The generator of logs with a planted truth."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from segmentation.settings.base import Frozen, MonthStart, Positive, Seed, Share

#: more mess than this leaves no row of its own to each kind
_MAX_MESS = 0.5
#: the logs of the most months end then at the earliest, so that all of them lie in the calendar
_EARLIEST_END = dt.date(1980, 1, 1)
#: in units of the default difficulty; much more is beyond what the generator's exponentials hold
Strength = Annotated[float, Field(ge=0.0, le=10.0)]


def _not_too_early(end: dt.date) -> dt.date:
    if end < _EARLIEST_END:
        raise ValueError(f"{end} is too early: {_EARLIEST_END} is the first that is possible")
    return end


class SyntheticSettings(Frozen):
    """The planted-truth generator."""

    seed: Seed
    rows: Positive
    accounts: Positive
    tokens_per_account: Annotated[float, Field(ge=1.0, le=10_000.0)]  # no customer has more
    months: Annotated[int, Field(ge=1, le=120)]
    end: Annotated[MonthStart, AfterValidator(_not_too_early)]
    format: Literal["csv", "jsonl", "parquet"]
    files_per_month: Annotated[int, Field(ge=1, le=28)]  # a file is whole days
    processes: Positive
    majority_share: Share
    labelled_share: Share
    noise: Strength
    signal: Strength
    duplicate_share: Share
    bad_timestamp_share: Share
    missing_field_share: Share
    unknown_event_share: Share
    outdated_share: Share
    two_account_token_share: Share

    @model_validator(mode="after")
    def _some_good_rows(self) -> SyntheticSettings:
        shares = (
            self.duplicate_share, self.bad_timestamp_share, self.missing_field_share, self.unknown_event_share,
            self.outdated_share,
        )  # fmt: skip
        if sum(shares) > _MAX_MESS:
            raise ValueError(
                f"the shares of mess add up to {sum(shares):.2f} of the rows; at most {_MAX_MESS} is possible"
            )
        return self
