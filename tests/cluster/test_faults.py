"""Clusters that are not there, or lack something: one line with the fix, and the code of the environment."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from segmentation.failures import Exit, explain, is_passing, why_begin_again
from segmentation.failures.cluster import cluster_fault
from tests.cluster.conftest import Submit


def test_no_master_at_that_address(submit: Submit, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        master = f"spark://127.0.0.1:{taken.getsockname()[1]}"
        job = submit(master, "show_status", ["--data-dir", str(tmp_path)])
        assert job.end() == Exit.ENVIRONMENT, job.said()
    assert (
        f"segmentation status: no Spark master answers at {master}: start it, or give spark-submit another --master"
    ) in job.said().splitlines()
    assert "Traceback" not in job.said()


def test_no_jars_of_delta(submit: Submit, tmp_path: Path) -> None:
    job = submit("local[1]", "show_status", ["--data-dir", str(tmp_path)], jars=[])
    assert job.end() == Exit.ENVIRONMENT, job.said()
    assert "\nsegmentation status: Spark's driver has not Delta's jars: give spark-submit --jars with" in job.said()
    assert "Traceback" not in job.said()


def test_a_catalog_that_is_not_there(submit: Submit, tmp_path: Path) -> None:
    own = ("--conf", "spark.sql.catalog.spark_catalog=org.Own")
    job = submit("local[1]", "show_status", ["--data-dir", str(tmp_path)], options=own)
    assert job.end() == Exit.ENVIRONMENT, job.said()
    assert "\nsegmentation status: Spark's driver cannot load org.Own (" in job.said()
    assert "Traceback" not in job.said()


LOST = (
    "SparkException: Job aborted due to stage failure: Task 0 in stage 7.0 failed 4 times, most recent failure: Lost "
    "task 0.3 in stage 7.0 (TID 12) (127.0.0.1 executor 3): ExecutorLostFailure (executor 3 exited caused by one of "
    "the running tasks) Reason: Command exited with code 137; java.net.ConnectException: Connection refused"
)
NO_BLOCK = (
    "Py4JJavaError: org.apache.spark.SparkException: [CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND] Checkpoint block rdd_61_0 not "
    "found! Either the executor that originally checkpointed this partition is no longer alive, or the original RDD is "
    "unpersisted."
)
NO_MODULE = (
    "PythonException: \n  An exception was thrown from the Python worker. Please see the stack trace below.\n"
    "Traceback (most recent call last):\n  File \"worker.py\", line 1\nModuleNotFoundError: No module named '{}'\n"
)
NO_CLASS = "Py4JJavaError: An error occurred while calling o1.save.\n: java.lang.{}: {}\n\tat java.base/x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (LOST, "executors were lost again and again (out of memory: raise --executor-memory"),
        (NO_BLOCK, "executors were lost again and again"),
        (
            NO_MODULE.format("segmentation"),
            "Python on the executors has no module segmentation: give spark-submit --py-files dist/segmentation.zip",
        ),
        (NO_MODULE.format("pandas.core"), "Python on the executors has no module pandas: install it there"),
        (
            NO_CLASS.format("ClassNotFoundException", "org.apache.spark.sql.delta.files.DelayedCommitProtocol"),
            "Java lacks org.apache.spark.sql.delta.files.DelayedCommitProtocol, or has them of another release",
        ),
        (
            NO_CLASS.format(
                "ClassCastException", "cannot assign instance of java.lang.invoke.SerializedLambda to field"
            ),
            "Java lacks classes that the driver has, or has them of another release: driver and executors need",
        ),
    ],
)
def test_a_fault_of_the_cluster_is_one_line_and_passes(text: str, said: str, tmp_path: Path) -> None:
    line, code, with_trace = explain(RuntimeError(text), tmp_path)
    assert line.startswith(said)
    assert line.endswith("run the same command again to finish")
    assert (code, with_trace) == (Exit.ENVIRONMENT, False)
    assert is_passing(RuntimeError(text), tmp_path)  # an ingest that met it keeps its plan


def test_a_module_that_the_driver_lacks_is_none_of_these() -> None:
    assert cluster_fault("ModuleNotFoundError: No module named 'xgboost'") is None


def test_a_job_begins_again_when_rows_went_with_their_executors() -> None:
    assert why_begin_again(RuntimeError(NO_BLOCK)) == (
        "executors were lost, and rows with them; beginning again from what is published"
    )
    assert why_begin_again(RuntimeError(LOST)) is None
