"""The ingest job: what it stores of odd drops, and that a run which did not finish leaves nothing behind."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.checkpoint import settled_for_join
from segmentation.errors import InputProblem
from segmentation.events import duplicates
from segmentation.events.balance import BalanceError, audit
from segmentation.jobs.batches import FileChanged
from segmentation.jobs.command import main
from segmentation.jobs.stored_categories import require_columns
from segmentation.runtime import Exit, Job
from segmentation.schemas import EVENTS
from segmentation.settings import CategorySettings
from tests.robustness.logs import COLUMNS, Logs, line

HEADER = "event_time,token,account,event_name,product,version,os,user_state,duration_s,value,status\n"

#: the second of them speaks of no column, the first of one of ours
RULES = {"good": "event_ts IS NULL", "bad": "tokn = 1"}


def row(second: int, token: str = "t1") -> str:
    return f"2025-03-04 05:06:{second:02d}.000,{token},a1,PDF Opened,P,1,OS,active,1.5,,ok\n"


def ingest(data_dir: Path, drop: Path) -> int:
    return main(["ingest", "--source", "generated", "--input", str(drop), "--data-dir", str(data_dir)])


def read(spark: SparkSession, data_dir: Path, name: str) -> DataFrame:
    return spark.read.format("delta").load(str(data_dir / "tables" / name))


def job_that_knows(spark: SparkSession, *stored: str) -> Job:
    """A job whose event names are of these categories; without any, before the first ingest."""
    names = spark.createDataFrame([(category,) for category in stored], "category string")
    return cast(Job, SimpleNamespace(tables=SimpleNamespace(exists=lambda _: bool(stored), read=lambda _: names)))


def test_a_logs_own_category_that_a_common_one_cannot_be_told_from_is_found_before_its_rows_are_read(
    spark: SparkSession,
) -> None:
    nothing = job_that_knows(spark)
    require_columns(nothing, [CategorySettings(name="Document"), CategorySettings(name="Telemetry")])
    with pytest.raises(InputProblem, match="categories 'Document', 'document' give a column document_rows_year more"):
        require_columns(nothing, [CategorySettings(name="document")])


def test_so_is_one_that_cannot_be_told_from_what_another_log_brought(spark: SparkSession) -> None:
    """Stored rows keep their category: no basetable could be built any more."""
    stored = job_that_knows(spark, "Pre Flight", "Document")
    require_columns(stored, [CategorySettings(name="Pre Flight")])
    with pytest.raises(InputProblem, match=r"'Pre Flight', 'Pre-Flight' give .* more than once; .*stored rows keep"):
        require_columns(stored, [CategorySettings(name="Pre-Flight")])


def test_of_many_files_in_a_message_the_first_are_named() -> None:
    names = [f"{n}.csv" for n in range(10, 1035)]
    changed = str(FileChanged([Path(name) for name in names]))
    assert changed.startswith("10.csv, 11.csv, ")
    assert "28.csv, 29.csv and 1,005 more changed after the batch was planned" in changed
    with pytest.raises(BalanceError, match=r"; 29.csv holds 2 rows, 0 were stored and 1,005 more$"):
        audit({name: (name, 2) for name in names}, {})
    with pytest.raises(BalanceError, match=r"10.csv holds 2 rows, 0 were stored; 11.csv holds 2 rows, 0 were stored$"):
        audit({name: (name, 2) for name in names[:2]}, {})


def test_a_file_without_rows_is_in_the_ledger(spark: SparkSession, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "quiet.csv").write_text(HEADER)
    (drop / "busy.csv").write_text(HEADER + row(1))
    assert ingest(tmp_path, drop) == Exit.OK
    ledger = read(spark, tmp_path, "ingest_ledger").collect()
    assert {Path(r["path"]).name: (r["rows_in"], r["kept"]) for r in ledger} == {
        "quiet.csv": (0, 0),
        "busy.csv": (1, 1),
    }


def test_a_large_parquet_file_is_taken_in_by_many_tasks(spark: SparkSession, tmp_path: Path) -> None:
    """40 MB in 16 row groups: three tasks, each of which sorts and writes its rows; Spark by itself takes one."""
    names = HEADER.strip().split(",")
    rows = []
    for n in range(320):
        said = {"event_time": f"2025-03-04 05:06:07.{n:03d}", "token": f"t{n}", "account": "a1"}
        long = {"event_name": "PDF Opened", "product": os.urandom(62_500).hex()}
        rows.append(dict.fromkeys(names, "") | said | long)
    drop = tmp_path / "drop"
    drop.mkdir()
    table = pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in names]))
    pq.write_table(table, drop / "a.parquet", row_group_size=20, compression="none", use_dictionary=False)
    spark.conf.set("spark.sql.files.minPartitionNum", "1")
    try:
        given = ["--source", "generated", "--format", "parquet", "--input", str(drop), "--data-dir", str(tmp_path)]
        assert main(["ingest", *given]) == Exit.OK
    finally:
        spark.conf.unset("spark.sql.files.minPartitionNum")
    assert read(spark, tmp_path, "events").count() == len(rows)
    files = read(spark, tmp_path, "events").select(F.input_file_name()).distinct().count()
    assert files == 3


def test_cores_that_come_while_files_are_read_cost_no_row(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that stand twice in files which are cut into other tasks the second time that they are read."""

    cores = itertools.count(3)

    def and_cores_come(narrow: DataFrame) -> DataFrame:
        kept = settled_for_join(narrow)
        spark.conf.set("spark.sql.leafNodeDefaultParallelism", str(next(cores)))
        return kept

    monkeypatch.setattr(duplicates, "settled_for_join", and_cores_come)
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "a.csv").write_text(HEADER + "".join(row(n % 60) for n in range(120)))
    spark.conf.set("spark.sql.files.openCostInBytes", "100")
    try:
        assert ingest(tmp_path, drop) == Exit.OK
    finally:
        spark.conf.unset("spark.sql.files.openCostInBytes")
        spark.conf.unset("spark.sql.leafNodeDefaultParallelism")
    events = read(spark, tmp_path, "events").groupBy("disposition", "rule").count().collect()
    assert sorted(map(tuple, events), key=str) == [("dropped", "duplicate", 60), ("kept", None, 60)]


@pytest.mark.long
def test_what_a_failed_ingest_left_is_finished_before_a_larger_drop(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that failed after its commit of rows, then one over more files: nothing lost, nothing twice."""
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "b.csv").write_text(HEADER + row(2) + row(3))
    with monkeypatch.context() as patch:
        patch.setattr(Job, "publish", lambda job: 1 / 0)
        assert ingest(tmp_path, drop) == Exit.FAILED
    (drop / "a.csv").write_text(HEADER + row(1))
    (drop / "c.csv").write_text(HEADER + row(4))
    capsys.readouterr()
    assert ingest(tmp_path, drop) == Exit.OK
    assert "an earlier ingest did not finish" in (said := capsys.readouterr().err)
    assert "are there already" in said
    events = read(spark, tmp_path, "events")
    assert {(r["disposition"], r["count"]) for r in events.groupBy("disposition").count().collect()} == {("kept", 4)}
    assert read(spark, tmp_path, "tokens").select("rows").collect() == [(4,)]
    assert read(spark, tmp_path, "row_balance").agg(F.sum("rows")).first() == (4,)


def test_rules_that_cannot_work_block_nothing(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan by rules that fail on a row is given up, so that the mended ones get their turn."""
    logs = Logs(spark, tmp_path, value="CAST(token AS int)")
    logs.write("a.csv", line("2025-03-04 05:06:07", "t1"))
    assert logs.ingest() == Exit.USAGE
    said = capsys.readouterr().err
    assert f"{tmp_path / 'app.yml'}: value: CAST(token AS int): [CAST_INVALID_INPUT] The value 't1'" in said
    assert "Traceback" not in said
    assert "stacktrace" not in said  # PySpark's own word on standard error
    logs.describe()
    assert logs.ingest() == Exit.OK
    assert "an earlier ingest did not finish" not in capsys.readouterr().err
    assert logs.balance() == {("a.csv", "kept", None): 1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token": "tokn"}, "token: tokn: [UNRESOLVED_COLUMN"),
        ({"value": "CAST(seconds AS"}, "value: CAST(seconds AS: [PARSE_SYNTAX_ERROR]"),
        ({"time": {"column": "tiem", "epoch": "seconds"}}, "time.column: tiem: [UNRESOLVED_COLUMN"),
        ({"token": "max(token)"}, "token: max(token): [MISSING_GROUP_BY]"),
        (
            {"time": {"column": "to_date(time)", "formats": ["yyyy-MM-dd"]}},
            "time.column: to_date(time) is date: give the text alone",
        ),
        ({"time": {"column": "time", "epoch": "seconds", "zone": "XYZ"}}, "time.zone: 'XYZ' is no time zone"),
        ({"error_when": "length(name)"}, "error_when: length(name) is int, neither true nor false: write a condition"),
        (
            {"rules": [{"name": name, "disposition": "flagged", "when": when} for name, when in RULES.items()]},
            "rules: bad: tokn = 1: [UNRESOLVED_COLUMN",
        ),
    ],
)
def test_a_source_that_spark_cannot_make_sense_of_is_one_line(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], said: str
) -> None:
    logs = Logs(spark, tmp_path, **changes)
    logs.write("a.csv", line("2025-03-04 05:06:07", "t1"))
    assert logs.ingest() == Exit.USAGE
    assert f"\nsegmentation ingest: {tmp_path / 'app.yml'}: {said}" in (errors := capsys.readouterr().err)
    assert "Traceback" not in errors
    assert not (logs.data / "tables" / "ingest_plans").exists()


def test_files_of_types_that_the_source_cannot_read_stop_no_others(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Replayed by SQL that does not fit what was read, too: nothing is changed."""
    source = {"format": "parquet", "time": {"column": "time", "epoch": "seconds"}, "duration_s": "abs(seconds)"}
    logs = Logs(spark, tmp_path, **source)
    rows = {"time": [1_700_000_000], "token": [""], "account": ["a1"], "name": ["pdf.open"], "seconds": [1.0]}
    pq.write_table(pa.table(rows), logs.drop / "good.parquet")
    pq.write_table(pa.table(rows | {"seconds": [{"of": 1.0}]}), logs.drop / "nested.parquet")
    assert logs.ingest() == Exit.PARTIAL
    reason = "unfit_types: duration_s: abs(seconds): [DATATYPE_MISMATCH"
    assert f"refused: {logs.drop / 'nested.parquet'}: {reason}" in capsys.readouterr().out
    assert logs.ledger()["nested.parquet"]["reason"].startswith(reason)
    assert logs.balance() == {("good.parquet", "quarantined", "missing_token"): 1}
    before = logs.versions()
    logs.describe(**source, token="named.token")
    assert logs.replay() == Exit.USAGE
    assert "app.yml: token: named.token: [UNRESOLVED_COLUMN" in (said := capsys.readouterr().err)
    assert f"(rows of {logs.drop / 'good.parquet'})" in said
    assert logs.versions() == before


def test_units_flags_and_other_columns_of_a_file_read_before(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = {"format": "parquet", "time": {"column": "time", "epoch": "seconds"}, "error_when": "failed"}
    logs = Logs(spark, tmp_path, **source, columns=[*COLUMNS.split(","), "failed"])
    rows = {"time": [1_700_000_000], "token": ["t1"], "account": ["a1"], "name": ["pdf.open"], "seconds": [1.5]}
    pq.write_table(pa.table(rows | {"failed": ["true"]}), logs.drop / "flagged.parquet")
    pq.write_table(pa.table(rows | {"token": ["t2"]}), logs.drop / "older.parquet")
    nanos = pa.array([1_500_000_000], pa.duration("ns"))  # a number to Spark, which would take it for seconds
    pq.write_table(pa.table(rows | {"seconds": nanos}), logs.drop / "timed.parquet")
    # as pandas writes whole numbers of which one is missing
    pq.write_table(pa.table(rows | {"account": [1001.0]}), logs.drop / "halves.parquet")
    assert logs.ingest() == Exit.PARTIAL
    said = capsys.readouterr().out
    refused = "unfit_types: duration_s: seconds is a duration in ns: write seconds / 1e9 for seconds"
    assert f"refused: {logs.drop / 'timed.parquet'}: {refused}" in said
    refused = (
        "unfit_types: account_id: account is double, by which 1001 becomes 1001.0: write try_cast(account AS BIGINT)"
    )
    assert f"refused: {logs.drop / 'halves.parquet'}: {refused}" in said
    flags = logs.read(EVENTS).select("token", "is_error").collect()
    assert dict(flags) == {"t1": True, "t2": None}
    (logs.drop / "timed.parquet").unlink()
    (logs.drop / "halves.parquet").unlink()
    pq.write_table(pa.table(rows | {"failed": ["true"], "more": [1]}), logs.drop / "flagged.parquet")
    assert logs.ingest() == Exit.OK
    said = capsys.readouterr().err
    assert f"{logs.drop / 'flagged.parquet'} was read before with other columns: no row of it is told to be" in said
    assert logs.read(EVENTS).count() == 3


@pytest.mark.long
def test_accounts_files_may_have_blanks_in_their_headings(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop = tmp_path / "a.csv"
    drop.write_text(HEADER + row(1))
    assert ingest(tmp_path, drop) == Exit.OK
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account,Main Industry (EUR)\na1,Print\n")
    arguments = ["basetable", "--data-dir", str(tmp_path), "--accounts", str(accounts), "--label"]
    assert main([*arguments, "Main Industry (EUR)", "--as-of", "2025-04-01"]) == Exit.OK
    assert read(spark, tmp_path, "basetable").select("industry").collect() == [("Print",)]
    assert main([*arguments, "Main Industry (EUR)", "--as-of", "2025-05-01"]) == Exit.INPUT
    assert "the logs end on 2025-03-04" in capsys.readouterr().err
    assert main(["industry", "--data-dir", str(tmp_path)]) == Exit.LACKING
    assert "every labelled account is 'Print': a model needs at least two labels" in capsys.readouterr().err
