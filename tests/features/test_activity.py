"""Events to the cube."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.events.build import platform_key
from segmentation.events.dimensions import merge_platforms
from segmentation.features.activity import build_activity, mask_words, merge_activity
from segmentation.schemas import ACTIVITY, EVENT_NAMES, EVENTS
from segmentation.table import check

NAN = float("nan")
#: the key of a name that belongs to another category
SYSTEM = 200


def make_events(spark: SparkSession, *rows: dict[str, Any]) -> DataFrame:
    made = []
    for row in rows:
        at = dt.datetime.fromisoformat(row.get("at", "2025-03-01T12:00:00")).replace(tzinfo=dt.UTC)
        full = {
            "event_month": at.date().replace(day=1), "batch_id": "b", "file_id": "f", "disposition": "kept",
            "event_ts": at, "event_date": at.date(), "category": "Document", "token_key": 1, "account_key": 10,
            "event_key": 100, "is_error": False,
        } | row  # fmt: skip
        made.append(tuple(full.get(name) for name in EVENTS.columns.names))
    return spark.createDataFrame(made, EVENTS.columns).withColumn("platform_key", platform_key())


def make_names(spark: SparkSession, bits: dict[int, int | None]) -> DataFrame:
    seen = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    rows = [
        (key, f"n{key}", "System" if key == SYSTEM else "Document", "exact", bit, seen) for key, bit in bits.items()
    ]
    return spark.createDataFrame(rows, EVENT_NAMES.columns)


def build(events: DataFrame, names: DataFrame, words: int = 1, sketch: bool = False) -> DataFrame:
    return build_activity(events, names, merge_platforms(None, events), words, sketch)


def test_events_of_a_month_add_up_in_one_row(spark: SparkSession) -> None:
    events = make_events(
        spark,
        {"at": "2025-03-01T08:00:00", "duration_s": 2.0, "value": 7.0, "is_error": True},
        {"at": "2025-03-31T09:00:00", "duration_s": 5.0, "event_key": 101},
        {"at": "2025-03-31T10:00:00", "duration_s": NAN, "value": NAN, "event_key": 170},
        {"at": "2025-03-02T10:00:00", "disposition": "dropped", "rule": "old", "duration_s": 999.0},
    )
    names = make_names(spark, {100: 0, 101: 1, 170: 70})

    activity = check(build(events, names, *mask_words(names)), ACTIVITY)

    (row,) = activity.collect()
    assert (row.rows, row.errors) == (3, 1)
    assert (row.duration_count, row.duration_sum, row.duration_max) == (2, 7.0, 5.0)
    assert (row.value_count, row.value_sum, row.value_max) == (1, 7.0, 7.0)
    assert row.day_mask == 1 | 1 << 30
    assert row.name_masks == [0b11, 1 << 6]
    assert row.name_sketch is None
    assert (row.first_ts, row.last_ts) == (dt.datetime(2025, 3, 1, 8), dt.datetime(2025, 3, 31, 10))


def test_days_begin_and_end_at_midnight_in_utc(spark: SparkSession) -> None:
    moments = ("1969-12-01T00:00:00", "1969-12-02T23:59:59.999999", "1969-12-31T23:59:59.999999")
    events = make_events(spark, *({"at": moment} for moment in moments))

    (row,) = build(events, make_names(spark, {100: 0})).collect()

    assert row.day_mask == 1 | 1 << 1 | 1 << 30


def test_a_row_per_month_account_category_product_and_system(spark: SparkSession) -> None:
    events = make_events(
        spark,
        {},
        {"at": "2025-04-01T00:00:00"},
        {"account_key": 11},
        {"category": "System", "event_key": SYSTEM},
        {"product": "P"},
        {"os": "W"},
    )
    activity = build(events, make_names(spark, {100: 0, SYSTEM: 0}))
    assert activity.select("rows").collect() == [(1,)] * 6
    told = {(row.category, row.product, row.os) for row in activity.collect()}
    assert told == {("Document", None, None), ("System", None, None), ("Document", "P", None), ("Document", None, "W")}


@pytest.mark.parametrize("lacking", ["name", "platform"])
def test_a_row_that_the_small_tables_do_not_know_stops_the_job(spark: SparkSession, lacking: str) -> None:
    events = make_events(spark, {"product": "P"})
    names = make_names(spark, {(101 if lacking == "name" else 100): 0})
    platforms = merge_platforms(None, make_events(spark, {} if lacking == "platform" else {"product": "P"}))
    with pytest.raises(PySparkException, match="has a name or a platform that event_names or platforms lack"):
        build_activity(events, names, platforms, 1, sketch=False).collect()


def test_sums_are_exact_to_the_millionth_and_zero_has_one_sign(spark: SparkSession) -> None:
    durations = (0.1, 0.2, 1e9 + 0.7, 1e12, -1234.567891, 4e-7, None)
    events = make_events(spark, *({"duration_s": duration} for duration in durations), {"value": -0.0})
    activity = build(events, make_names(spark, {100: 0}))
    (row,) = activity.select("*", F.col("value_max").cast("string").alias("text")).collect()
    assert (row.duration_sum, row.duration_count) == (Decimal("1000999998766.432109"), 6)
    assert (row.value_sum, row.text) == (0, "0.0")


def test_a_sum_over_nothing_is_null(spark: SparkSession) -> None:
    activity = build(make_events(spark, {}), make_names(spark, {100: 0}))
    sums = activity.select("duration_count", "duration_sum", "value_count", "value_sum").collect()
    assert sums == [(0, None, 0, None)]


def test_names_beyond_the_limit_are_estimated_by_a_sketch(spark: SparkSession) -> None:
    events = make_events(spark, {}, {"event_key": 300}, {"event_key": 301}, {"event_key": 301}, {"token_key": 2})
    names = make_names(spark, {100: 63, 300: None, 301: None})

    assert mask_words(names) == (1, True)
    activity = build(events, names, 1, sketch=True)

    seen = activity.select("token_key", "name_masks", F.hll_sketch_estimate("name_sketch")).orderBy("token_key")
    assert [tuple(row) for row in seen.collect()] == [(1, [-(1 << 63)], 2), (2, [-(1 << 63)], None)]


@pytest.mark.parametrize(("bits", "expected"), [({1: 0}, (1, False)), ({1: 64}, (2, False)), ({1: None}, (1, True))])
def test_mask_words(spark: SparkSession, bits: dict[int, int | None], expected: tuple[int, bool]) -> None:
    assert mask_words(make_names(spark, bits)) == expected


def test_mask_words_of_no_names(spark: SparkSession) -> None:
    assert mask_words(make_names(spark, {1: 0}).limit(0)) == (1, False)


def test_the_plan_is_one_scan_one_exchange_and_hash_aggregates(spark: SparkSession, tmp_path: Any) -> None:
    make_events(spark, {}).write.partitionBy("event_month").parquet(str(tmp_path / "events"))
    make_names(spark, {100: 0}).write.parquet(str(tmp_path / "names"))
    events = spark.read.schema(EVENTS.columns).parquet(str(tmp_path / "events"))
    names = spark.read.parquet(str(tmp_path / "names"))
    merge_platforms(None, events).write.parquet(str(tmp_path / "platforms"))
    platforms = spark.read.parquet(str(tmp_path / "platforms"))

    plan = build_activity(events, names, platforms, 1, sketch=False)._jdf.queryExecution().executedPlan().toString()

    assert plan.count("Exchange hashpartitioning") == 1
    assert plan.count("FileScan parquet") == 4  # the events once; names, their categories and platforms are broadcast
    assert plan.count("HashAggregate") == 2
    assert "ObjectHashAggregate" not in plan
    assert "SortAggregate" not in plan
    scanned = plan[plan.index("FileScan parquet") :].split("\n")[0]
    assert "attributes" not in scanned
    assert "raw" not in scanned


@pytest.mark.parametrize("bits", [{100: 0, 101: 70}, {100: 0, 101: None}], ids=["two words", "sketch"])
def test_parts_of_a_month_merge_into_the_whole(spark: SparkSession, bits: dict[int, int | None]) -> None:
    stored = make_events(
        spark,
        {"at": "2025-03-01T08:00:00", "duration_s": 0.1, "value": 7.0, "is_error": True},
        {"at": "2025-03-02T08:00:00", "token_key": 2},
    )
    late = make_events(
        spark,
        {"at": "2025-03-01T07:00:00", "duration_s": 0.2, "event_key": 101},
        {"at": "2025-03-09T08:00:00", "product": "P"},
    )
    # the stored part knew one name
    first = build(stored, make_names(spark, {100: 0}))
    words, sketch = mask_words(names := make_names(spark, bits))
    second = build(late, names, words, sketch)
    merged = check(merge_activity(first.unionByName(second), words, sketch), ACTIVITY)
    whole = build(stored.unionByName(late), names, words, sketch)
    told = F.hll_sketch_estimate("name_sketch").alias("name_sketch")  # sketches of equal content differ in their bytes
    rows = [f.select("*", told).drop(f.name_sketch).orderBy("token_key", "product").collect() for f in (merged, whole)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 3
