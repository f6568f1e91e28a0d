"""Drops with files that cannot be read, that come twice, late or changed, and with columns nobody foresaw."""

from __future__ import annotations

import bz2
import gzip
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.features.staleness import kept_rows
from segmentation.jobs import activity_months, ingest_events
from segmentation.jobs.plans import Plan
from segmentation.runtime import Exit
from segmentation.schemas import ACTIVITY, ACTIVITY_FILES, EVENTS, INGEST_PLANS, ROW_BALANCE
from segmentation.stores.inspection import RawFile
from segmentation.table import columns
from tests.robustness.conftest import require_whole, store
from tests.robustness.logs import COLUMNS, Logs, line

NOON = "2025-03-04 12:00:0"
REFUSED = {
    "cut.csv.gz": "truncated: ",
    "zero.csv": "empty_file: it has no bytes",
    "wide.csv": "not_utf8: ",
    "twice.csv": "duplicate_column: token ",
    "short.csv": "missing_column: token (it has time, account, name)",
    "10:00:00.csv": "misnamed: Spark takes what stands before the colon",
    "CAPITALS.CSV.GZ": "misnamed: Spark unpacks .gz and not .GZ",
    "byte\\udcff.csv": "misnamed: ",  # as it is spelled out; on the disk it is the byte ff
}


def write_bad(logs: Logs) -> None:
    whole = gzip.compress(f"{COLUMNS}\n{line(NOON + '1', 'mended')}\n".encode())
    (logs.drop / "cut.csv.gz").write_bytes(whole[:-9])
    (logs.drop / "zero.csv").write_bytes(b"")
    (logs.drop / "wide.csv").write_bytes(f"{COLUMNS}\n{line(NOON + '1', 'wide')}\n".encode("utf-16"))
    logs.write("twice.csv", "x", header="time,token,account,name,token")
    logs.write("short.csv", "x", header="time,account,name")
    logs.write("10:00:00.csv", line(NOON + "1", "misnamed"))
    (logs.drop / "CAPITALS.CSV.GZ").write_bytes(whole)
    logs.write(os.fsdecode(b"byte\xff.csv"), line(NOON + "1", "misnamed"))


def write_good(logs: Logs) -> None:
    logs.write("plain.csv", line(NOON + "1", "plain"), line(NOON + "2", "plain"), line(NOON + "2", "plain"))
    (logs.drop / "packed.csv.bz2").write_bytes(bz2.compress(f"{COLUMNS}\n{line(NOON + '1', 'packed')}\n".encode()))
    logs.write(
        "drifted.csv", f"{NOON}1,drifted,a1,pdf.open,7,red,y", header="time,token,account,name,VERSION,colour,Rule"
    )
    # the same text under other headings, so no copy
    logs.write("turned.csv", line(NOON + "1", "plain"), header=COLUMNS.replace("token,account", "account,token"))


def test_good_files_are_read_and_bad_ones_named_until_they_are_mended(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path, attributes=["version"])
    write_bad(logs)
    write_good(logs)
    assert logs.ingest() == Exit.PARTIAL
    said, ledger = capsys.readouterr().out, logs.ledger()
    for name, reason in REFUSED.items():
        assert (ledger[name]["status"], ledger[name]["rows_in"]) == ("refused", 0)
        assert ledger[name]["reason"].startswith(reason)
        assert f"refused: {logs.drop / name}: {reason}" in said
    require_drift(logs, ledger, said)
    assert logs.balance()["plain.csv", "dropped", "duplicate"] == 1
    assert require_whole(spark, logs.data) == 6

    before = logs.versions()
    assert logs.ingest() == Exit.PARTIAL
    assert said.count("refused: ") == capsys.readouterr().out.count("refused: ") == len(REFUSED)
    assert logs.versions() == before

    require_second_drop(logs, capsys)


def require_drift(logs: Logs, ledger: dict[str, Any], said: str) -> None:
    """New, absent and reordered columns, in the table, in the ledger and on the screen."""
    rows = {row["token"]: row for row in logs.read(EVENTS).where("disposition = 'kept'").collect()}
    assert rows["drifted"]["attributes"] == {"version": "7", "colour": "red", "Rule": "y"}
    assert (rows["drifted"]["duration_s"], rows["drifted"]["rule"]) == (None, None)
    assert (rows["a1"]["account_id"], rows["a1"]["duration_s"]) == ("plain", 1.0)
    assert ledger["drifted.csv"]["new_columns"] == ["colour", "Rule"]
    assert ledger["drifted.csv"]["absent_columns"] == ["seconds", "id"]
    assert ledger["turned.csv"]["new_columns"] is ledger["turned.csv"]["absent_columns"] is None
    assert "new column colour in 1 of 4 files, kept in attributes" in said
    assert "absent column id in 1 of 4 files, null in their rows" in said


def require_second_drop(logs: Logs, capsys: pytest.CaptureFixture[str]) -> None:
    """Mended, copied, rewritten and late files, all at once."""
    for name in REFUSED:
        (logs.drop / name.replace("\\udcff", "\udcff")).unlink()
    mended = gzip.compress(f"{COLUMNS}\n{line(NOON + '1', 'mended')}\n".encode())
    (logs.drop / "cut.csv.gz").write_bytes(mended)
    shutil.copy(logs.drop / "drifted.csv", logs.drop / "copy.csv")
    logs.write("plain.csv", line(NOON + "1", "plain"), line(NOON + "2", "plain"), line(NOON + "3", "plain"))
    late = logs.write("late.csv", line(NOON + "1", "late"))
    os.utime(late, (980_000_000, 980_000_000))
    assert logs.ingest() == Exit.OK
    said = capsys.readouterr().err
    assert "4 of 7 files hold what is already there, skipped" in said
    assert f"{logs.drop / 'plain.csv'} was read before with other content: rows that are there already" in said
    kept = logs.read(EVENTS).where("disposition = 'kept'").groupBy("token").count().collect()
    tokens = {row["token"]: row["count"] for row in kept}
    assert tokens == {"plain": 3, "packed": 1, "drifted": 1, "a1": 1, "mended": 1, "late": 1}
    assert logs.balance()["plain.csv", "dropped", "duplicate"] == 3  # two of them of the second reading
    before = logs.versions()
    assert logs.ingest() == Exit.OK
    assert "nothing to ingest: all 7 files are in the ledger" in capsys.readouterr().out
    assert logs.versions() == before


def test_a_log_that_is_packed_after_it_was_read_is_no_new_one(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path, duplicates="keep")
    path = logs.write("a.csv", line(NOON + "1", "t1"))
    beside = logs.write("b.csv", line(NOON + "1", "t1"), line(NOON + "2", "t1"))
    (logs.drop / "b.0.csv.bz2").write_bytes(bz2.compress(beside.read_bytes()))
    assert logs.ingest() == Exit.OK
    assert logs.balance() == {("a.csv", "kept", None): 1, ("b.csv", "kept", None): 2}
    before = logs.versions()
    (logs.drop / "a.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert logs.ingest() == Exit.OK
    assert "nothing to ingest: all 3 files are in the ledger" in capsys.readouterr().out
    assert logs.versions() == before


def test_many_refused_files_are_told_by_the_first_and_files_in_the_ledger_are_not_counted_again(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, found, original = Logs(spark, tmp_path), [], ingest_events.list_drop
    logs.write("a.csv", line(NOON + "1", "t1"))
    for n in range(25):
        logs.write(f"b{n:02d}.csv", str(n), header="time;token;account;name")

    def keep(*arguments: Any) -> list[RawFile]:
        found.append(original(*arguments))
        return found[-1]

    monkeypatch.setattr(ingest_events, "list_drop", keep)
    for _ in range(2):
        assert logs.ingest() == Exit.PARTIAL
        told = [said for said in capsys.readouterr().out.splitlines() if said.startswith("refused: ")]
        assert len(told) == 21
        assert told[19].startswith(f"refused: {logs.drop / 'b19.csv'}: missing_column: ")
        assert told[20] == "refused: 5 more (see ingest_ledger)"
    assert sum(row["status"] == "refused" for row in logs.ledger().values()) == 25
    assert [[file.rows for file in files if file.refusal is None] for files in found] == [[1], [0]]
    # what was taken in may not fit what the source says today
    logs.describe(token="badge", columns=COLUMNS.replace("token", "badge").split(","))
    assert logs.ingest() == Exit.PARTIAL
    assert f"refused: {logs.drop / 'a.csv'}: missing_column: badge (it has time, " in capsys.readouterr().out


@pytest.mark.long
def test_a_file_that_grows_after_it_was_planned_is_looked_at_again(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that was read may not be written anew where nothing tells its old rows from new ones."""
    logs, plans = Logs(spark, tmp_path, duplicates="keep"), []
    path, original = logs.write("a.csv", line(NOON + "1", "t1")), ingest_events.make_plan

    def plan_too_early(*arguments: Any) -> Plan:
        plans.append(original(*arguments))
        if len(plans) == 1:
            with path.open("a") as more:
                more.write(line(NOON + "1", "t1") + "\n")
        return plans[-1]

    monkeypatch.setattr(ingest_events, "make_plan", plan_too_early)
    assert logs.ingest() == Exit.OK
    assert f"{path} changed after the batch was planned: " in capsys.readouterr().err
    assert logs.balance() == {("a.csv", "kept", None): 2}
    planned = store(spark, logs.data).read_latest(INGEST_PLANS)
    assert planned is not None
    given_up = planned.where("state = 'given_up'").select("batch_id", "reason").collect()
    [(batch_id, reason)] = given_up
    assert batch_id == plans[0].batch_id
    assert reason.startswith(f"{path} changed after the batch was planned")

    logs.write("a.csv", *[line(NOON + "1", "t1")] * 3)
    before = logs.versions()
    assert logs.ingest() == Exit.PARTIAL
    assert f"refused: {path}: rewritten: it was read before with other content" in capsys.readouterr().out
    assert logs.ledger()["a.csv"]["status"] == "refused"
    assert {name for name, version in logs.versions().items() if version != before[name]} == {"ingest_ledger"}
    # the new line alone, as the refusal asks for; the file is refused as before
    logs.write("b.csv", line(NOON + "1", "t1"))
    assert logs.ingest() == Exit.PARTIAL
    assert require_whole(spark, logs.data) == 3
    # a copy under another name is a new file, whatever becomes of the first
    shutil.copy(path, logs.drop / "c.csv")
    assert logs.ingest() == Exit.PARTIAL
    assert "1 of 3 files hold what is already there" in capsys.readouterr().err  # the new line's alone
    # by the ledger, as the balance goes by content and both have the same
    assert (logs.ledger()["c.csv"]["status"], logs.ledger()["c.csv"]["kept"]) == ("read", 3)


def test_a_file_that_never_rests_is_refused_and_the_others_come_in(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, original = Logs(spark, tmp_path), ingest_events.make_plan
    logs.write("november.csv", line(NOON + "1", "t1"), line(NOON + "2", "t1"))
    today = logs.write("today.csv", line(NOON + "3", "t1"))

    def while_it_grows(*arguments: Any) -> Plan:
        plan = original(*arguments)
        with today.open("a") as more:
            more.write(line(NOON + "4", "t1") + "\n")
        return plan

    monkeypatch.setattr(ingest_events, "make_plan", while_it_grows)
    assert logs.ingest() == Exit.PARTIAL
    assert f"refused: {today}: being_written: " in capsys.readouterr().out
    assert logs.balance() == {("november.csv", "kept", None): 2}
    monkeypatch.undo()
    assert logs.ingest() == Exit.OK
    assert logs.balance()["today.csv", "kept", None] == 2


def test_the_list_of_the_cubes_files_without_the_cube_is_taken_back(spark: SparkSession, tmp_path: Path) -> None:
    """The two are committed side by side: whoever dies between them may leave the list alone."""
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(NOON + "1", "t1"), line(NOON + "2", "t1"))
    assert logs.ingest() == Exit.OK
    killed = store(spark, logs.data)
    killed.replace(kept_rows(killed.read(ROW_BALANCE)), ACTIVITY_FILES)
    assert logs.refresh_activity() == Exit.OK
    assert [row["rows"] for row in logs.read(ACTIVITY).collect()] == [2]
    assert [row["rows"] for row in logs.read(ACTIVITY_FILES).collect()] == [2]


def test_months_that_other_code_computed_are_computed_anew(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(NOON + "1", "t1"))
    assert logs.ingest() == Exit.OK
    with monkeypatch.context() as patched:
        patched.setattr(activity_months, "code_digest", lambda *_, **__: "an earlier release")
        assert logs.refresh_activity() == Exit.OK
    assert "anew" not in capsys.readouterr().err
    before = logs.versions()[ACTIVITY.name]
    assert logs.refresh_activity() == Exit.OK
    assert "activity was computed by another release's code: computing every month anew" in capsys.readouterr().err
    after = logs.versions()[ACTIVITY.name]
    assert after > before
    assert logs.refresh_activity() == Exit.OK  # and once is enough
    assert logs.versions()[ACTIVITY.name] == after


def test_a_cube_of_one_more_measure_takes_the_place_of_the_old_one(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the page on new features has it."""
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(NOON + "1", "t1"))
    assert logs.ingest() == Exit.OK
    assert logs.refresh_activity() == Exit.OK
    wider = replace(ACTIVITY, columns=T.StructType([*ACTIVITY.columns, *columns("nights long!\ncold double").fields]))
    added = {"nights": F.lit(3).cast("long"), "cold": F.lit(None).cast("double")}
    build = activity_months.build_activity
    monkeypatch.setattr(activity_months, "ACTIVITY", wider)
    monkeypatch.setattr(activity_months, "build_activity", lambda *given: build(*given).withColumns(added))
    monkeypatch.setattr(activity_months, "code_digest", lambda *_, **__: "with two measures more")
    assert logs.refresh_activity() == Exit.OK
    [row] = logs.read(wider).collect()
    assert (row["rows"], row["nights"], row["cold"]) == (1, 3, None)
