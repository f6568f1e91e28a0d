"""Equal content, equal hash; anything else, another one."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from segmentation.stores.content import content_hash
from segmentation.table import Table, columns

SHAPE = columns("""
    id      long!
    text    string
    number  double
    on      boolean
    raw     binary
    list    strings
    extra   map
    run_at  string
    bits_1  long
""")
TABLE = Table("things", "one row per thing", SHAPE, unique_by=("id",), volatile=("run_at", "bits_*"))
FULL = (1, "a", 0.5, True, b"xy", ["p", "q"], {"k": "v", "l": "w"}, "today", 7)
EMPTY = (2, *[None] * 8)
OTHER = (3, "", -2.5, False, b"", [], {}, "today", 7)


def hash_of(spark: SparkSession, *rows: tuple[Any, ...]) -> str:
    return content_hash(spark.createDataFrame(list(rows), SHAPE), TABLE)


@pytest.fixture(scope="module")
def three(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([FULL, EMPTY, OTHER], SHAPE)


@pytest.fixture(scope="module")
def expected(three: DataFrame) -> str:
    return content_hash(three, TABLE)


def test_order_of_rows_and_columns_and_partitions_do_not_matter(
    spark: SparkSession, three: DataFrame, expected: str
) -> None:
    assert hash_of(spark, OTHER, FULL, EMPTY) == expected
    assert content_hash(three.repartition(3, "id").select(*reversed(three.columns)), TABLE) == expected


def changed(row: tuple[Any, ...], **new: Any) -> tuple[Any, ...]:
    return tuple(new.get(name, value) for name, value in zip(SHAPE.names, row, strict=True))


@pytest.mark.parametrize(
    "same",
    [
        {"extra": {"l": "w", "k": "v"}},
        {"run_at": "tomorrow", "bits_1": None},
    ],
    ids=str,
)
def test_what_is_no_content_does_not_matter(spark: SparkSession, expected: str, same: dict[str, Any]) -> None:
    assert hash_of(spark, changed(FULL, **same), EMPTY, OTHER) == expected


@pytest.mark.parametrize(
    ("row", "new"),
    [
        (FULL, {"text": "b"}),
        (FULL, {"number": 0.5000000000000001}),
        (FULL, {"on": None}),
        (FULL, {"raw": b"xz"}),
        (FULL, {"list": ["q", "p"]}),
        (FULL, {"list": ["p", None, "q"]}),
        (FULL, {"list": ["pq"]}),
        (FULL, {"extra": {"k": "w", "l": "v"}}),
        (FULL, {"extra": {"k": "v", "l": "w", "m": None}}),
        (EMPTY, {"text": ""}),
        (EMPTY, {"number": 0.0}),
        (EMPTY, {"raw": b""}),
        (EMPTY, {"list": []}),
        (EMPTY, {"extra": {}}),
        (OTHER, {"text": None}),
    ],
    ids=str,
)
def test_a_changed_value_is_seen(spark: SparkSession, expected: str, row: tuple[Any, ...], new: dict[str, Any]) -> None:
    rest = [other for other in (FULL, EMPTY, OTHER) if other is not row]
    assert hash_of(spark, changed(row, **new), *rest) != expected


def test_a_doubled_and_a_missing_row_are_seen(spark: SparkSession, expected: str) -> None:
    assert hash_of(spark, FULL, EMPTY, OTHER, EMPTY) != expected
    assert hash_of(spark, FULL, OTHER) != expected


def test_a_value_in_the_next_column_is_another_content(spark: SparkSession) -> None:
    table = Table("pairs", "one row per pair", T.StructType(), unique_by=(), open_ended=True)
    left, right = (spark.createDataFrame([pair], "x string, y string") for pair in [("a", None), (None, "a")])
    assert content_hash(left, table) != content_hash(right, table)
    assert content_hash(left, table) != content_hash(left.withColumnRenamed("y", "z"), table)


def test_signed_zeros_are_equal_in_columns_and_inside_structs(spark: SparkSession) -> None:
    table = Table("zeros", "one row per zero", T.StructType(), unique_by=(), open_ended=True)
    shape = "`a.b [m/s]` double, list array<struct<x: double>>"
    minus, plus = (spark.createDataFrame([(zero, [(zero,)])], shape) for zero in (-0.0, 0.0))
    assert content_hash(minus, table) == content_hash(plus, table)


def test_no_rows_have_a_hash_of_their_own(spark: SparkSession, three: DataFrame, expected: str) -> None:
    assert content_hash(three.limit(0), TABLE) == content_hash(three.where("id > 9"), TABLE) != expected
