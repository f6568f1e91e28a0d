"""What readers see, what a killed job leaves, and what Delta itself refuses to hold."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from segmentation.errors import InputProblem
from segmentation.failures import Exit, explain
from segmentation.jobs.command import job_specs
from segmentation.schemas import (
    ACCOUNTS,
    EVENTS,
    INDUSTRY_SCORES,
    INGEST_PLANS,
    LEDGER,
    PUBLISHED,
    ROW_BALANCE,
    TABLES,
)
from segmentation.stores.delta import DeltaTable
from segmentation.stores.made_by import MADE_BY
from segmentation.stores.publication import PublicationConflict
from segmentation.stores.tables import MissingTable, TableStore
from segmentation.table import Table
from tests.robustness.conftest import STORAGE, store

NOW = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
NAN, INFINITE = float("nan"), float("inf")


def counted(spark: SparkSession, *rows: int) -> DataFrame:
    """Rows of `row_balance` that differ in their count alone."""
    values = [("b", f"f{n}", dt.date(2025, 1, 1), "kept", None, n) for n in rows]
    return spark.createDataFrame(values, ROW_BALANCE.columns)


def plan(spark: SparkSession) -> DataFrame:
    """A row of `ingest_plans`."""
    return spark.createDataFrame([("b", "planned", NOW, "s", "h", "{}", "{}", None)], INGEST_PLANS.columns)


def seen(tables: TableStore) -> list[int]:
    return sorted(row["rows"] for row in tables.read(ROW_BALANCE).collect())


def test_readers_see_what_is_published_and_the_job_what_it_wrote(spark: SparkSession, tmp_path: Path) -> None:
    job = store(spark, tmp_path)
    job.append(counted(spark, 1), ROW_BALANCE, note="one")
    assert (seen(job), job.note(ROW_BALANCE)) == ([1], "one")
    with pytest.raises(MissingTable, match="run `segmentation ingest` first"):
        store(spark, tmp_path).read(ROW_BALANCE)
    job.publish("ingest", NOW)
    job.append(counted(spark, 2), ROW_BALANCE)
    reader = store(spark, tmp_path)
    assert (seen(job), seen(reader), reader.note(ROW_BALANCE)) == ([1, 2], [1], "one")
    assert reader.published[ROW_BALANCE.name].job == "ingest"
    assert [table.name for table in reader.unfinished()] == ["row_balance"]


def test_the_next_writer_takes_back_what_was_never_published(spark: SparkSession, tmp_path: Path) -> None:
    # killed while the table was created, then before anything was published
    (Path(store(spark, tmp_path).location(ROW_BALANCE)) / "_delta_log").mkdir(parents=True)
    killed = store(spark, tmp_path)
    killed.append(counted(spark, 1), ROW_BALANCE)
    job = store(spark, tmp_path)
    job.append(counted(spark, 2), ROW_BALANCE)
    job.publish("ingest", NOW)
    killed = store(spark, tmp_path)
    killed.append(counted(spark, 3), ROW_BALANCE)
    job = store(spark, tmp_path)
    job.append(counted(spark, 4), ROW_BALANCE)
    assert seen(job) == [2, 4]
    job.publish("ingest", NOW)
    with pytest.raises(PublicationConflict):
        killed.publish("killed", NOW)
    assert seen(store(spark, tmp_path)) == [2, 4]


@pytest.mark.parametrize("catalog", [None, "spark_catalog"])
def test_tables_without_that_of_publications_are_never_taken_for_a_killed_jobs(
    spark: SparkSession, tmp_path: Path, catalog: str | None
) -> None:
    """A restore that lacks it must not cost the rows of the others; a first job that is killed leaves it, empty."""
    schema = "no_publications"
    storage = STORAGE.model_copy(update={"catalog": catalog, "schema_name": schema})
    try:
        killed = TableStore(spark, storage, tmp_path)
        killed.append_ahead(plan(spark), INGEST_PLANS)
        assert TableStore(spark, storage, tmp_path).published == {}
        job = TableStore(spark, storage, tmp_path)
        job.append(counted(spark, 1), ROW_BALANCE)
        job.publish("ingest", NOW)
        lost = job.location(PUBLISHED)
        if catalog:
            spark.sql(f"DROP TABLE {lost}")
        else:
            shutil.rmtree(lost)
        with pytest.raises(InputProblem, match=r"is missing though other tables are there .*: restore it;") as refused:
            TableStore(spark, storage, tmp_path)
        assert str(refused.value).startswith(f"{lost} is missing though other tables are there (")
        assert "(ingest_plans, row_balance)" in str(refused.value)
        with pytest.raises(InputProblem, match="is missing though"):
            job.refresh()  # what begins again looks as well
    finally:
        spark.sql(f"DROP SCHEMA IF EXISTS spark_catalog.{schema} CASCADE")


def test_a_first_job_that_begins_between_two_looks_is_no_loss(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = TableStore._others

    def begun(reader: TableStore) -> list[str]:
        monkeypatch.setattr(TableStore, "_others", looked)
        store(spark, tmp_path).append(counted(spark, 1), ROW_BALANCE)
        return looked(reader)

    monkeypatch.setattr(TableStore, "_others", begun)
    assert store(spark, tmp_path).published == {}


@pytest.mark.parametrize("catalog", [None, "spark_catalog"])
def test_notes_of_commits(spark: SparkSession, tmp_path: Path, catalog: str | None) -> None:
    """From the log of a folder, and by asking a catalog, which tells of the last commit first."""
    schema = "notes_of_commits"
    job = TableStore(spark, STORAGE.model_copy(update={"catalog": catalog, "schema_name": schema}), tmp_path)
    try:
        for number, note in enumerate(("one", None, 'a "quoted" note'), 1):
            job.append(counted(spark, number), ROW_BALANCE, note=note)
        log = DeltaTable(spark, ROW_BALANCE, catalog and f"{catalog}.{schema}", tmp_path / "tables")
        assert log.notes(-1) == [None, "one", None, 'a "quoted" note']
        assert (log.notes(1), log.notes(2), log.notes(3)) == ([None, 'a "quoted" note'], ['a "quoted" note'], [])
        job.publish("ingest", NOW)
        assert job.published[ROW_BALANCE.name].version == 3
    finally:
        spark.sql(f"DROP SCHEMA IF EXISTS spark_catalog.{schema} CASCADE")


def test_a_commit_of_the_same_work_is_taken_up(spark: SparkSession, tmp_path: Path) -> None:
    store(spark, tmp_path).append(counted(spark, 1), ROW_BALANCE, note="batch x")
    job = store(spark, tmp_path)
    assert not job.adopt(ROW_BALANCE, "batch y")
    assert job.adopt(ROW_BALANCE, "batch x")
    job.publish("ingest", NOW)
    assert seen(store(spark, tmp_path)) == [1]
    assert not store(spark, tmp_path).adopt(ROW_BALANCE, "batch x")  # published: nothing to take up


def test_an_exchange_replaces_rows_by_others_in_one_commit(spark: SparkSession, tmp_path: Path) -> None:
    job = store(spark, tmp_path)
    job.append(counted(spark, 1, 2), ROW_BALANCE)
    before = job.version(ROW_BALANCE)
    job.exchange(counted(spark, 7), ROW_BALANCE, "rows = 1", "mended")
    assert (seen(job), job.version(ROW_BALANCE)) == ([2, 7], before + 1)


def test_what_an_earlier_release_held_never_null_may_be_null(spark: SparkSession, tmp_path: Path) -> None:
    never_null = T.StructType([T.StructField(one.name, one.dataType, nullable=False) for one in ROW_BALANCE.columns])
    before, earlier = replace(ROW_BALANCE, columns=never_null), store(spark, tmp_path)
    earlier.append(counted(spark, 1).fillna("", ["rule"]), before)
    earlier.publish("ingest", NOW)
    job = store(spark, tmp_path)
    job.replace(counted(spark, 2), ROW_BALANCE, where="rows = 2")
    job.publish("ingest", NOW)
    assert seen(store(spark, tmp_path)) == [1, 2]


def test_an_accounts_file_may_bring_other_columns_the_next_time(spark: SparkSession, tmp_path: Path) -> None:
    job = store(spark, tmp_path)
    job.replace(spark.createDataFrame([("a", "x")], "account_id string, `Main industry (EUR)` string"), ACCOUNTS)
    job.replace(spark.createDataFrame([("a", "y")], "account_id string, sector string"), ACCOUNTS)
    assert [row.asDict() for row in job.read(ACCOUNTS).collect()] == [{"account_id": "a", "sector": "y"}]
    with pytest.raises(Exception, match="account_is_named"):
        job.replace(spark.createDataFrame([(None, "y")], "account_id string, sector string"), ACCOUNTS)


def event(**changes: Any) -> dict[str, Any]:
    kept = {
        "event_month": dt.date(2025, 1, 1), "batch_id": "b", "file_id": "f", "disposition": "kept", "duration_s": 1.0,
        "event_ts": NOW, "token_key": 1, "account_key": 1, "event_key": 1, "value": None,
    }  # fmt: skip
    return kept | changes


SCORE = {"as_of": dt.date(2025, 1, 1), "account_id": "a", "industry": "Print", "probability": 0.5, "model": "m/1"}
ENTRY = {
    "batch_id": "b", "file_id": "f", "path": "p", "source": "s", "status": "read", "bytes": 1, "rows_in": 3, "kept": 1,
    "quarantined": 1, "dropped": 1, "ingested_at": NOW,
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "row", "named"),
    [
        (EVENTS, event(duration_s=NAN), "kept_is_finite"),
        (EVENTS, event(value=NAN), "kept_is_finite"),
        (EVENTS, event(value=-INFINITE), "kept_is_finite"),
        (EVENTS, event(duration_s=-1.0), "kept_is_finite"),
        (EVENTS, event(token_key=None), "kept_is_whole"),
        (EVENTS, event(rule="duplicate"), "decided_by_rule"),
        (EVENTS, event(disposition="lost", rule="lost"), "disposition_known"),
        (EVENTS, event(file_id=None), "NOT NULL"),
        (INDUSTRY_SCORES, SCORE | {"probability": NAN}, "probability_is_one"),
        (INDUSTRY_SCORES, SCORE | {"industry": None}, "NOT NULL"),
        (LEDGER, ENTRY | {"kept": 2}, "balance"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_delta_refuses_what_no_table_may_hold(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, table: Table, row: dict[str, Any], named: str
) -> None:
    """The good row goes in beside the bad one's refusal, and the refusal is one line."""
    good = {EVENTS.name: event(), INDUSTRY_SCORES.name: SCORE, LEDGER.name: ENTRY}[table.name]
    folder = tmp_path_factory.getbasetemp() / f"constraints-{table.name}"  # one table serves all cases
    tables = store(spark, folder)
    if not tables.exists(table):
        tables.append(one_row(spark, table, good), table)
        tables.publish("test", NOW)
    with pytest.raises(Exception, match=r"DELTA_(VIOLATE_CONSTRAINT|NOT_NULL)") as refused:
        tables.append(one_row(spark, table, row), table)
    line, code, with_trace = explain(refused.value, folder)
    assert code == Exit.FAILED
    assert not with_trace
    assert named in line
    assert "\n" not in line
    assert tables.read(table).count() == 1


def one_row(spark: SparkSession, table: Table, row: dict[str, Any]) -> DataFrame:
    schema = type(table.columns)([type(f)(f.name, f.dataType, nullable=True) for f in table.columns])
    return spark.createDataFrame([tuple(row.get(name) for name in table.columns.names)], schema)


def test_every_table_that_a_job_reads_names_the_command_that_makes_it() -> None:
    own = {"published"}  # the store's, whose every commit writes it
    assert {table.name for table in TABLES} - own == set(MADE_BY)
    assert set(MADE_BY.values()) <= {spec.name for spec in job_specs()}
