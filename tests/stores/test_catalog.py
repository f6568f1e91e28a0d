"""What a catalog's schema may hold beside this project's tables, and what nobody locks there."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from segmentation.errors import EnvironmentProblem, InputProblem
from segmentation.jobs.show_status import _unfinished
from segmentation.runtime import Job
from segmentation.schemas import ACCOUNTS
from segmentation.stores.catalogs import is_in_catalog, sql_schema
from segmentation.stores.conf import load_settings
from segmentation.stores.tables import TableStore
from tests.robustness.conftest import STORAGE

NOW = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
CATALOG = "spark_catalog"

Open = Callable[[], TableStore]


@pytest.fixture
def schema(spark: SparkSession, request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of the test's own."""
    name = f"{CATALOG}.{request.node.originalname}"
    spark.sql(f"CREATE SCHEMA {name}")
    yield name
    spark.sql(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture
def store(spark: SparkSession, schema: str, tmp_path: Path) -> Open:
    """Opens the tables of the schema as they are now."""
    storage = STORAGE.model_copy(update={"catalog": CATALOG, "schema_name": schema.rpartition(".")[2]})
    return lambda: TableStore(spark, storage, tmp_path)


def write(tables: TableStore, spark: SparkSession, account: str) -> None:
    tables.replace(spark.createDataFrame([(account, "x")], "account_id string, `Main industry` string"), ACCOUNTS)


def accounts(tables: TableStore) -> list[str]:
    return [row["account_id"] for row in tables.read(ACCOUNTS).collect()]


@pytest.mark.parametrize("made", ["TABLE {} USING delta", "TABLE {} USING parquet", "VIEW {}"])
def test_a_table_of_somebody_elses_is_refused(spark: SparkSession, schema: str, store: Open, made: str) -> None:
    theirs = f"{schema}.accounts"
    people = "VALUES ('a', 'Ann'), ('b', 'Bob') AS people(account_id, owner)"
    spark.sql(f"CREATE {made.format(theirs)} AS SELECT * FROM {people}")
    refused = rf"{theirs} is not a table of this project: name another storage\.schema_name, or drop it"
    with pytest.raises(InputProblem, match=refused):
        write(store(), spark, "new")
    with pytest.raises(InputProblem, match=refused):
        store().take_back_unfinished()
    assert sorted(row["owner"] for row in spark.table(theirs).collect()) == ["Ann", "Bob"]


def test_status_says_what_is_in_the_way(spark: SparkSession, schema: str, store: Open, tmp_path: Path) -> None:
    spark.sql(f"CREATE TABLE {schema}.accounts USING delta AS SELECT 'a' account_id")
    args = argparse.Namespace(data_dir=tmp_path, profile=None, overrides=[])
    job = Job("status", args, load_settings("local"), tmp_path, NOW, _spark=spark, _tables=store())
    (line,) = _unfinished(job)
    assert line.startswith(f"in the way      {schema}.accounts is not a table of this project: name another")


@pytest.mark.parametrize(
    ("catalog", "schema", "name"),
    [("main", "segmentation", "main.segmentation"), ("main", "team-a", "main.`team-a`"), ("1st", "ä", "`1st`.`ä`")],
)
def test_a_name_that_is_no_plain_word_stands_between_backticks(catalog: str, schema: str, name: str) -> None:
    assert sql_schema(catalog, schema) == name


def test_a_schema_with_a_hyphen_is_asked_for_and_refused_with_sparks_reason(
    spark: SparkSession, tmp_path: Path
) -> None:
    """Unity Catalog takes such a name; the catalog that Spark itself brings says why it does not."""
    storage = STORAGE.model_copy(update={"catalog": CATALOG, "schema_name": "team-a"})
    refused = (
        r"there is no schema spark_catalog\.`team-a`, and it cannot be made \(\[INVALID_SCHEMA_OR_RELATION_NAME\] "
    )
    with pytest.raises(EnvironmentProblem, match=refused):
        write(TableStore(spark, storage, tmp_path), spark, "one")


def test_a_catalog_that_is_not_there_is_told_by_the_first_line_that_says_something(tmp_path: Path) -> None:
    def say(_: str) -> bool:
        raise PySparkException("\n[INVALID_IDENTIFIER] The unquoted identifier is not valid.\n\n== SQL ==")

    session: Any = SimpleNamespace(catalog=SimpleNamespace(tableExists=say))
    with pytest.raises(
        InputProblem, match=r"cannot be asked \(\[INVALID_IDENTIFIER\] The unquoted .* valid\.\): correct"
    ):
        is_in_catalog(session, "main.segmentation.published")


def test_somebody_elses_publications_are_refused(spark: SparkSession, schema: str, store: Open) -> None:
    spark.sql(f"CREATE TABLE {schema}.published USING delta AS SELECT 'a book' title")
    with pytest.raises(InputProblem, match=rf"{schema}\.published is not this project's table .*table_name is missing"):
        store()


def test_what_a_killed_job_of_ours_left_is_taken_back(spark: SparkSession, store: Open) -> None:
    killed = store()
    for account in ("one", "two"):  # the second replaces the whole table, columns and all: it is still known as ours
        write(killed, spark, account)
    job = store()
    assert [table.name for table in job.unfinished() if job.is_ours(table)] == ["accounts"]
    write(job, spark, "three")
    job.publish("basetable", NOW)
    assert accounts(store()) == ["three"]


def test_nothing_is_purged_while_another_job_is_at_work(spark: SparkSession, store: Open) -> None:
    first = store()
    write(first, spark, "old")
    first.publish("basetable", NOW)
    working = store()
    write(working, spark, "new")
    with pytest.raises(InputProblem, match=r"another job is writing .*\.accounts: nothing was purged"):
        store().purge()
    assert accounts(store()) == ["old"]
    write(store(), spark, "next")  # takes back what the other one wrote, which needs the files of what is published
    assert accounts(store()) == ["old"]


def test_what_is_published_is_still_there_after_a_purge(spark: SparkSession, store: Open) -> None:
    job = store()
    for account in ("old", "new"):
        write(job, spark, account)
        job.publish("basetable", NOW)
    store().purge()
    assert accounts(store()) == ["new"]
    with pytest.raises(Exception, match="FILE_NOT_EXIST"):
        spark.sql(f"SELECT * FROM {store().location(ACCOUNTS)} VERSION AS OF 1").collect()
