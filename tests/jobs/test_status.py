"""`status` says what is there and what waits for somebody, and the commands that it prints work as they stand."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.events.refusals import Entry
from segmentation.jobs import show_status
from segmentation.jobs.command import main
from segmentation.jobs.ingest_events import rules_of
from segmentation.jobs.plans import _read, make_plan
from segmentation.runtime import Exit, Job
from segmentation.schemas import EVENT_NAMES, EVENTS, PLATFORMS, REFUSED, TOKENS
from segmentation.stores.conf import conf_dir, load_settings, load_source
from segmentation.stores.drops import list_drop
from segmentation.table import columns
from tests.robustness.conftest import store

HEADER = "event_time,token,account,event_name,product,version,os,user_state,duration_s,value,status"
HOLD = """
import sys, time
from pathlib import Path
from segmentation.stores.locks import exclusive
with exclusive(Path(sys.argv[1]), "basetable", 0, print):
    print("held", flush=True)
    sys.stdin.read()
"""


def row(time: str, event: str = "PDF Opened") -> str:
    return f"{time},t1,a1,{event},P,1,OS,active,1.5,,ok"


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def ingest(data_dir: Path, drop: Path, source: str = "generated") -> int:
    return main(["ingest", "--source", source, "--input", str(drop), "--data-dir", str(data_dir)])


def status(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    assert main(["status", "--data-dir", str(data_dir)]) == Exit.OK
    return capsys.readouterr().out.splitlines()


def plan_of(spark: SparkSession, data_dir: Path, file: Path) -> str:
    """The id of a batch that was planned and never begun, as a kill leaves it."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    job = Job("ingest", argparse.Namespace(), load_settings("local"), data_dir, now, _spark=spark)
    source = load_source("generated")
    return make_plan(job, list_drop(file, source), rules_of(job, source)).batch_id


def commands(lines: list[str], beginning: str) -> list[list[str]]:
    """What stands behind `segmentation` in the lines that begin so."""
    return [shlex.split(line.split(": segmentation ")[1]) for line in lines if line.startswith(beginning)]


def test_files_are_told_where_the_first_ingest_refused_all(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drop = write(tmp_path / "drop" / "a.csv", "other,columns", "1,2").parent
    assert ingest(tmp_path / "data", drop) == Exit.PARTIAL
    (refused,) = [line for line in status(tmp_path / "data", capsys) if line.startswith("refused")]
    assert refused.startswith(f"refused         {drop / 'a.csv'}: missing_column: ")


def test_a_plan_that_this_release_does_not_take_is_named(spark: SparkSession) -> None:
    schema = "batch_id string, planned_at string, rules string, files string"
    row = spark.createDataFrame([("b1", "2026-01-02 03:04:05.6", '{"max_number": null}', "{}")], schema).collect()[0]
    with pytest.raises(InputProblem, match=r"^batch b1 was planned on 2026-01-02 03:04:05 .*source: Field required"):
        _read(row)


def test_of_many_refused_files_the_first_are_told(tmp_path: Path) -> None:
    now = dt.datetime(2025, 3, 4)
    there = [write(tmp_path / f"{n}.csv", HEADER) for n in range(10, 35)]
    paths = [*map(str, there), "gone.csv"]
    lines = show_status._refused([Entry(path, path, REFUSED, "truncated: short", now) for path in paths])
    assert lines[0] == f"refused         {there[0]}: truncated: short"
    assert lines[19:] == [
        f"refused         {there[19]}: truncated: short",
        "refused         5 more at their paths (see ingest_ledger)",
        "refused         1 more, never taken in and not to be found at their paths (see ingest_ledger)",
    ]


def test_an_empty_data_directory_says_what_to_run(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = status(tmp_path / "data", capsys)
    assert lines[1:] == ["nothing is published yet: run `segmentation ingest` or `segmentation run`"]
    assert not (tmp_path / "data").exists()


def test_a_table_of_another_release_is_told_with_its_columns(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ingest(tmp_path / "data", write(tmp_path / "drop" / "a.csv", HEADER, row("2025-03-04 05:06:07.000"))) == 0
    newer = dataclasses.replace(PLATFORMS, columns=columns("platform_key string!\nproduct string\nlicence string"))
    monkeypatch.setattr(show_status, "TABLES", (EVENT_NAMES, newer))
    lines = status(tmp_path / "data", capsys)
    assert [line.split()[0] for line in lines[1:3]] == ["event_names", "platforms"]
    wrong = "platform_key is bigint, not string; licence is missing; not foreseen: os"
    assert lines[3].startswith(f"    of another release, and refused by jobs: {wrong}; use that release")
    assert lines[4].startswith("logs reach")


def test_the_tables_are_listed_although_status_cannot_read_one_of_them(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ingest(tmp_path / "data", write(tmp_path / "drop" / "a.csv", HEADER, row("2025-03-04 05:06:07.000"))) == 0
    newer = dataclasses.replace(TOKENS, columns=columns("token_key long!\nlast_seen string"), open_ended=True)
    monkeypatch.setattr(show_status, "TABLES", (EVENT_NAMES, newer))
    monkeypatch.setattr(show_status, "TOKENS", newer)
    capsys.readouterr()
    assert main(["status", "--data-dir", str(tmp_path / "data")]) != Exit.OK
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()[1:3]] == ["event_names", "tokens"]
    assert "    of another release, and refused by jobs: last_seen is timestamp, not string" in said.out
    assert "table tokens: last_seen is timestamp, not string" in said.err


def test_a_table_that_is_gone_or_broken_is_named_and_the_others_are_told(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_dir = tmp_path / "data"
    assert ingest(data_dir, write(tmp_path / "drop" / "a.csv", HEADER, row("2025-03-04 05:06:07.000"))) == 0
    gone = data_dir / "tables" / TOKENS.name
    shutil.rmtree(gone)
    (data_file,) = (data_dir / "tables" / EVENT_NAMES.name).glob("*.parquet")
    data_file.unlink()
    capsys.readouterr()
    assert main(["status", "--data-dir", str(data_dir)]) == Exit.INPUT
    said = capsys.readouterr()
    lines, version = said.out.splitlines(), store(spark, data_dir).published[TOKENS.name].version
    told = (
        f"table tokens is damaged: {gone} does not hold version {version}, which was published: restore it from a "
        "copy (made by `segmentation ingest`)"
    )
    at = next(number for number, line in enumerate(lines) if line.startswith("tokens "))
    assert (lines[at].split()[2], lines[at + 1]) == ("?", f"    {told}")
    assert {line.split()[0] for line in lines} >= {"events", "ingest_ledger", "event_names", "last"}
    assert said.err.splitlines()[-1] == f"segmentation status: {told}"
    shutil.rmtree(data_dir / "tables" / EVENT_NAMES.name / "_delta_log")
    assert main(["status", "--data-dir", str(data_dir)]) == Exit.INPUT
    assert "    table event_names is damaged: " in capsys.readouterr().out


def test_what_is_there_and_what_waits(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data_dir, drop = tmp_path / "my data", tmp_path / "drop"
    times = row("2025-03-04 05:06:07.000"), row("2025-03-09 05:06:07.000", "Teleported"), row("soon")
    write(drop / "a.csv", HEADER, *times)
    missing = "missing_column: event_time, token, account, event_name"
    for name in ("b.csv", "c.csv", "gone.csv"):
        write(drop / name, f"no,header,{name[0]}", "1,2,3")
    shutil.copy(drop / "b.csv", drop / "twin.csv")
    assert ingest(data_dir, drop) == Exit.PARTIAL
    (drop / "gone.csv").unlink()
    mended = write(drop / "c.csv", HEADER, row("2025-03-05 05:06:07.000"))
    batch = plan_of(spark, data_dir, mended)

    lines = status(data_dir, capsys)
    version = str(store(spark, data_dir).version(EVENTS))
    assert next(line.split()[:4] for line in lines if line.startswith("events ")) == ["events", version, "3", "ingest"]
    assert "logs reach      2025-03-09" in lines
    assert next(" ".join(line.split()) for line in lines if line.startswith("unmatched")) == (
        "unmatched 1 event names that no category knew went to Others, the newest: 'Teleported' "
        "(table event_names, rule unmatched)"
    )
    last = next(line for line in lines if line.startswith("last batch"))
    assert " of generated, 20" in last
    assert last.endswith(": 1 files, rows in 3 = kept 2 + quarantined 1 + dropped 0")
    assert [line for line in lines if line.startswith("refused")] == [
        *(
            f"refused         {drop / name}: {missing} (it has no, header, {letter}); "
            "its first line has to name the columns, and knows none of the source's"
            for name, letter in (("b.csv", "b"), ("c.csv", "c"), ("twin.csv", "b"))
        ),
        "refused         1 more, never taken in and not to be found at their paths (see ingest_ledger)",
    ]
    begins = f"unfinished      batch {batch} of generated, 1 files: segmentation ingest --resume "
    assert next(line for line in lines if line.startswith("unfinished")).startswith(begins)

    (resume,) = commands(lines, "unfinished")
    assert main(resume) == Exit.OK
    (replay,) = commands(lines, "quarantined")
    assert main(replay) == Exit.OK
    assert "replayed 1 quarantined rows of 'generated': now kept 0, quarantined 1" in capsys.readouterr().out
    tables = store(spark, data_dir)
    matched = tables.read(EVENT_NAMES).where("event_name = 'Teleported'").withColumn("event_key", F.lit(1).cast("long"))
    later = {
        "category": F.lit("System"),
        "rule": F.lit("exact"),
        "first_seen": F.col("first_seen") + F.expr("INTERVAL 1 DAY"),
    }
    tables.append(matched.withColumns(later), EVENT_NAMES)
    tables.publish("tests", dt.datetime.now(dt.UTC))  # as it comes once a category knows it
    tables.replace(tables.read(TOKENS), TOKENS)  # a job that is killed before it publishes leaves this
    lines = status(data_dir, capsys)
    assert next(line.split()[2] for line in lines if line.startswith("events ")) == "4"
    assert [line for line in lines if line.startswith("unmatched")] == []
    assert [line.split(": ")[0] for line in lines if line.startswith("refused")] == [
        f"refused         {drop / 'b.csv'}",
        f"refused         {drop / 'twin.csv'}",
        "refused         1 more, never taken in and not to be found at their paths (see ingest_ledger)",
    ]
    assert lines[-1] == "unfinished      tokens: a job was killed or failed; give its command again"


def test_a_source_whose_name_has_a_space_is_one_word_of_the_command(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = write(tmp_path / "web shop.yml", (conf_dir() / "sources" / "generated.yml").read_text(encoding="utf-8"))
    times = row("2025-03-04 05:06:07.000"), row("soon")
    assert ingest(tmp_path / "data", write(tmp_path / "drop" / "a.csv", HEADER, *times), str(own)) == Exit.OK
    (replay,) = commands(status(tmp_path / "data", capsys), "quarantined")
    assert replay[:4] == ["replay", "--source", "PATH/web shop.yml", "--rule"]


def test_it_takes_no_lock_and_says_who_holds_it(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert f"being written   by segmentation basetable (process {other.pid})" in status(tmp_path, capsys)
        assert ingest(tmp_path, write(tmp_path / "a.csv", HEADER)) == Exit.INPUT  # so the lock was really held
        other.communicate("")
    assert [line for line in status(tmp_path, capsys) if line.startswith("being")] == []
