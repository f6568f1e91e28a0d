"""What delta-rs reads of a table is what Spark reads of it; where it would not be, Spark is left to read."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from pathlib import Path

import deltalake
import pytest
from pyspark.sql import SparkSession

from segmentation.local_rows import local_frame
from segmentation.schemas import ACCOUNTS, ACTIVITY, BASETABLE, EVENTS, ROW_BALANCE
from segmentation.stores import delta, small_tables
from segmentation.stores.small_tables import counted_rows, small_frame, stored_columns, stored_values
from segmentation.table import EXACT
from tests.robustness.conftest import store

pytestmark = pytest.mark.spark

#: one row of every type that a table of ours has
TYPED = f"""SELECT 'a' AS name, 1L AS key, 2 AS number, 0.5D AS share, CAST(1.25 AS {EXACT.simpleString()}) AS sum,
    true AS known, DATE '2026-03-01' AS day, TIMESTAMP '2026-03-01 22:30:00.123456' AS at, array('x', null) AS texts,
    array(1L) AS longs, X'FF00' AS raw, map('k', 'v') AS pairs,
    array(named_struct('account_id', 'a', 'first_seen', TIMESTAMP '2026-03-01 00:00:00')) AS accounts,
    DATE '2026-04-01' AS as_of"""
#: and one of nulls, of which the key has none
EMPTY = ", ".join(["SELECT null", "2L", *["null"] * 11, "DATE '2026-04-01'"])


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Path:
    """Version 1 has both rows, version 2 two more of another day."""
    made = tmp_path / "a table of 100 % ü"
    columns = ", ".join(
        f"{field.name} {field.dataType.simpleString()}{' NOT NULL' if field.name == 'key' else ''}"
        for field in spark.sql(TYPED).schema
    )
    spark.sql(f"CREATE TABLE delta.`{made}` ({columns}) USING delta PARTITIONED BY (as_of)")
    both = f"{TYPED} UNION ALL {EMPTY}"
    spark.sql(f"INSERT INTO delta.`{made}` {both}")
    spark.sql(f"INSERT INTO delta.`{made}` {both.replace('2026-04-01', '2026-01-01')}")
    return made


@pytest.mark.parametrize(("version", "rows"), [(0, 0), (1, 2), (2, 4)])
def test_every_type_comes_as_spark_reads_it(spark: SparkSession, folder: Path, version: int, rows: int) -> None:
    by_spark = spark.read.format("delta").option("versionAsOf", version).load(str(folder))
    small = small_frame(spark, folder, version)
    assert small is not None
    assert small.schema == by_spark.schema
    assert small.selectExpr("*", "string(at)").orderBy("as_of", "key").collect() == (
        by_spark.selectExpr("*", "string(at)").orderBy("as_of", "key").collect()
    )
    assert counted_rows(folder, version) == by_spark.count() == rows
    assert stored_columns(folder, version) == by_spark.schema


def test_its_rows_lie_in_the_plan(spark: SparkSession, folder: Path) -> None:
    small = small_frame(spark, folder, 2)
    assert small is not None
    plan = small._jdf.queryExecution().executedPlan().toString()
    assert plan.startswith("LocalTableScan")


def test_dates_are_told_by_the_log(folder: Path) -> None:
    assert [stored_values(folder, version, "as_of") for version in (0, 1, 2)] == [
        [],
        ["2026-04-01"],
        ["2026-01-01", "2026-04-01"],
    ]


@pytest.mark.parametrize("limit", ["_STORED", "_HELD"])
def test_a_table_that_is_not_small_is_left_to_spark(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(small_tables, limit, 1)
    assert small_frame(spark, folder, 2) is None
    assert counted_rows(folder, 2) == 4


@pytest.mark.parametrize(("name", "taken_for"), [("a%20b", "a b"), ("a\\b", "a/b")])
def test_a_folder_that_delta_rs_takes_for_another_is_left_to_spark(
    spark: SparkSession, folder: Path, tmp_path: Path, name: str, taken_for: str
) -> None:
    asked, other = tmp_path / name, tmp_path / taken_for
    for copy in (asked, other):
        shutil.copytree(folder, copy)
    for entry in (other / "_delta_log").glob(f"*{2:020d}.*"):
        entry.unlink()
    deltalake.DeltaTable(other).delete()
    assert deltalake.DeltaTable(asked, version=2).count() == 0  # should it ever be 4, the guard is not needed any more
    assert (small_frame(spark, asked, 2), counted_rows(asked, 2), stored_values(asked, 2, "as_of")) == (None,) * 3


def test_half_a_log_is_left_to_spark(spark: SparkSession, folder: Path) -> None:
    """Delta-rs reads of it what is there; after a checkpoint that is all."""
    log = folder / "_delta_log"
    (log / f"{0:020d}.json").unlink()
    assert small_frame(spark, folder, 2) is None
    assert counted_rows(folder, 2) is None


def test_a_log_may_begin_with_a_checkpoint(spark: SparkSession, folder: Path) -> None:
    deltalake.DeltaTable(folder, version=1).create_checkpoint()
    for version in (0, 1):
        (folder / "_delta_log" / f"{version:020d}.json").unlink()
    by_spark = spark.read.format("delta").load(str(folder)).count()
    (folder / "_delta_log" / f".{1:020d}.checkpoint.parquet.crc").touch()  # as Hadoop leaves beside what it writes
    assert counted_rows(folder, 2) == by_spark == 4
    assert counted_rows(folder, 0) is None


def test_deleted_rows_are_left_to_spark(spark: SparkSession, folder: Path) -> None:
    """Their files hold them still, and a list beside says which they are."""
    spark.sql(f"ALTER TABLE delta.`{folder}` SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    spark.sql(f"DELETE FROM delta.`{folder}` WHERE name = 'a'")
    version = spark.sql(f"DESCRIBE HISTORY delta.`{folder}` LIMIT 1").collect()[0]["version"]
    assert small_frame(spark, folder, version) is None
    assert counted_rows(folder, version) is None
    assert stored_values(folder, version, "as_of") is None


def test_a_file_that_is_broken_or_gone_is_left_to_spark_to_tell(spark: SparkSession, folder: Path) -> None:
    stored = next(folder.rglob("*.parquet"))
    stored.write_bytes(stored.read_bytes()[:-9])
    assert small_frame(spark, folder, 2) is None
    stored.unlink()
    assert small_frame(spark, folder, 2) is None
    assert small_frame(spark, folder, 9) is None  # no such version
    assert small_frame(spark, folder / "nowhere", 0) is None


def test_without_the_library_spark_reads(
    spark: SparkSession, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    assert small_frame(spark, folder, 2) is None
    assert counted_rows(folder, 2) is None
    tables = store(spark, tmp_path)
    values = [("b", "f", dt.date(2025, 1, 1), "kept", None, 1)]
    tables.append(spark.createDataFrame(values, ROW_BALANCE.columns), ROW_BALANCE)
    assert stored_values(folder, 2, "as_of") is None
    assert tables.count(ROW_BALANCE) == 1
    assert [row["file_id"] for row in tables.read(ROW_BALANCE).collect()] == ["f"]


def test_a_store_counts_and_dates_its_tables_as_it_reads_them(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one of renamed columns, of which delta-rs would read nulls."""
    tables = store(spark, tmp_path)
    schema = "account_id string, `Main industry (EUR)` string"
    tables.replace(spark.createDataFrame([("a", "x"), ("b", None)], schema), ACCOUNTS)
    assert [tuple(row) for row in tables.read(ACCOUNTS).orderBy("account_id").collect()] == [("a", "x"), ("b", None)]
    stored = Path(tables.location(ACCOUNTS))
    assert tables.count(ACCOUNTS) == counted_rows(stored, tables.version(ACCOUNTS)) == 2
    assert small_frame(spark, stored, tables.version(ACCOUNTS)) is None
    row = {"as_of": dt.date(2025, 1, 1), "account_id": "a", "industry": None, "split": "train", "fold": 1}
    for as_of in (dt.date(2025, 1, 1), dt.date(2024, 12, 1)):
        tables.append(local_frame(spark, [tuple({**row, "as_of": as_of}.values())], BASETABLE.columns), BASETABLE)
    assert tables.dates(BASETABLE) == [dt.date(2024, 12, 1), dt.date(2025, 1, 1)]
    monkeypatch.setitem(sys.modules, "deltalake", None)
    assert tables.count(ACCOUNTS) == 2
    assert tables.dates(BASETABLE) == [dt.date(2024, 12, 1), dt.date(2025, 1, 1)]


def test_a_table_with_files_for_every_month_is_not_looked_through(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = store(spark, tmp_path)
    for table in (EVENTS, ACTIVITY):
        tables.append(local_frame(spark, [], table.columns), table)
    monkeypatch.setattr(delta, "small_frame", None)  # whoever calls it fails
    assert [tables.read(table).count() for table in (EVENTS, ACTIVITY)] == [0, 0]
