from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.schemas import SEGMENT_MOVES
from segmentation.segments.evolution import (
    Decomposed,
    decompose,
    keep_history,
    moves,
    previous_run,
    with_ended,
)
from segmentation.table import check

MAY, JUNE = dt.date(2026, 5, 1), dt.date(2026, 6, 1)


def segments(spark: SparkSession, as_of: dt.date, **of_account: int) -> DataFrame:
    rows = [(as_of, account, "kmeans", segment) for account, segment in of_account.items()]
    return spark.createDataFrame(rows, "as_of date, account_id string, method string, segment int")


@pytest.fixture(scope="module")
def moved(spark: SparkSession) -> DataFrame:
    before = segments(spark, MAY, stays=0, customer=0, retrained=0, both=0, back=0, gone=1)
    between = segments(spark, JUNE, stays=0, customer=1, retrained=0, both=1, back=1, new=1)
    now = segments(spark, JUNE, stays=0, customer=1, retrained=2, both=2, back=0, new=1)
    return check(moves(before, between, now), SEGMENT_MOVES).localCheckpoint()


def test_one_row_per_account_of_both_runs_with_the_step_between(moved: DataFrame) -> None:
    rows = {row["account_id"]: row for row in moved.collect()}
    assert sorted(rows) == ["back", "both", "customer", "retrained", "stays"]
    assert tuple(rows["both"]) == (JUNE, "both", "kmeans", MAY, 0, 1, 2)


def test_moves_by_customers_are_told_from_moves_by_retraining(moved: DataFrame) -> None:
    assert decompose(moved) == [
        Decomposed("kmeans", "2026-05-01", accounts=5, by_customers=3, by_retraining=3, moved=3)
    ]


def summary(segment: int, change: str, previous: list[int], accounts: int = 5) -> dict[str, object]:
    return {"segment": segment, "name": f"Name {segment}", "accounts": accounts, "change": change, "previous": previous}


def test_a_run_is_read_back_from_its_tables() -> None:
    rows = pd.DataFrame({"account_id": ["a", "b", "c"], "segment": [0, 3, -1], "name": ["Heavy", "Light", "none"]})
    profiles = pd.DataFrame({"segment": [0, 3, 3], "feature": ["x", "x", "y"], "centre": [1.0, 2.0, None]})
    found = previous_run(rows, profiles, "2026-05-01", 9)
    assert found.segments == {"a": 0, "b": 3, "c": -1}
    assert found.names == {0: "Heavy", 3: "Light"}
    assert found.centres == {0: {"x": 1.0}, 3: {"x": 2.0}}
    assert found.highest == 9


def test_a_run_that_replaces_another_of_its_date_keeps_the_history() -> None:
    stored = pd.DataFrame([summary(0, "first", []), summary(4, "split", [0]), summary(2, "ended", [0], accounts=0)])
    again = pd.DataFrame([summary(0, "kept", [0]), summary(4, "kept", [4])])
    pd.testing.assert_frame_equal(
        keep_history(again, stored), stored.sort_values("segment", ignore_index=True), check_exact=True
    )


def test_but_what_changed_since_that_run_is_told() -> None:
    stored = pd.DataFrame([summary(0, "kept", [0]), summary(1, "kept", [1])])
    again = pd.DataFrame([summary(0, "merged", [0, 1]), summary(1, "ended", [0], accounts=0), summary(7, "born", [])])
    pd.testing.assert_frame_equal(keep_history(again, stored), again, check_exact=True)


def test_ids_of_methods_that_did_not_run_again_stay_given_out() -> None:
    found = pd.DataFrame([summary(0, "kept", [0]) | {"method": "kmeans", "sentence": "5 accounts."}])
    gmm = [summary(0, "kept", [0]), summary(6, "born", []), summary(3, "ended", [0], accounts=0)]
    replaced = pd.concat([found, pd.DataFrame([one | {"method": "gmm", "sentence": "Was."} for one in gmm])])
    told = with_ended(found, replaced.assign(as_of=JUNE), lambda method: f"{method} was not asked for").to_dict(
        "records"
    )
    assert [(row["method"], row["segment"], row["change"], row["accounts"], row["sentence"]) for row in told] == [
        ("kmeans", 0, "kept", 5, "5 accounts."),
        ("gmm", 0, "ended", 0, "Ended: gmm was not asked for."),
        ("gmm", 6, "ended", 0, "Ended: gmm was not asked for."),
        ("gmm", 3, "ended", 0, "Was."),
    ]
    assert list(told[1]) == list(found.columns)
