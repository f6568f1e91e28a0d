from __future__ import annotations

import datetime as dt

import pandas as pd

from segmentation.jobs.segment_history import History, with_history

MAY, JUNE, JULY = dt.date(2026, 5, 1), dt.date(2026, 6, 1), dt.date(2026, 7, 1)


def summaries(*rows: tuple[int, str, list[int]]) -> pd.DataFrame:
    return pd.DataFrame([("kmeans", *row) for row in rows], columns=["method", "segment", "change", "previous"])


def history(reference: dt.date | None, stored: pd.DataFrame) -> History:
    return History(JUNE, {"kmeans": reference} if reference else {}, {}, {}, stored)


FOUND = summaries((0, "kept", [0]), (1, "ended", [0]))


def test_against_the_month_before_changes_stand_as_they_are() -> None:
    assert with_history(FOUND, history(MAY, summaries())) is FOUND
    assert with_history(FOUND, history(None, summaries())) is FOUND


def test_training_a_month_again_keeps_what_it_said_of_the_month_before() -> None:
    stored = summaries((0, "split", [4]), (1, "kept", [1])).assign(as_of=JUNE)
    told = with_history(FOUND, history(JUNE, stored))
    assert told["change"].tolist() == ["split", "ended"]
    assert told["previous"].tolist() == [[4], [0]]


def test_going_back_in_time_nothing_has_ended_yet() -> None:
    told = with_history(FOUND, history(JULY, summaries()))
    assert told[["segment", "change"]].values.tolist() == [[0, "first"]]
    assert told["previous"].tolist() == [[]]
