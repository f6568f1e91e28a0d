"""Jobs by spark-submit: the tables are those of one process, also when executors are killed in their midst."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.failures import Exit
from tests.cluster.conftest import Cluster, Submit, Submitted
from tests.robustness.conftest import command, contents
from tests.walk import arguments

#: a default file system that nobody serves: whatever asks it for a path of the machines fails
HDFS = ("--conf", "spark.hadoop.fs.defaultFS=hdfs://127.0.0.1:9")


def kill_one(cluster: Cluster, job: Submitted, before: str) -> None:
    """`kill -9` of an executor, while the job has not yet said the line `before`."""
    os.kill(cluster.wait_for_executors(2)[0], signal.SIGKILL)
    assert before not in job.said(), job.said()


def walk_into(walked: Path, data_dir: Path) -> list[str]:
    """Arguments of a walk over the same logs, where they lie: the ledger holds their paths."""
    given = arguments(walked)
    given[given.index("--data-dir") + 1] = str(data_dir)
    return given


def test_an_executor_killed_in_mid_ingest_changes_no_table(
    spark: SparkSession, raw: Path, unharmed: dict[str, dict[str, str]], cluster: Cluster, submit: Submit,
    tmp_path: Path,
) -> None:  # fmt: skip
    job = submit(cluster.master, "ingest_events", command("ingest", tmp_path / "data", raw)[1:], options=HDFS)
    job.wait_for("looked through")
    kill_one(cluster, job, before=" rows of 6 files to events")
    assert job.end() == Exit.OK, job.said()
    assert "Traceback" not in job.said()
    assert contents(spark, tmp_path / "data") == unharmed["ingest"]


@pytest.mark.long
def test_the_whole_path_with_two_executors_killed_gives_the_local_tables(
    spark: SparkSession, walked: Path, cluster: Cluster, submit: Submit, tmp_path: Path
) -> None:
    job = submit(cluster.master, "run_all", walk_into(walked, tmp_path / "data"), options=HDFS)
    job.wait_for("starting Spark")
    kill_one(cluster, job, before=" rows of 15 files to events")
    job.wait_for(r"basetable \(")
    time.sleep(3)  # now the small half has rows that only executors keep
    kill_one(cluster, job, before="segments: kmeans, gmm trained")
    assert job.end() == Exit.OK, job.said()
    assert "Traceback" not in job.said()
    assert contents(spark, tmp_path / "data") == contents(spark, walked)
