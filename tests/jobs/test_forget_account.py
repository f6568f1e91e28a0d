"""Whose rows `forget` erases, where logs write odd tokens and ids."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.schemas import (
    ACTIVITY,
    EVENTS,
    SEGMENT_INDUSTRIES,
    SEGMENT_PROFILES,
    SEGMENT_SUMMARIES,
    SEGMENTS,
    TOKENS,
)
from tests.robustness.conftest import store
from tests.robustness.logs import Logs, line

TIME = "2025-03-04 10:00:00"
TEST_LICENCES = [{"name": "test_licence", "disposition": "dropped", "when": "token LIKE 'TEST%'"}]


def forget(logs: Logs, account: str) -> int:
    return main(["forget", "--account", account, "--data-dir", str(logs.data)])


def left(logs: Logs) -> dict[str, list[bytes | None]]:
    """The bytes that are stored of every account's rows."""
    found: dict[str, list[bytes | None]] = {}
    for row in logs.read(EVENTS).where("account_id IS NOT NULL").orderBy("account_id", "raw").collect():
        found.setdefault(row["account_id"], []).append(row["raw"] and bytes(row["raw"]))
    return found


@pytest.mark.long
def test_a_token_that_others_have_too_is_theirs(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A placeholder, a test licence, one that moved, even where most of its rows were the forgotten account's."""
    logs, accounts = Logs(spark, tmp_path, rules=TEST_LICENCES), ("a1", "a2", "a3")
    dropped = [line(TIME, "TEST0", account=account) for account in accounts]
    bad_time = [line("yesterday", "unknown", account=account) for account in accounts]
    kept = [line(TIME, f"own-{account}", account=account) for account in accounts]
    moved = [line(TIME, "moved", seconds, account=account) for seconds, account in enumerate(("a1", "a1", "a2"), 1)]
    nameless = [line("yesterday", "own-a1", account=""), line("yesterday", "moved", account="")]
    logs.write("a.csv", *dropped, *bad_time, *kept, *moved, *nameless)
    assert logs.ingest() == Exit.OK
    before = left(logs)
    assert forget(logs, "a1") == Exit.OK
    said = capsys.readouterr().out
    assert "events 6" in said  # own five and the one that names only its own token
    assert "3 of its tokens are others' too and stay with what others have of them, 5 rows of a2, a3: " in said
    assert left(logs) == {account: before[account] for account in ("a2", "a3")}
    assert [len([raw for raw in raws if raw]) for raws in left(logs).values()] == [2, 2]
    tokens = {row["token"]: (row["account_id"], row["rows"]) for row in logs.read(TOKENS).collect()}
    assert tokens == {"own-a2": ("a2", 1), "own-a3": ("a3", 1), "moved": ("a2", 1)}


def test_an_id_is_trimmed_as_in_the_logs_and_no_further(spark: SparkSession, tmp_path: Path) -> None:
    logs, odd = Logs(spark, tmp_path), "a1\t\u00a0"
    logs.write("a.csv", line(TIME, "t1", account=f"{odd} "), line(TIME, "t2", account="a1"))
    assert logs.ingest() == Exit.OK
    half_deleted = logs.data / "tables" / ".removed-events-7" / "part.parquet"  # a job was killed while it was at it
    half_deleted.parent.mkdir()
    half_deleted.touch()
    assert forget(logs, f" {odd}") == Exit.OK
    assert not half_deleted.parent.exists()
    assert left(logs) == {"a1": [None]}


def test_a_damaged_row_of_another_account_stays_and_one_of_nobody_is_told(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path)
    others = line("2025-11-12 10:00:00", "t7\0", 12, account="77")
    logs.write("a.csv", line(TIME, "t1", account="12"), others, f"12,{TIME}")
    assert logs.ingest() == Exit.OK
    assert forget(logs, "12") == Exit.OK
    said = capsys.readouterr().out
    assert "erased '12': events 2" in said
    assert "1 of the events by their text alone" in said
    assert left(logs) == {"77": [others.encode()]}


def test_segments_are_counted_without_the_account(spark: SparkSession, tmp_path: Path) -> None:
    """Of two methods that have it, in one of which it was a segment of its own; the earlier date never had it."""
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(TIME, "t1", account="a1"))
    assert logs.ingest() == Exit.OK
    now, earlier, everybody = dt.date(2025, 4, 1), dt.date(2025, 3, 1), ("a1", "a2", "a3", "a4")
    placed = [(now, "kmeans", dict(zip(everybody, (0, 0, 0, 1), strict=True))),
              (now, "hdbscan", dict(zip(everybody, (0, 1, 1, -1), strict=True))),
              (earlier, "kmeans", {"a2": 0, "a3": 0})]  # fmt: skip
    rows = [
        (as_of, account, method, segment, "-", 1.0, False, "m/1")
        for as_of, method, of_account in placed
        for account, segment in of_account.items()
    ]
    told = [
        (now, "kmeans", 0, 3, 0.75, "kept", "3 accounts (75 % of all). Use."),
        (now, "kmeans", 1, 1, 0.25, "kept", "1 account (25 % of all). Use."),
        (now, "kmeans", 2, 0, 0.0, "ended", "Ended: it is."),
        (now, "hdbscan", 0, 1, 0.25, "born", "1 account (25 % of all). Use."),
        (now, "hdbscan", 1, 2, 0.5, "born", "2 accounts (50 % of all). Use."),
        (earlier, "kmeans", 0, 2, 1.0, "first", "2 accounts (100 % of all). Use."),
    ]
    known = [
        (as_of, method, segment, "-", said, size, share, None, change, [0], 1.0, None, 2.0)
        for as_of, method, segment, size, share, change, said in told
    ]
    tables = store(spark, logs.data)
    tables.replace(spark.createDataFrame(rows, SEGMENTS.columns), SEGMENTS)
    tables.replace(spark.createDataFrame(known, SEGMENT_SUMMARIES.columns), SEGMENT_SUMMARIES)
    profiled = [
        (as_of, method, segment, "f", 1.0, 2.0, 1.0, 3.0, False, None, None, 0.5) for as_of, method, segment, *_ in told
    ]
    tables.replace(spark.createDataFrame(profiled, SEGMENT_PROFILES.columns), SEGMENT_PROFILES)
    counted = [(as_of, method, segment, "Toys", 1, 0.5, 0.1, 0.5, 0.5) for as_of, method, segment, *_ in told]
    tables.replace(spark.createDataFrame(counted, SEGMENT_INDUSTRIES.columns), SEGMENT_INDUSTRIES)
    tables.publish("segments", dt.datetime(2025, 4, 1))
    assert forget(logs, "a1") == Exit.OK
    found = {
        (row["as_of"], row["method"], row["segment"]): (row["accounts"], row["share"], row["change"], row["sentence"])
        for row in logs.read(SEGMENT_SUMMARIES).collect()
    }
    assert found == {
        (now, "kmeans", 0): (2, 2 / 3, "kept", "2 accounts (67 % of all). Use."),
        (now, "kmeans", 1): (1, 1 / 3, "kept", "1 account (33 % of all). Use."),
        (now, "kmeans", 2): (0, 0.0, "ended", "Ended: it is."),
        (now, "hdbscan", 0): (0, 0.0, "ended", "Ended: no account is in it any more."),
        (now, "hdbscan", 1): (2, 2 / 3, "born", "2 accounts (67 % of all). Use."),
        (earlier, "kmeans", 0): (2, 1.0, "first", "2 accounts (100 % of all). Use."),
    }
    # the medians and the profile of a segment that was the account alone are the account's
    assert {
        row["segment"]: row["rows_year"] for row in logs.read(SEGMENT_SUMMARIES).where("method = 'hdbscan'").collect()
    } == {0: None, 1: 2.0}
    for table in (SEGMENT_PROFILES, SEGMENT_INDUSTRIES):
        left = {tuple(row) for row in logs.read(table).select("as_of", "method", "segment").collect()}
        assert left == set(found) - {(now, "hdbscan", 0)}


@pytest.mark.long
def test_the_cube_forgets_too_where_a_replay_brought_as_many_rows(spark: SparkSession, tmp_path: Path) -> None:
    logs = Logs(spark, tmp_path)
    logs.write("a.csv", line(TIME, "t1", account="a1"), line("04.03.2025 10:00:00", "t2", account="a2"))
    assert logs.ingest() == Exit.OK
    assert logs.refresh_activity() == Exit.OK
    logs.describe(time={"column": "time", "formats": ["yyyy-MM-dd HH:mm:ss", "dd.MM.yyyy HH:mm:ss"]})
    assert logs.replay() == Exit.OK
    assert forget(logs, "a1") == Exit.OK
    keys = {row["token_key"] for row in logs.read(ACTIVITY).collect()}
    assert keys == {row["token_key"] for row in logs.read(TOKENS).collect()}
    assert logs.read(TOKENS).collect()[0]["token"] == "t2"
