"""Filling the cube equals filling every log row."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.basetable.imputation import basetable_features, filled_shares, prepare_activity
from segmentation.schemas import ACTIVITY

AS_OF = dt.date(2026, 1, 1)
COLUMNS = ("rows", "duration_count", "duration_sum", "duration_max", "product", "os")


def make_cube(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    moment = dt.datetime(2025, 12, 1, tzinfo=dt.UTC)
    nothing = {
        "event_month": dt.date(2025, 12, 1), "account_key": 1, "category": "Document", "duration_count": 0,
        "value_count": 0, "errors": 0, "day_mask": 1, "name_masks": [0], "first_ts": moment, "last_ts": moment,
    }  # fmt: skip
    exact = [row | {"duration_sum": Decimal(row["duration_sum"])} if "duration_sum" in row else row for row in rows]
    return spark.createDataFrame(
        [tuple((nothing | row).get(name) for name in ACTIVITY.columns.names) for row in exact], ACTIVITY.columns
    )


@pytest.fixture(scope="module")
def cube(spark: SparkSession) -> DataFrame:
    return make_cube(
        spark,
        {"token_key": 1, "rows": 3, "duration_count": 2, "duration_sum": 10.0, "duration_max": 8.0, "product": "P"},
        {"token_key": 2, "rows": 2, "product": "Q"},
        {"token_key": 3, "rows": 4, "category": "System"},
        # later rows must not move any mean
        {"token_key": 4, "rows": 9, "event_month": AS_OF, "duration_count": 9, "duration_sum": 9e6, "product": "Z"},
    )


def test_numbers_get_their_category_mean_and_names_the_most_frequent(cube: DataFrame) -> None:
    filled = prepare_activity(cube, AS_OF, "logs").orderBy("token_key")
    assert [tuple(row) for row in filled.select(*COLUMNS).collect()] == [
        (3, 3, 15.0, 8.0, "P", None),  # one row of three filled with the mean 5
        (2, 2, 10.0, 5.0, "Q", None),  # both rows filled, so the mean is their maximum too
        (4, 0, None, None, "P", None),  # a category without durations has no mean; no row names a system
    ]
    counts = filled.select("filled_duration", "filled_value", "filled_product", "filled_os")
    assert [tuple(row) for row in counts.collect()] == [(1, 0, 0, 0), (2, 0, 0, 0), (0, 0, 4, 0)]


def test_shares_of_what_was_filled_per_account(cube: DataFrame, spark: SparkSession) -> None:
    owners = spark.createDataFrame([(1, "a"), (2, "a"), (3, "a"), (4, "b")], "token_key long, account_id string")
    shares = filled_shares(prepare_activity(cube, AS_OF, "logs"), owners, AS_OF)
    assert [tuple(row) for row in shares.collect()] == [("a", 3 / 9, 0.0, 4 / 9, 0.0)]


def test_the_filled_cube_is_one_scan_of_the_cube(cube: DataFrame, spark: SparkSession, tmp_path: Path) -> None:
    """Four steps read it; what it is filled with is no part of their plans."""
    cube.write.parquet(str(tmp_path / "cube"))
    filled = prepare_activity(spark.read.schema(ACTIVITY.columns).parquet(str(tmp_path / "cube")), AS_OF, "logs")
    plan = filled._jdf.queryExecution().executedPlan().toString()
    assert plan.count("FileScan parquet") == 1
    assert plan.count("BroadcastHashJoin") == 1  # the means of categories
    assert [slow for slow in ("NestedLoop", "Cartesian", "Exchange hash") if slow in plan] == []


def test_policy_basetable_leaves_the_cube_alone(cube: DataFrame) -> None:
    assert prepare_activity(cube, AS_OF, "basetable") is cube


def test_only_policy_logs_adds_features() -> None:
    plain, logs = ([f.name for f in basetable_features(["Document"], policy)] for policy in ("basetable", "logs"))
    assert logs == [
        *plain,
        "filled_duration_share", "filled_value_share", "filled_product_share", "filled_os_share",
    ]  # fmt: skip
