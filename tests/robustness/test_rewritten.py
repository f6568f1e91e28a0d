"""What is said of files and rows that were read before, where nothing tells the old rows from the new ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs.rewritten import tell_rewritten
from segmentation.runtime import Exit, Job
from segmentation.schemas import EVENTS
from segmentation.settings import SourceSettings
from segmentation.stores.inspection import RawFile
from tests.robustness.logs import COLUMNS, Logs, line

NOON = "2025-03-01 12:00:0"


def test_a_path_of_which_a_name_was_taken_out_may_have_been_read() -> None:
    files = [cast(RawFile, SimpleNamespace(path=Path(path))) for path in ("/logs/2025-acme.csv", "/logs/x/2025-b.csv")]
    said: list[str] = []
    keep = cast(SourceSettings, SimpleNamespace(duplicates="keep", event_id=None))
    job = cast(Job, SimpleNamespace(say=said.append))
    tell_rewritten(job, files, keep, {"/logs/2025-erased.csv", "/logs/a+b.csv"})
    assert len(said) == 1
    assert said[0].startswith("/logs/2025-acme.csv: files were read before of whose names `forget` has erased")


def test_rows_of_before_there_was_an_event_id_are_not_said_to_be_overtaken(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(NOON + "1", "t1", 5, "e1"))
    assert logs.ingest() == Exit.OK
    logs.describe(event_id="id")
    assert logs.ingest() == Exit.OK  # with nothing new there is nothing to say
    assert "event_id" not in capsys.readouterr().err
    logs.write("a.csv", line(NOON + "1", "t1", 7, "e1", "1"), header=COLUMNS)
    assert logs.ingest() == Exit.OK
    said = capsys.readouterr().err
    assert "were read before event_id was id have no such id, so a correction is counted beside the row" in said
    assert logs.balance() == {("a.csv", "kept", None): 2}
    # of a file that was read by its id, the rows are told apart, whatever became of others
    logs.write("b.csv", line(NOON + "2", "t1", 7, "e2", "1"))
    assert logs.ingest() == Exit.OK
    logs.write(
        "b.csv", f"{line(NOON + '2', 't1', 8, 'e2', '2')},new", header="time,token,account,name,seconds,id,version,more"
    )
    assert logs.ingest() == Exit.OK
    assert f"{logs.drop / 'b.csv'} was read before with other content: rows that are there" in capsys.readouterr().err


def test_another_revision_than_before_is_told_of(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path, event_id="id", revision="version")
    logs.write("a.csv", line(NOON + "1", "t1", 5, "e1", "7"))
    assert logs.ingest() == Exit.OK
    logs.describe(event_id="id", revision="try_cast(seconds AS DOUBLE)")
    logs.write("b.csv", line(NOON + "1", "t1", 6, "e1", "8"))
    assert logs.ingest() == Exit.OK
    said = capsys.readouterr().err
    assert "were read by another revision (today's is try_cast(seconds AS DOUBLE)) keep it, so that the wrong" in said
    assert logs.balance() == {("a.csv", "kept", None): 1, ("b.csv", "dropped", "superseded"): 1}  # 6 is less than 7


def test_a_path_that_another_source_has_read_holds_no_copies(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(NOON + "1", "t1", 5))
    assert logs.ingest() == Exit.OK
    logs._source = tmp_path / "other.yml"
    logs.describe()
    logs.write("a.csv", line(NOON + "1", "t1", 5), line(NOON + "2", "t1", 5))
    assert logs.ingest() == Exit.OK
    assert f"{logs.drop / 'a.csv'} was read before by another source: rows of two" in capsys.readouterr().err
    assert logs.read(EVENTS).where("disposition = 'kept'").count() == 3
