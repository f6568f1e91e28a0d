"""What is known at an earlier date must not depend on anything later; who falls silent, and who only moves."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import LackingData
from segmentation.features.catalogue import YEAR_OVER_YEAR, catalogue
from segmentation.features.months import months_before
from segmentation.outlook.churn import forecast_churn
from segmentation.outlook.days import first_value_month, value_days
from segmentation.outlook.snapshots import CHURNED, check_history, measured_then, seen_from, snapshot
from segmentation.settings import OutlookSettings
from segmentation.stores.conf import load_settings
from tests.features.conftest import Rows
from tests.models import planted

AS_OF = dt.date(2025, 4, 1)
OUTLOOK = OutlookSettings(
    horizon_months=3, active_months=2, min_accounts=5, value_months=12, bootstrap=50, seed=5
)  # fmt: skip
#: token -> the accounts that it was seen under, keys and ids
TOKENS = {1: {1: "a1"}, 2: {2: "a2"}, 3: {3: "a3"}, 4: {3: "a3"}, 5: {4: "a4"}, 6: {5: "a5", 6: "a6"}}
BEFORE = [
    {"month": month, "token": token, "account": account, "days": (3, 9), "rows": rows}
    for token, account, rows in ((1, 1, 5), (2, 2, 4), (3, 3, 3), (6, 5, 9))
    for month in ("2025-01", "2025-02", "2025-03")
]
AFTER = [
    {"month": "2025-06", "token": 1, "account": 1},
    {"month": "2025-05", "token": 4, "account": 3},  # another token of an account already known
    {"month": "2025-05", "token": 5, "account": 4},  # an account nobody knew
    {"month": "2025-04", "token": 6, "account": 6},  # a known token under another account
    {"month": "2025-07", "token": 2, "account": 2},  # back, but only after the horizon
]


@pytest.fixture(scope="module")
def owned(tokens: Rows) -> DataFrame:
    return tokens(TOKENS)


def known(frame: DataFrame) -> list[dict[str, object]]:
    return sorted((row.asDict() for row in frame.drop(CHURNED).collect()), key=lambda row: str(row["account_id"]))


def test_only_the_outcome_looks_beyond_the_date(spark: SparkSession, cube: Rows, owned: DataFrame) -> None:
    settings = load_settings("local", []).basetable
    then, now = (
        snapshot(cube(*rows), owned, AS_OF, 3, ("Document",), (1, False), settings).localCheckpoint()
        for rows in (BEFORE, [*BEFORE, *AFTER])
    )
    assert known(now) == known(then)
    assert {row["account_id"]: row[CHURNED] for row in then.collect()} == dict.fromkeys(("a1", "a2", "a3", "a5"), True)
    outcomes = {row["account_id"]: row[CHURNED] for row in now.collect()}
    assert outcomes == {"a1": False, "a2": True, "a3": False, "a5": False}
    row = next(row for row in known(now) if row["account_id"] == "a5")
    assert (row["as_of"], row["industry"], row["all_rows_year"]) == (AS_OF, None, 27.0)


def test_seen_means_a_row_in_the_months_that_were_asked_for(spark: SparkSession, cube: Rows, owned: DataFrame) -> None:
    owners = spark.createDataFrame([(1, "a1"), (2, "a2"), (3, "a3"), (6, "a5")], ["token_key", "account_id"])
    for months, ids in ((1, {"a5", "a6"}), (2, {"a3", "a4", "a5", "a6"}), (4, {"a1", "a2", "a3", "a4", "a5", "a6"})):
        found = seen_from(cube(*BEFORE, *AFTER), owned, owners, AS_OF, months)
        assert sorted(row["account_id"] for row in found.collect()) == sorted(ids)


def test_a_short_history_is_refused_with_the_months_it_takes() -> None:
    check_history(dt.date(2025, 1, 1), dt.date(2025, 9, 1), OUTLOOK)
    with pytest.raises(LackingData, match=r"needs 8 months of logs before 2025-09-01 .*there are 7"):
        check_history(dt.date(2025, 2, 1), dt.date(2025, 9, 1), OUTLOOK)


def test_too_few_silent_accounts_are_refused_with_their_number(spark: SparkSession) -> None:
    frame = planted.groups().assign(all_days_since_last=1.0).assign(**{CHURNED: [True] * 4 + [False] * 116})
    rows = spark.createDataFrame(frame)
    features = [*planted.usage_features(), planted.feature("all_days_since_last")]
    said = "of 120 accounts known by 2026-01-01 4 had no row until 2026-04-01 and 116 had: churn needs 5 of each"
    with pytest.raises(LackingData, match=said):
        forecast_churn(rows, rows, rows, features, OUTLOOK, planted.MODELS)


def test_days_with_a_value_are_counted_once_over_tokens_and_categories(spark: SparkSession, cube: Rows) -> None:
    rows = cube(
        {"month": "2025-01", "token": 1, "account": 1, "days": (4, 9), "value_count": 2, "value_sum": 10.5},
        {"month": "2025-01", "token": 2, "account": 1, "days": (9, 31), "value_count": 2, "value_sum": 4},
        {"month": "2025-02", "token": 2, "account": 1, "days": (1, 2)},  # no value
        {"month": "2025-03", "token": 2, "account": 1, "days": (1,), "value_count": 1, "value_sum": 1},
        {"month": "2025-03", "token": 2, "account": 1, "days": (7,), "category": "System", "value_count": 1,
         "value_sum": 2},
        {"month": "2025-03", "token": 3, "account": 2, "days": (31,), "value_count": 1, "value_sum": -3},
        {"month": "2025-04", "token": 3, "account": 2, "days": (1,), "value_count": 1, "value_sum": 100},
    )  # fmt: skip
    owners = spark.createDataFrame([(1, "a1"), (2, "a1"), (3, "a2")], ["token_key", "account_id"])
    days = value_days(rows, owners, AS_OF, dt.date(2025, 3, 1)).orderBy("account_id").collect()
    first, second = (row.asDict() for row in days)
    assert first == {
        "account_id": "a1", "first_day": dt.date(2025, 1, 4), "days": 5, "last_day": dt.date(2025, 3, 7), "value": 17.5,
        "days_before": 3, "last_before": dt.date(2025, 1, 31), "value_before": 14.5,
    }  # fmt: skip
    assert second == {
        "account_id": "a2", "first_day": dt.date(2025, 3, 31), "days": 1, "last_day": dt.date(2025, 3, 31),
        "value": -3.0, "days_before": None, "last_before": None, "value_before": None,
    }  # fmt: skip
    assert first_value_month(rows, AS_OF) == (dt.date(2025, 1, 1), 0)
    with pytest.raises(LackingData, match="no log row before 2025-01-01 carries a value"):
        first_value_month(rows, dt.date(2025, 1, 1))


def test_growth_over_two_years_is_left_out_where_the_logs_do_not_hold_both() -> None:
    """At the dates that are learned from it would be measured over other months than today."""
    features, earliest = catalogue(("Document",)), dt.date(2025, 7, 1)
    held = {24: (True, False), 23: (False, False), 12: (False, False), 11: (False, True)}
    for months, (is_kept, is_told) in held.items():
        kept, told = measured_then(features, months_before(earliest, months), earliest)
        assert (YEAR_OVER_YEAR in {feature.entry for feature in kept}, told is not None) == (is_kept, is_told)
        assert len(kept) == len(features) - (0 if is_kept else 2)
    assert told is not None
    assert told.startswith(
        "the logs hold 11 months before 2025-07-01, the first date that is learned from: features of"
    )
