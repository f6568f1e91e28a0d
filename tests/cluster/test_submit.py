"""Jobs by spark-submit: the tables are those of one process, also when executors are killed in their midst."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

from pyspark.sql import SparkSession

from segmentation.failures import Exit
from tests.cluster.conftest import Cluster, Submit, Submitted
from tests.robustness.conftest import contents
from tests.walk import arguments


def kill_one(cluster: Cluster, job: Submitted, before: str) -> None:
    """`kill -9` of an executor, while the job has not yet said the line `before`."""
    os.kill(cluster.wait_for_executors(2)[0], signal.SIGKILL)
    assert before not in job.said(), job.said()


def with_raw(walked: Path, folder: Path) -> list[str]:
    """Arguments of a walk over the same logs into a folder of its own."""
    shutil.copytree(walked / "raw", folder / "raw")
    return arguments(folder)


def test_the_whole_path_with_two_executors_killed_gives_the_local_tables(
    spark: SparkSession, walked: Path, cluster: Cluster, submit: Submit, tmp_path: Path
) -> None:
    job = submit(cluster.master, "run_all", with_raw(walked, tmp_path / "data"))
    job.wait_for("starting Spark")
    kill_one(cluster, job, before=" rows of 15 files to events")
    job.wait_for(r"basetable \(")
    time.sleep(3)  # now the small half has rows that only executors keep
    kill_one(cluster, job, before="segments: kmeans, gmm trained")
    assert job.end() == Exit.OK, job.said()
    assert "Traceback" not in job.said()
    assert contents(spark, tmp_path / "data") == contents(spark, walked)
