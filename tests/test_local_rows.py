"""Rows that Python holds, as a frame."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from pyspark.sql import SparkSession

from segmentation.local_rows import local_frame

pytestmark = pytest.mark.spark

SCHEMA = "name string not null, n int, share double, tags array<string>, at timestamp, day date, raw binary, ok boolean"


def test_every_type_of_our_tables_comes_back_as_it_was(spark: SparkSession) -> None:
    at = dt.datetime(2026, 3, 1, 23, 30, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    rows = [
        ("a", 1, 1, [], at, dt.date(2026, 3, 1), b"\xff", True),
        ("b", None, float("nan"), ["x", None], None, None, None, None),
    ]
    frame = local_frame(spark, rows, SCHEMA)
    assert frame.schema.simpleString() == (
        "struct<name:string,n:int,share:double,tags:array<string>,at:timestamp,day:date,raw:binary,ok:boolean>"
    )
    assert not frame.schema["name"].nullable
    first, second = frame.selectExpr("name", "n", "share", "tags", "string(at)", "day", "raw", "ok").collect()
    assert tuple(first) == ("a", 1, 1.0, [], "2026-03-01 22:30:00.123456", dt.date(2026, 3, 1), b"\xff", True)
    assert (second["n"], second["tags"], second["at"], second["raw"]) == (None, ["x", None], None, None)
    assert second["share"] != second["share"]  # NaN stays NaN and does not become null


def test_no_worker_of_python_reads_them(spark: SparkSession) -> None:
    frame = local_frame(spark, [("a", 1)], "name string, n int").where("n > 0")
    assert "LocalTableScan" in frame._jdf.queryExecution().executedPlan().toString()


def test_no_rows_have_the_schema_all_the_same(spark: SparkSession) -> None:
    frame = local_frame(spark, [], SCHEMA)
    assert frame.columns == ["name", "n", "share", "tags", "at", "day", "raw", "ok"]
    assert frame.collect() == []


def test_a_null_where_there_is_none_is_named(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="row 2 of 2 has no name, which is never null"):
        local_frame(spark, [("a", 1), (None, 2)], "name string not null, n int")


def test_arrays_as_spark_hands_them_over_can_be_given_back(spark: SparkSession) -> None:
    given = [[0], np.array([], dtype="int32"), np.array([1, 2], dtype="int32")]
    frame = local_frame(spark, [(one,) for one in given], "previous array<int> not null")
    assert [row["previous"] for row in frame.collect()] == [[0], [], [1, 2]]


@pytest.mark.parametrize("value", ["x", 1.5, 1 << 40])
def test_a_value_of_another_type_is_refused(spark: SparkSession, value: object) -> None:
    with pytest.raises(ValueError, match=r"Failed to parse|truncated|not in range"):
        local_frame(spark, [(value,)], "n int")
