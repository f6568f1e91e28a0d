"""A table that was published and is gone, or whose log ends too early, is not begun anew by whoever writes to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import InputProblem
from segmentation.failures import Exit, explain
from segmentation.schemas import ACCOUNT_SCORES, ROW_BALANCE
from segmentation.settings import StorageSettings
from segmentation.stores.delta import DeltaTable
from segmentation.stores.tables import TableStore
from tests.robustness.conftest import STORAGE, store
from tests.stores.test_tables import NOW, counted, seen

#: every way to write that keeps rows which are stored
ADDING: dict[str, Callable[[TableStore, DataFrame], None]] = {
    "append": lambda job, rows: job.append(rows, ROW_BALANCE),
    "replace": lambda job, rows: job.replace(rows, ROW_BALANCE, where="rows = 3"),
    "exchange": lambda job, rows: job.exchange(rows, ROW_BALANCE, "rows = 1", "note"),
    "merge": lambda job, rows: job.append_and_change(rows, ROW_BALANCE, rows.select("file_id"), "true", {}, "note"),
}


def published_twice(spark: SparkSession, storage: StorageSettings, data_dir: Path) -> TableStore:
    """A store whose `row_balance` holds 1 and 2, from a publication each: versions 1 and 2 of it."""
    job = TableStore(spark, storage, data_dir)
    for number in (1, 2):
        job.append(counted(spark, number), ROW_BALANCE)
        job.publish("ingest", NOW)
    assert job.published[ROW_BALANCE.name].version == 2
    return TableStore(spark, storage, data_dir)


def roll_back(folder: Path) -> None:
    """The second commit is lost, and what Hadoop keeps beside it."""
    for entry in (folder / "_delta_log").glob(f"*{2:020d}.*"):
        entry.unlink()


def lose_log(folder: Path) -> None:
    shutil.rmtree(folder / "_delta_log")


@pytest.mark.parametrize("lose", [shutil.rmtree, lose_log, roll_back], ids=lambda lose: str(lose.__name__))
@pytest.mark.parametrize("write", ADDING.values(), ids=ADDING)
def test_nothing_is_added_to_what_is_left_of_a_published_table(
    spark: SparkSession,
    tmp_path: Path,
    lose: Callable[[Path], None],
    write: Callable[[TableStore, DataFrame], None],
) -> None:
    job = published_twice(spark, STORAGE, tmp_path)
    folder = Path(job.location(ROW_BALANCE))
    lose(folder)
    left = sorted(folder.rglob("*"))
    with pytest.raises(InputProblem) as refused:
        write(job, counted(spark, 3))
    line, code, with_trace = explain(refused.value, tmp_path)
    assert line == (
        f"table row_balance is damaged: {folder} does not hold version 2, which was published: restore it from a copy "
        "(made by `segmentation ingest`)"
    )
    assert (code, with_trace) == (Exit.INPUT, False)
    assert sorted(folder.rglob("*")) == left


def test_rows_are_not_updated_in_what_is_gone(spark: SparkSession, tmp_path: Path) -> None:
    rows = spark.createDataFrame([], ACCOUNT_SCORES.columns)
    job = store(spark, tmp_path)
    job.upsert(rows, ACCOUNT_SCORES, "false")
    job.publish("score", NOW)
    shutil.rmtree(job.location(ACCOUNT_SCORES))
    with pytest.raises(InputProblem, match=r"^table account_scores is damaged: .*`segmentation score`"):
        store(spark, tmp_path).upsert(rows, ACCOUNT_SCORES, "false")
    assert not Path(job.location(ACCOUNT_SCORES)).exists()


def test_a_copy_put_back_is_written_on(spark: SparkSession, tmp_path: Path) -> None:
    job = published_twice(spark, STORAGE, tmp_path)
    folder, copy = Path(job.location(ROW_BALANCE)), tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.rmtree(folder)
    with pytest.raises(InputProblem, match="restore it from a copy"):
        job.append(counted(spark, 3), ROW_BALANCE)
    shutil.copytree(copy, folder)
    job = store(spark, tmp_path)
    job.append(counted(spark, 3), ROW_BALANCE)
    job.publish("ingest", NOW)
    assert seen(store(spark, tmp_path)) == [1, 2, 3]


@pytest.mark.parametrize("lose", [shutil.rmtree, roll_back], ids=lambda lose: str(lose.__name__))
def test_what_is_made_anew_as_a_whole_needs_nothing_of_what_was(
    spark: SparkSession, tmp_path: Path, lose: Callable[[Path], None]
) -> None:
    job = published_twice(spark, STORAGE, tmp_path)
    lose(Path(job.location(ROW_BALANCE)))
    job.replace(counted(spark, 7), ROW_BALANCE)
    job.publish("ingest", NOW)
    assert seen(store(spark, tmp_path)) == [7]


def test_data_without_a_log_are_not_deleted_for_a_table_made_anew(spark: SparkSession, tmp_path: Path) -> None:
    job = published_twice(spark, STORAGE, tmp_path)
    folder = Path(job.location(ROW_BALANCE))
    lose_log(folder)
    left = sorted(folder.rglob("*"))
    with pytest.raises(InputProblem) as refused:
        job.replace(counted(spark, 7), ROW_BALANCE)
    assert str(refused.value) == (
        f"{folder} holds data files and no log of them: restore it from a copy, or take it away if nobody needs its "
        "rows"
    )
    assert sorted(folder.rglob("*")) == left
    shutil.rmtree(folder)
    job.replace(counted(spark, 7), ROW_BALANCE)
    assert seen(job) == [7]


def test_a_table_dropped_from_a_catalog_is_neither_begun_anew_nor_read(spark: SparkSession, tmp_path: Path) -> None:
    storage = STORAGE.model_copy(update={"catalog": "spark_catalog", "schema_name": "lost_tables"})
    told = (
        "table row_balance is damaged: spark_catalog.lost_tables.row_balance does not hold version {}, which was "
        "published: restore it from a copy (made by `segmentation ingest`)"
    )
    try:
        job = published_twice(spark, storage, tmp_path)
        with pytest.raises(InputProblem) as refused:
            DeltaTable(spark, ROW_BALANCE, "spark_catalog.lost_tables", tmp_path).read(7)
        assert str(refused.value) == told.format(7)
        spark.sql(f"DROP TABLE {job.location(ROW_BALANCE)}")
        for use in (seen, lambda job: job.count(ROW_BALANCE), lambda job: job.append(counted(spark, 3), ROW_BALANCE)):
            with pytest.raises(InputProblem) as refused:
                use(job)
            assert str(refused.value) == told.format(2)
        assert not spark.catalog.tableExists(job.location(ROW_BALANCE))
    finally:
        spark.sql("DROP SCHEMA IF EXISTS spark_catalog.lost_tables CASCADE")
