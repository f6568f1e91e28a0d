"""What is said of files and rows that were read before, where nothing tells the old rows from the new ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs.rewritten import was_read
from segmentation.runtime import Exit
from tests.robustness.logs import Logs, line

NOON = "2025-03-01 12:00:0"


def test_a_path_of_which_names_were_taken_out_was_read_all_the_same() -> None:
    paths = {"/logs/2025-erased.csv", "/logs/a+b.csv"}
    assert was_read(Path("/logs/2025-acme.csv"), paths)
    assert was_read(Path("/logs/a+b.csv"), paths)
    assert not was_read(Path("/logs/2025-acme.parquet"), paths)
    assert not was_read(Path("/logs/aab.csv"), paths)


def test_rows_of_before_there_was_an_event_id_are_not_said_to_be_overtaken(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(NOON + "1", "t1", 5, "e1"))
    assert logs.ingest() == Exit.OK
    logs.describe(event_id="id")
    assert logs.ingest() == Exit.OK  # with nothing new there is nothing to say
    assert "event_id" not in capsys.readouterr().err
    logs.write("a.csv", line(NOON + "1", "t1", 7, "e1", "1"), header="time,token,account,name,seconds,id,version")
    assert logs.ingest() == Exit.OK
    said = capsys.readouterr().err
    assert "were read before event_id was id have no such id, so a correction is counted beside the row" in said
    assert logs.balance() == {("a.csv", "kept", None): 2}
