"""What a report is made from: rows of tables as of one date, and as of the date before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from segmentation.industries.filling import promised
from segmentation.reports.standing import Standing, standing


@dataclass(frozen=True)
class Inputs:
    """Frames by table name, each with the table's own columns; a table that is missing or has no such rows is absent.

    Tables without as_of stand whole. Besides: `categories` (category, rows, tokens, accounts, first, last; of the kept
    rows before as_of).
    """

    as_of: dt.date
    #: the latest date before that has segments; None in the first report
    previous: dt.date | None
    #: when the youngest table was published, UTC
    published: dt.datetime
    #: the segments spoken of: the consensus, or the first method
    method: str
    #: all methods, in the order of the settings
    methods: tuple[str, ...]
    now: Mapping[str, pd.DataFrame]
    before: Mapping[str, pd.DataFrame]
    #: feature -> plain words
    words: Mapping[str, str]
    #: features in the basetable
    features: int
    #: rows of a long table that the page shows
    shown: int
    #: probability of falling silent from which on somebody should call
    reach_out: float
    #: of fills, as the settings ask for
    fill_precision: float
    #: tables, by name, that were made from an earlier build of the basetable, or of the cube
    outdated: tuple[str, ...]
    #: of both forecasts; None where nothing tells
    horizon_months: int | None
    value_months: int | None
    #: the same of the forecasts as of `previous`
    previous_horizon_months: int | None
    previous_value_months: int | None
    hashed_ids: bool

    def has(self, name: str) -> bool:
        """Whether there are rows of the table as of this date."""
        return name in self.now and not self.now[name].empty

    def rows(self, name: str) -> pd.DataFrame:
        """Rows of a table that `has` them, as of this date; KeyError otherwise."""
        return self.now[name]

    def of_method(self, name: str, earlier: bool = False) -> pd.DataFrame:
        """Rows of a table with a column `method`, of the segments spoken of; empty where there are none."""
        frames = self.before if earlier else self.now
        if name not in frames:
            return pd.DataFrame(columns=["method"])
        rows = frames[name]
        return rows[rows["method"] == self.method]

    @property
    def right_at_least(self) -> float:
        """Of fills: the thresholds may be of a time when the settings asked for less."""
        lows = self.rows("industry_cards")["precision_low"] if self.has("industry_cards") else ()
        return promised(self.fill_precision, lows)

    @property
    def standing(self) -> Standing | None:
        """Which model the industries come from; None where no training has written that down."""
        return standing(self.rows("industry_models")) if self.has("industry_models") else None

    @property
    def is_refused(self) -> bool:
        """Whether the gate refused the model that the industries come from: then nothing is filled in."""
        return self.standing is not None and self.standing.is_refused

    @property
    def labels_checked(self) -> bool:
        """Whether an empty list of labels to check means that none has to be."""
        return self.standing is None or self.standing.labels_checked

    @property
    def names(self) -> dict[int, str]:
        """Segment -> its name; those that ended included."""
        rows = self.of_method("segment_summaries")
        return {int(segment): str(name) for segment, name in zip(rows["segment"], rows["name"], strict=True)}
