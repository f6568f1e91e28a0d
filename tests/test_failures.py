"""What went wrong, as one line and a code."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkRuntimeError

from segmentation.errors import InputProblem
from segmentation.failures import Exit, explain, is_passing


@pytest.mark.parametrize(
    "problem",
    [
        Py4JNetworkError("Answer from Java side is empty"),
        Py4JError("An error occurred while calling o58.isDefined"),  # killed while it answered
        ConnectionRefusedError("[Errno 111] Connection refused"),
    ],
)
def test_a_jvm_that_died_is_told_by_whatever_py4j_says(problem: Exception, tmp_path: Path) -> None:
    line, code, with_trace = explain(problem, tmp_path)
    assert line.startswith("Spark's JVM is gone")
    assert (code, with_trace) == (Exit.ENVIRONMENT, False)
    assert is_passing(problem, tmp_path)


def test_a_java_that_ends_before_it_answers_is_told_of_its_memory(tmp_path: Path) -> None:
    told = PySparkRuntimeError(errorClass="JAVA_GATEWAY_EXITED", messageParameters={})
    line, code, with_trace = explain(told, tmp_path)
    assert line.startswith("Java did not start (its words stand above")
    assert (code, with_trace) == (Exit.ENVIRONMENT, False)


def test_another_server_that_refuses_is_no_dead_jvm(tmp_path: Path) -> None:
    for told in ('connection to server at "db.example", port 5432 failed: Connection refused',
                 "java.net.ConnectException: Call From a to b:8020 failed: Connection refused"):  # fmt: skip
        line, _, with_trace = explain(RuntimeError(told), tmp_path)
        assert "JVM" not in line
        assert with_trace


def test_an_error_in_java_is_none_of_these(tmp_path: Path) -> None:
    told = "An error occurred while calling o58.nothing. Trace:\npy4j.Py4JException: Method nothing([]) does not exist"
    line, code, with_trace = explain(Py4JError(told), tmp_path)
    assert line == "Py4JError: An error occurred while calling o58.nothing. Trace:"
    assert (code, with_trace) == (Exit.FAILED, True)


def test_a_full_disk_elsewhere_is_the_one_that_is_named(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    problem = InputProblem(f"/mnt/usb cannot be written to ({full.strerror}): name a folder by --to")
    problem.__cause__ = full
    assert explain(problem, tmp_path) == (str(problem), Exit.ENVIRONMENT, False)
    line, code, _ = explain(full, tmp_path)
    assert (line.split(":")[0], code) == (
        f"no space left on the disk of {tmp_path} or of Spark's scratch folder (spark.local.dir)",
        Exit.ENVIRONMENT,
    )


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (
            "/srv/my data/tables/events/event_month=2024-02-01/part-00001-4d.c000.zstd.parquet",
            "table events is damaged: its file {} is gone: if `segmentation forget` ran meanwhile, give the same "
            "command again; else restore it from a copy (made by `segmentation ingest`)",
        ),
        ("/logs/2024.csv", "{} is gone: put it back whole, then give the same command again"),
    ],
)
def test_a_file_that_is_gone_is_named_with_its_table(tmp_path: Path, file: str, told: str) -> None:
    said = (
        "An error occurred while calling o8786.save.\n: org.apache.spark.SparkException: Job aborted\nCaused by: "
        f"org.apache.spark.SparkException: [FAILED_READ_FILE.FILE_NOT_EXIST] Encountered error while reading file "
        f"file:{file}. File does not exist. It is possible the underlying files have been updated.\n\tat org.apache"
    )
    assert explain(RuntimeError(said), tmp_path) == (told.format(file), Exit.INPUT, False)


def test_a_file_that_is_cut_is_named_with_its_table(tmp_path: Path) -> None:
    said = (
        "An error occurred while calling o212.toPythonIterator.\n: org.apache.spark.SparkException: "
        "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file "
        "file:///srv/my%20data/tables/basetable/as_of=2026-01-01/part-0.parquet.  SQLSTATE: KD001\n\tat org.apache"
    )
    line, code, with_trace = explain(RuntimeError(said), tmp_path)
    assert line == (
        "table basetable is damaged: its file /srv/my data/tables/basetable/as_of=2026-01-01/part-0.parquet cannot be "
        "read: restore it from a copy (made by `segmentation basetable`)"
    )
    assert (code, with_trace) == (Exit.INPUT, False)


def test_of_an_error_in_java_its_own_words_are_told(tmp_path: Path) -> None:
    said = "An error occurred while calling o1.load.\n: java.lang.IllegalStateException: no such state\n\tat org.x"
    line, code, with_trace = explain(RuntimeError(said), tmp_path)
    assert line == "RuntimeError: java.lang.IllegalStateException: no such state"
    assert (code, with_trace) == (Exit.FAILED, True)


def test_what_a_stage_says_of_rows_is_one_line(tmp_path: Path) -> None:
    told = (
        "Job aborted.\n[USER_RAISED_EXCEPTION] tokens lacks an account: run it again SQLSTATE: P0001\n\tat org.apache"
    )
    assert explain(RuntimeError(told), tmp_path) == ("tokens lacks an account: run it again", Exit.FAILED, False)
