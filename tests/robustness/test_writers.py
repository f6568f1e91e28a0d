"""Two drivers at once, and two writers that no lock keeps apart."""

from __future__ import annotations

import datetime as dt
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.failures import Exit, is_conflict
from segmentation.jobs import batches
from segmentation.jobs.command import main
from segmentation.jobs.plans import Plan
from segmentation.runtime import Job, JobSpec, execute
from segmentation.schemas import EVENTS, ROW_BALANCE
from tests.robustness.conftest import Start, command, contents, store
from tests.robustness.drop import HEADER, usage


@pytest.mark.long
def test_the_second_driver_is_told_who_holds_the_data_or_waits(
    spark: SparkSession, start: Start, tmp_path: Path, raw: Path, unharmed: dict[str, dict[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    data_dir = tmp_path / "data"
    first = start("before ingest publishes", *command("ingest", data_dir, raw))
    driver, jvm = first.reached()
    assert main(command("ingest", data_dir, raw)) == Exit.INPUT
    assert f"is being written by segmentation ingest (process {driver}), JVM {jvm}: wait" in capsys.readouterr().err
    said = ""
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(main, [*command("ingest", data_dir, raw), "--wait", "200"])
        while "waiting up to 200 s" not in said:
            assert not second.done()
            said += capsys.readouterr().err
            time.sleep(0.05)
        first.kill()  # and so its lock is taken over
        assert second.result() == Exit.OK
    assert re.search(r"batch \w+ of \d+ files is taken up", said + capsys.readouterr().err)
    assert contents(spark, data_dir) == unharmed["ingest"]


def row(spark: SparkSession, file_id: str, rows: int, rule: str | None = None) -> DataFrame:
    values = [("b", file_id, dt.date(2025, 1, 1), "kept", rule, rows)]
    return spark.createDataFrame(values, ROW_BALANCE.columns)


def test_a_job_begins_again_from_what_another_published(spark: SparkSession, tmp_path: Path) -> None:
    """Where no lock reaches (two clusters, one catalog) the later one reads its inputs anew."""
    other = store(spark, tmp_path)
    other.append(row(spark, "first", 1), ROW_BALANCE)
    other.publish("other", dt.datetime.now(dt.UTC))
    attempts = []

    def body(job: Job) -> None:
        known = job.tables.read(ROW_BALANCE).count()
        if not attempts:  # the other driver comes in between reading and publishing
            rival = store(spark, tmp_path)
            rival.append(row(spark, "rival", 1), ROW_BALANCE)
            rival.publish("rival", dt.datetime.now(dt.UTC))
        attempts.append(known)
        job.tables.append(row(spark, "ours", known), ROW_BALANCE)
        job.publish()

    spec = JobSpec("trial", "a trial", lambda parser: None, body)
    assert execute(spec, ["--data-dir", str(tmp_path)]) == Exit.OK
    found = {r["file_id"]: r["rows"] for r in store(spark, tmp_path).read(ROW_BALANCE).collect()}
    assert (attempts, found) == ([1, 2], {"first": 1, "rival": 1, "ours": 2})


def test_rows_written_before_another_job_published_are_written_again_from_what_it_did(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no lock reaches, as in a catalog: taken up as they are, they would stand without the other's rows."""
    first, second = tmp_path / "first", tmp_path / "second"
    for raw, rows in ((first, usage("a", ("t",))), (second, usage("b", ("u", "v")))):
        (raw / "logs").mkdir(parents=True)
        (raw / "logs" / "usage.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    assert main(command("ingest", tmp_path, first)) == Exit.OK
    write, times = batches._write_events, list[int]()

    def after_a_rival(job: Job, plan: Plan) -> bool:
        times.append(len(times))
        if len(times) == 1:
            rival = store(spark, tmp_path)
            rival.append(rival.read(EVENTS).withColumn("batch_id", F.lit("rival")), EVENTS, "rival")
            rival.publish("rival", dt.datetime.now(dt.UTC))
        return write(job, plan)

    monkeypatch.setattr(batches, "_write_events", after_a_rival)
    assert main(command("ingest", tmp_path, second)) == Exit.OK
    kept = store(spark, tmp_path).read(EVENTS).groupBy("batch_id").count().collect()
    assert sorted(one["count"] for one in kept) == [6, 6, 12]
    assert times == [0, 1]


def test_a_conflict_of_deltas_own_is_known_as_one(spark: SparkSession, tmp_path: Path) -> None:
    """A slow replacement of rows, and a rival that adds one among them before it commits."""
    tables = store(spark, tmp_path)
    tables.append(row(spark, "first", 1), ROW_BALANCE)
    tables.publish("other", dt.datetime.now(dt.UTC))
    rival, begun, done = store(spark, tmp_path), tmp_path / "begun", tmp_path / "done"

    def come_second(rows: int) -> int:
        begun.touch()
        until = time.monotonic() + 60
        while not done.exists() and time.monotonic() < until:
            time.sleep(0.05)
        return rows

    slow = tables.read(ROW_BALANCE).coalesce(1).withColumn("rows", F.udf(come_second, T.LongType())("rows"))
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(tables.replace, slow, ROW_BALANCE, "batch_id = 'b'")
        while not begun.exists() and not writing.done():
            time.sleep(0.05)
        rival.append(row(spark, "rival", 1), ROW_BALANCE)
        done.touch()
        problem = writing.exception()
    assert problem is not None
    assert is_conflict(problem), problem
