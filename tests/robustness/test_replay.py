"""Quarantined rows decided again after a source was mended, and events that come again corrected."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from segmentation.features.staleness import kept_rows, stale_months
from segmentation.jobs import replay_quarantine
from segmentation.runtime import Exit
from segmentation.schemas import ACTIVITY, EVENTS, LEDGER, ROW_BALANCE, TOKENS
from segmentation.stores import inspection
from tests.robustness.conftest import require_whole, store
from tests.robustness.logs import COLUMNS, Logs, line

ISO, DOTTED = "yyyy-MM-dd HH:mm:ss", "dd.MM.yyyy HH:mm:ss"
BOTH = {"time": {"column": "time", "formats": [ISO, DOTTED]}}
NOON = "2025-03-04 12:00:0"
MARCH, APRIL = "04.03.2025 12:00:0", "04.04.2025 12:00:0"
#: the header in other words, so that the two files have different layouts and equal columns
QUOTED = COLUMNS.replace("version", '"version"')


@pytest.mark.long
def test_a_mended_source_brings_quarantined_lines_in(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs, garbled = Logs(spark, tmp_path), line(MARCH + "6", "t9").encode() + b"\xff\xfe"
    logs.write("a.csv", line(NOON + "1", "t1"), line(MARCH + "2", "t1"), line(APRIL + "3", "t2"), garbled)
    logs.write("b.csv", line(APRIL + "3", "t2"), line("", "t3"), line(NOON + "1", ""), header=QUOTED)
    assert logs.ingest() == Exit.OK
    logs.describe(**BOTH)
    logs.write("c.csv", line(MARCH + "2", "t1"))  # kept by the new rules while its copy is still in quarantine
    assert logs.ingest() == Exit.OK
    assert logs.balance()["c.csv", "kept", None] == 1
    assert logs.refresh_activity() == Exit.OK
    before = logs.versions()
    capsys.readouterr()
    assert logs.replay("--rule", "missing_token") == Exit.OK
    nothing = "replayed 1 quarantined rows of 'app': now kept 0, quarantined 1, dropped 0; nothing has changed"
    assert nothing in capsys.readouterr().out
    assert logs.versions() == before

    assert logs.replay() == Exit.OK
    assert "replayed 6 quarantined rows of 'app': now kept 1, quarantined 3, dropped 2\n" in capsys.readouterr().out
    require_replayed(logs, garbled)
    assert logs.refresh_activity() == Exit.OK
    assert "activity: 1 months computed" in capsys.readouterr().err
    cube = logs.read(ACTIVITY).groupBy("event_month").sum("rows").collect()
    assert {str(month): rows for month, rows in cube} == {"2025-03-01": 2, "2025-04-01": 1}

    before = logs.versions()
    assert logs.replay() == Exit.OK
    assert "now kept 0, quarantined 3, dropped 0; nothing has changed" in capsys.readouterr().out
    assert logs.versions() == before


def require_replayed(logs: Logs, garbled: bytes) -> None:
    """Every row under its own file and batch, counted there; what is still bad has its bytes."""
    assert require_whole(logs.spark, logs.data) == 8
    balance = logs.balance()
    assert sum(balance.pop((name, "kept", None), 0) for name in ("a.csv", "b.csv")) == 2
    assert balance.pop(("a.csv", "dropped", "duplicate")) == 1 + (("b.csv", "dropped", "duplicate") not in balance)
    balance.pop(("b.csv", "dropped", "duplicate"), None)
    assert balance == {
        ("a.csv", "quarantined", "bad_utf8"): 1, ("b.csv", "quarantined", "bad_time"): 1,
        ("b.csv", "quarantined", "missing_token"): 1, ("c.csv", "kept", None): 1,
    }  # fmt: skip
    batches = {row["file_id"]: row["batch_id"] for row in logs.read(LEDGER).collect()}
    events = logs.read(EVENTS).collect()
    assert all(batches[row["file_id"]] == row["batch_id"] for row in events)
    assert {bytes(row["raw"]) for row in events if row["rule"] == "bad_utf8"} == {garbled}
    assert all(row["raw"] is None for row in events if row["disposition"] == "kept")
    tokens = logs.read(TOKENS).select("token", "rows", "last_seen").orderBy("token").collect()
    assert [tuple(row) for row in tokens] == [
        ("t1", 2, dt.datetime(2025, 3, 4, 12, 0, 2)), ("t2", 1, dt.datetime(2025, 4, 4, 12, 0, 3))
    ]  # fmt: skip


PARQUET: dict[str, Any] = {
    "format": "parquet", "columns": ["time", "token", "account", "name", "seconds"], "types": {"seconds": "double"},
    "time": {"column": "time", "zone": "Europe/Berlin"}, "duplicates": "drop",
}  # fmt: skip
LOCAL = dt.datetime(2025, 3, 4, 12, 0, 1, 123456)


def table(**changes: Any) -> pa.Table:
    columns = {
        "time": [LOCAL],
        "token": ["t1"],
        "account": pa.array([None], pa.string()),
        "name": ["pdf.open"],
        "seconds": [0.1],
    }
    return pa.table({**columns, **changes})


@pytest.mark.long
def test_parquet_of_several_layouts_is_read_and_replayed(spark: SparkSession, tmp_path: Path) -> None:
    """Times keep their microseconds and stay local ones; columns may be called what ours are called on the way."""
    logs = Logs(spark, tmp_path, **PARQUET)
    files = {
        "a": table(), "a2": table(location=[7], line=[b"\xff"]), "turned": table().select([4, 3, 2, 1, 0]),
        "count": table(time=[1_000_000], account=["a1"]), "text": table(seconds=["1"]), "old": table(account=["a1"]),
    }  # fmt: skip
    for name, rows in files.items():
        pq.write_table(rows, logs.drop / f"{name}.parquet")
    (logs.drop / "broken.parquet").write_bytes((logs.drop / "a.parquet").read_bytes()[:-20])
    assert logs.ingest() == Exit.PARTIAL
    refused = {name: row["reason"] for name, row in logs.ledger().items() if row["status"] == "refused"}
    assert refused.keys() == {"broken.parquet", "text.parquet", "count.parquet"}
    assert refused["broken.parquet"].startswith("broken_parquet: ")
    assert refused["text.parquet"] == "changed_type: seconds is string, not double"
    assert logs.balance()["a.parquet", "quarantined", "missing_account"] == 1
    assert logs.balance()["old.parquet", "kept", None] == 1

    logs.describe(**PARQUET, account_id="coalesce(account, 'none')")
    assert logs.replay() == Exit.OK
    assert require_whole(spark, logs.data) == 4
    rows = logs.read(EVENTS).where("account_id = 'none'").collect()
    assert len(rows) == 3
    assert {(row["disposition"], row["token"], row["duration_s"]) for row in rows} == {("kept", "t1", 0.1)}
    assert {row["event_ts"] for row in rows} == {LOCAL - dt.timedelta(hours=1)}
    assert {"location": "7", "line": "\ufffd"}.items() <= next(r["attributes"] for r in rows if r["attributes"]).items()


def write_odd_times(logs: Logs, *names: str) -> None:
    """Files of a row of a negative duration, with times in columns and inside them: nanoseconds or, by name, INT96."""
    nanos, negative = pa.timestamp("ns"), {"account": ["a1"], "seconds": [-1.0]}
    inside = {"in": pa.array([{"at": LOCAL}], pa.struct([("at", nanos)])), "of": pa.array([[LOCAL]], pa.list_(nanos))}
    rows = table(**negative, **inside)
    for name in names:
        pq.write_table(rows, logs.drop / f"{name}.parquet", use_deprecated_int96_timestamps=name == "int96")


@pytest.mark.long
def test_times_of_every_kind_survive_a_replay(spark: SparkSession, tmp_path: Path) -> None:
    """INT96 and nanoseconds in one drop: the bytes stay as they were until the rows are kept, with their times."""
    logs = Logs(spark, tmp_path, **PARQUET)
    write_odd_times(logs, "int96", "nanos")
    assert logs.ingest() == Exit.OK
    before = raw_of(logs)
    assert before.keys() == {"int96.parquet", "nanos.parquet"}
    assert b'"in":{"at":"2025-03-04T12:00:01.123456Z"}' in before["int96.parquet"]
    logs.describe(**PARQUET, status="'another'")
    assert logs.replay() == Exit.OK
    assert {row["status"] for row in logs.read(EVENTS).collect()} == {"another"}
    assert raw_of(logs) == before

    logs.describe(**PARQUET, duration_s="abs(seconds)")
    assert logs.replay() == Exit.OK
    kept = logs.read(EVENTS).where("disposition = 'kept' AND duration_s = 1").collect()
    # to Spark INT96 is a moment, whatever the zone
    assert {row["event_ts"] for row in kept} == {LOCAL, LOCAL - dt.timedelta(hours=1)}
    assert raw_of(logs) == {}
    assert require_whole(spark, logs.data) == 2


def test_rows_whose_layout_does_not_fit_stay_as_they_are(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier releases wrote down numbers where a file holds INT96."""
    logs = Logs(spark, tmp_path, **PARQUET)
    write_odd_times(logs, "int96")
    with monkeypatch.context() as patch:
        patch.setattr(inspection, "INT96_UNIT", "ns")
        patch.setattr(inspection, "unfit_time", lambda *_: None)  # numbers without a unit were read as seconds
        assert logs.ingest() == Exit.OK
    before, versions = raw_of(logs), logs.versions()
    logs.describe(**PARQUET, duration_s="abs(seconds)")
    assert logs.replay() == Exit.OK
    said = capsys.readouterr().out
    assert (
        f"{logs.drop / 'int96.parquet'}: 1 rows stay as they are: what they hold of time, in, of does not fit" in said
    )
    assert "now kept 0, quarantined 1, dropped 0; nothing has changed" in said
    assert (raw_of(logs), logs.versions()) == (before, versions)


def raw_of(logs: Logs) -> dict[str, bytes]:
    """By name of the file the bytes of its quarantined row."""
    names = {row["file_id"]: name for name, row in logs.ledger().items()}
    rows = logs.read(EVENTS).where("disposition = 'quarantined'").collect()
    return {names[row["file_id"]]: bytes(row["raw"]) for row in rows}


def test_a_correction_is_one_commit_and_changes_the_month(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs(spark, tmp_path, event_id="id", revision="version")
    logs.write("a.csv", line(NOON + "1", "t1", 5, "e1", "1"), line(NOON + "1", "t1", 1, "e2", "1"))
    assert logs.ingest() == Exit.OK
    assert logs.refresh_activity() == Exit.OK
    before = store(spark, logs.data).latest_version(EVENTS)
    logs.write("b.csv", line(NOON + "1", "t1", 7, "e1", "2"), line(DOTTED, "t1", 9, "e2", "2"))
    logs.write("c.csv", line(MARCH + "2", "t2", 3, "e2", "3"))
    assert logs.ingest() == Exit.OK
    assert store(spark, logs.data).latest_version(EVENTS) == before + 1
    assert require_whole(spark, logs.data) == 5
    assert logs.balance() == {
        ("a.csv", "kept", None): 1, ("a.csv", "dropped", "superseded"): 1, ("b.csv", "kept", None): 1,
        ("b.csv", "quarantined", "bad_time"): 1, ("c.csv", "quarantined", "bad_time"): 1,
    }  # fmt: skip
    assert (logs.ledger()["a.csv"]["kept"], logs.ledger()["a.csv"]["dropped"]) == (1, 1)
    assert cube(logs) == {("t1", 2, 8.0)}

    logs.describe(**BOTH, event_id="id", revision="version")
    with monkeypatch.context() as patch:
        patch.setattr(replay_quarantine, "MOST_OVERTAKEN", 0)
        assert logs.replay() == Exit.INPUT
        assert logs.balance()["a.csv", "dropped", "superseded"] == 1
    assert logs.replay() == Exit.OK
    assert require_whole(spark, logs.data) == 5
    assert logs.balance()["a.csv", "dropped", "superseded"] == 2
    assert cube(logs) == {("t1", 1, 7.0), ("t2", 1, 3.0)}
    tokens = logs.read(TOKENS).select("token", "rows").collect()
    assert sorted(map(tuple, tokens)) == [("t1", 1), ("t2", 1)]


def cube(logs: Logs) -> set[tuple[Any, ...]]:
    """Token, rows and seconds, after the months that changed were computed again."""
    assert logs.refresh_activity() == Exit.OK
    tokens = logs.read(TOKENS).select("token_key", "token")
    rows = logs.read(ACTIVITY).join(tokens, on="token_key").select("token", "rows", "duration_sum")
    return {(token, rows, float(seconds)) for token, rows, seconds in rows.collect()}


@pytest.mark.parametrize("gone", ["superseded", "erased"])
def test_a_month_in_which_one_row_takes_the_place_of_another_is_stale(spark: SparkSession, gone: str) -> None:
    """After a replay, in one and the same file: as many rows are kept as before, but not the same.

    The one kept before may have been overtaken by the other, or its account may have been forgotten since.
    """
    at = ("b", "f", dt.date(2025, 3, 1))
    before = [(*at, "kept", None, 1), (*at, "quarantined", "bad_value", 1)]
    after = [(*at, "kept", None, 1), (*at, "dropped", gone, 1)]
    then, now = (kept_rows(spark.createDataFrame(rows, ROW_BALANCE.columns)) for rows in (before, after))
    assert list(stale_months(now, then).again) == [dt.date(2025, 3, 1)]
