"""What delta-rs writes is what Spark would have written; where it would not be, it writes nothing and Spark does."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import deltalake
import pytest
from pyspark.sql import SparkSession

from segmentation.failures import Exit, explain
from segmentation.local_rows import LocalRows, local_rows
from segmentation.schemas import (
    EVENTS,
    INDUSTRY_SCORES,
    PUBLISHED,
    ROW_BALANCE,
    SEGMENTS,
    TABLES,
)
from segmentation.stores import delta, small_tables
from segmentation.stores.delta import DeltaTable
from segmentation.stores.host import spark_path
from segmentation.stores.publication import PublicationConflict
from segmentation.stores.small_tables import is_written
from segmentation.table import SchemaError, Table, columns, of_date
from tests.robustness.conftest import store

pytestmark = pytest.mark.spark

JANUARY, FEBRUARY = dt.date(2026, 1, 1), dt.date(2026, 2, 1)
NOW = dt.datetime(2026, 3, 1, 23, 30, 0, 123456, tzinfo=dt.timezone(dt.timedelta(hours=1)))
TYPED = Table(
    "typed",
    "one row of every type that a table written so has",
    columns("""
        as_of   date!
        name    string!
        number  int
        key     long
        share   double
        sum     exact
        known   boolean
        at      timestamp
        texts   strings
        numbers ints
        raw     binary
    """),
    unique_by=("as_of", "name"),
    partition_by=("as_of",),
    constraints={"share_is_one": "NOT isnan(share) AND share >= 0 AND share <= 1 + 1e-9"},
)
WHOLE = ("a", 1, 1 << 40, 0.5, 1, True, NOW, ["x", None], [1, 2], b"\xff\x00")
BARE = ("b", None, None, 0.0, None, None, None, None, None, None)


def typed(as_of: dt.date, *rows: tuple[Any, ...]) -> LocalRows:
    return local_rows([(as_of, *row) for row in rows], TYPED.columns)


@pytest.fixture
def made(spark: SparkSession, tmp_path: Path) -> DeltaTable:
    """Version 0: the table without rows."""
    table = DeltaTable(spark, TYPED, None, tmp_path)
    table.create(TYPED.columns)
    return table


def stored(spark: SparkSession, table: DeltaTable) -> list[tuple[Any, ...]]:
    """All rows, as Spark reads them from its files."""
    rows = spark.read.format("delta").load(table.location)
    return [tuple(row) for row in rows.withColumn("at", rows["at"].cast("string")).orderBy("as_of", "name").collect()]


def commit(table: DeltaTable, version: int) -> dict[str, Any]:
    """The actions of one commit, by kind."""
    log = Path(table.location) / "_delta_log" / f"{version:020d}.json"
    return {kind: action for line in log.read_text().splitlines() for kind, action in json.loads(line).items()}


@pytest.fixture
def only_delta_rs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever turns to Spark fails."""
    monkeypatch.setattr(LocalRows, "frame", None)


def test_every_type_is_written_as_spark_writes_it(
    spark: SparkSession, made: DeltaTable, tmp_path: Path, only_delta_rs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.write(typed(JANUARY, WHOLE, BARE), "append", {"userMetadata": "first"})
    monkeypatch.undo()
    by_spark = DeltaTable(spark, TYPED, None, tmp_path / "by Spark")
    by_spark.create(TYPED.columns)
    monkeypatch.setattr(delta, "is_written", lambda *_: False)
    by_spark.write(typed(JANUARY, WHOLE, BARE), "append", {"userMetadata": "first"})
    rows = stored(spark, made)
    assert rows == stored(spark, by_spark)
    assert rows[0][:9] == (JANUARY, "a", 1, 1 << 40, 0.5, 1, True, "2026-03-01 22:30:00.123456", ["x", None])
    assert made.notes(0) == by_spark.notes(0) == ["first"]
    assert "delta-rs" in commit(made, 1)["commitInfo"]["engineInfo"]
    assert "delta-rs" not in commit(by_spark, 1)["commitInfo"]["engineInfo"]


def test_rows_of_a_date_are_replaced_and_spark_goes_on_from_there(
    spark: SparkSession, made: DeltaTable, only_delta_rs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for as_of in (JANUARY, FEBRUARY):
        made.write(typed(as_of, WHOLE, BARE), "append", {})
    made.write(typed(FEBRUARY, ("c", *BARE[1:])), "overwrite", {"replaceWhere": of_date(FEBRUARY)})
    assert [row[:2] for row in stored(spark, made)] == [(JANUARY, "a"), (JANUARY, "b"), (FEBRUARY, "c")]
    made.write(typed(JANUARY), "overwrite", {"replaceWhere": of_date(JANUARY)})
    assert [row[:2] for row in stored(spark, made)] == [(FEBRUARY, "c")]
    monkeypatch.undo()
    made.write(typed(JANUARY, BARE).frame(spark), "append", {})
    assert [row[:2] for row in stored(spark, made)] == [(JANUARY, "b"), (FEBRUARY, "c")]
    made.take_back(2, anew=False)
    assert len(stored(spark, made)) == 4


@pytest.mark.parametrize(
    ("rows", "mode", "options"),
    [
        (typed(JANUARY, ("a", *BARE[1:3], 1.5, *BARE[4:])), "append", {}),
        (typed(JANUARY, ("a", *BARE[1:3], float("nan"), *BARE[4:])), "append", {}),
        (typed(JANUARY, ("a", *BARE[1:3], None, *BARE[4:])), "append", {}),  # null holds no constraint
        (typed(FEBRUARY, WHOLE), "overwrite", {"replaceWhere": of_date(JANUARY)}),
        (typed(JANUARY, (*WHOLE[:2], "not a number", *WHOLE[3:])), "append", {}),
        (local_rows([(JANUARY, "a")], columns("as_of date!\nname string!")), "append", {}),
        (typed(JANUARY, WHOLE), "append", {"mergeSchema": "true"}),
        (typed(JANUARY, WHOLE), "append", {"txnAppId": "published", "txnVersion": "7"}),
    ],
    ids=["too_much", "nan", "null", "other_date", "other_type", "other_columns", "option", "number_taken"],
)  # fmt: skip
def test_what_breaks_a_rule_is_left_to_spark(
    made: DeltaTable, rows: LocalRows, mode: str, options: dict[str, str]
) -> None:
    folder, taken = Path(made.location), {"txnAppId": "published", "txnVersion": "7"}
    assert is_written(folder, 0, typed(JANUARY, BARE).arrow, "append", taken)
    assert not is_written(folder, 1, rows.arrow, mode, options)
    assert made.version() == 1


def test_a_null_where_there_is_none_is_refused(made: DeltaTable) -> None:
    nameless = replace(typed(JANUARY, BARE), arrow=typed(JANUARY, BARE).arrow.set_column(1, "name", [[None]]))
    assert not is_written(Path(made.location), 0, nameless.arrow, "append", {})
    assert made.version() == 0


def test_whoever_comes_second_writes_nothing(spark: SparkSession, made: DeltaTable) -> None:
    folder = Path(made.location)
    made.write(typed(JANUARY, WHOLE).frame(spark), "append", {})
    assert not is_written(folder, 0, typed(FEBRUARY, WHOLE).arrow, "append", {})
    assert not is_written(folder, 0, typed(JANUARY, BARE).arrow, "overwrite", {"replaceWhere": of_date(JANUARY)})
    assert [row[:2] for row in stored(spark, made)] == [(JANUARY, "a")]


def test_a_commit_whose_writer_failed_afterwards_is_not_made_twice(
    spark: SparkSession, made: DeltaTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = deltalake.write_deltalake

    def fails(*args: Any, **options: Any) -> None:
        original(*args, **options)
        raise OSError("the log could not be read again")

    monkeypatch.setattr(deltalake, "write_deltalake", fails)
    made.write(typed(JANUARY, WHOLE), "append", {})
    assert [row[:2] for row in stored(spark, made)] == [(JANUARY, "a")]
    monkeypatch.setattr(small_tables, "_CHECKPOINT", 1)  # nor does what fails after it matter
    monkeypatch.setattr(deltalake.DeltaTable, "create_checkpoint", None)
    made.write(typed(FEBRUARY, WHOLE), "append", {})
    assert [row[:2] for row in stored(spark, made)] == [(JANUARY, "a"), (FEBRUARY, "a")]


def test_the_log_gets_its_checkpoints(spark: SparkSession, made: DeltaTable, only_delta_rs: None) -> None:
    """Spark would make them: without any, each look at a table reads every commit that there was."""
    made.write(typed(JANUARY, WHOLE), "append", {})
    made.take_back(0, anew=False)
    log = Path(made.location) / "_delta_log"
    assert (log / "._last_checkpoint.crc").exists()  # of Spark's own, which no other has to agree with
    for number in range(3, 13):
        made.write(typed(JANUARY, (str(number), *BARE[1:])), "append", {})
    assert sorted(entry.name[:20] for entry in log.glob("*.checkpoint.parquet")) == [f"{n:020d}" for n in (2, 10)]
    assert not (log / "._last_checkpoint.crc").exists()
    for version in range(11):
        (log / f"{version:020d}.json").unlink()
    assert len(stored(spark, made)) == 10


def test_a_table_may_say_when_its_log_is_summed_up(spark: SparkSession, made: DeltaTable, only_delta_rs: None) -> None:
    spark.sql(f"ALTER TABLE {made.sql_name} SET TBLPROPERTIES ('delta.checkpointInterval' = '3')")
    for number in range(2, 5):
        made.write(typed(JANUARY, (str(number), *BARE[1:])), "append", {})
    log = Path(made.location) / "_delta_log"
    assert [entry.name[:20] for entry in log.glob("*.checkpoint.parquet")] == [f"{3:020d}"]


def test_statistics_name_no_account(spark: SparkSession, tmp_path: Path, only_delta_rs: None) -> None:
    """They would outlive the account's rows."""
    table = DeltaTable(spark, INDUSTRY_SCORES, None, tmp_path)
    table.create(INDUSTRY_SCORES.columns)
    table.write(local_rows([(JANUARY, "an account", "Print", 0.5, "m/1")], INDUSTRY_SCORES.columns), "append", {})
    assert "an account" not in json.dumps(commit(table, 1))


@pytest.mark.parametrize(
    "table", [one for one in TABLES if one.constraints and one is not EVENTS and not one.open_ended],
    ids=lambda table: table.name,
)  # fmt: skip
def test_delta_rs_understands_the_constraints(spark: SparkSession, tmp_path: Path, table: Table) -> None:
    made = DeltaTable(spark, table, None, tmp_path)
    made.create(table.columns)
    assert is_written(Path(made.location), 0, local_rows([], table.columns).arrow, "append", {})


def test_what_it_refuses_is_told_as_spark_tells_it(spark: SparkSession, tmp_path: Path) -> None:
    tables = store(spark, tmp_path)
    rows = local_rows([("b", "f", JANUARY, "kept", None, 0)], ROW_BALANCE.columns)
    with pytest.raises(Exception, match="DELTA_VIOLATE_CONSTRAINT") as refused:
        tables.append(rows, ROW_BALANCE)
    line, code, with_trace = explain(refused.value, tmp_path)
    assert ("counted" in line, "\n" in line, code, with_trace) == (True, False, Exit.FAILED, False)


@pytest.mark.parametrize("by", ["delta-rs", "Spark"])
@pytest.mark.parametrize("others", ["delta-rs", "Spark"])
def test_of_two_publications_with_one_number_the_second_is_none(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, others: str
) -> None:
    def publish(tables: Any, writer: str) -> None:
        with monkeypatch.context() as here:
            if writer == "Spark":
                here.setitem(sys.modules, "deltalake", None)
            tables.publish("ingest", NOW)

    def count(number: int) -> LocalRows:
        return local_rows([("b", f"f{number}", JANUARY, "kept", None, number)], ROW_BALANCE.columns)

    begun = store(spark, tmp_path)
    begun.append(count(1), ROW_BALANCE)
    publish(begun, "Spark")
    first, second = store(spark, tmp_path), store(spark, tmp_path)
    first.append(count(2), ROW_BALANCE)
    publish(first, others)
    second.append(count(3), ROW_BALANCE)
    with pytest.raises(PublicationConflict):
        publish(second, by)
    published = store(spark, tmp_path)
    assert [row["rows"] for row in published.read(ROW_BALANCE).orderBy("rows").collect()] == [1, 2]
    log = DeltaTable(spark, PUBLISHED, None, tmp_path / "tables")
    assert ("delta-rs" in commit(log, log.version())["commitInfo"]["engineInfo"]) == (others == "delta-rs")


@pytest.mark.parametrize("name", ["[2026]", "a|b", "a^b", "a\\b", "a%20b", "a b #ü"])
def test_whatever_the_folder_is_called_spark_finds_the_rows(spark: SparkSession, tmp_path: Path, name: str) -> None:
    """Of some names delta-rs makes others, at some it panics."""
    made = DeltaTable(spark, TYPED, None, tmp_path / name)
    made.create(TYPED.columns)
    made.write(typed(JANUARY, WHOLE), "append", {})
    found = spark.read.format("delta").load(spark_path(Path(made.location)))
    assert [row["name"] for row in found.collect()] == ["a"]


def test_a_panic_is_left_to_spark_and_an_interruption_is_not(
    spark: SparkSession, made: DeltaTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        """As delta-rs has it."""

    def fails(problem: type[BaseException]) -> Callable[..., None]:
        def fail(*_: Any, **__: Any) -> None:
            raise problem

        return fail

    monkeypatch.setattr(deltalake, "write_deltalake", fails(PanicException))
    made.write(typed(JANUARY, WHOLE), "append", {})
    assert [row[:2] for row in stored(spark, made)] == [(JANUARY, "a")]
    monkeypatch.setattr(deltalake, "write_deltalake", fails(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        made.write(typed(JANUARY, WHOLE), "append", {})


def test_rows_of_another_shape_make_no_table(spark: SparkSession, tmp_path: Path) -> None:
    tables, other = store(spark, tmp_path), local_rows([], SEGMENTS.columns)
    with pytest.raises(SchemaError, match=r"table row_balance: batch_id is missing; .*not foreseen: as_of"):
        tables.append(other, ROW_BALANCE)
    assert not Path(tables.location(ROW_BALANCE)).exists()
    turned = local_rows([("kept", "b", "f", 1, JANUARY, None)], columns("""
        disposition string!
        batch_id string!
        file_id string!
        rows long!
        event_month date
        rule string
    """))  # fmt: skip
    tables.append(turned, ROW_BALANCE)
    assert [tuple(row) for row in tables.read(ROW_BALANCE).collect()] == [("b", "f", JANUARY, "kept", None, 1)]
