"""Copies of rows: exactly one of equal rows is unmarked, however they are split into batches."""

from __future__ import annotations

import json

import pytest
from pyspark.sql import SparkSession

from segmentation.events import parse
from segmentation.events.replay import as_raw
from tests.events.batches import COLUMNS, QUOTED, Stored, add_all_splits, line, outcome
from tests.events.conftest import HEADER, Ingest

SHORT = [{"name": "short", "disposition": "dropped", "when": "duration_s < 2"}]


@pytest.fixture
def stored(spark: SparkSession, ingest: Ingest) -> Stored:
    return Stored(spark, ingest)


def test_any_split_into_batches_marks_all_copies_but_one(stored: Stored) -> None:
    good, bad, dropped = line("t{case}", 3), line("t{case}", 2, account=""), line("t{case}", 1)
    found = add_all_splits(stored, [good, good, good, bad, bad, dropped], batches=2, rules=SHORT)
    expected = [
        (1.0, "dropped", "short"),
        (2.0, "quarantined", "missing_account"),
        (2.0, "quarantined", "missing_account", "duplicate"),
        (3.0, "dropped", "duplicate"),
        (3.0, "dropped", "duplicate"),
        (3.0, "kept", None),
    ]
    assert len(found) == 2 * 2**6
    assert {token: rows for token, rows in found.items() if rows != expected} == {}


def test_a_row_whose_rule_was_mended_is_kept_once(stored: Stored) -> None:
    first = stored.add(line("t1", 1), rules=SHORT)
    mended = stored.add(line("t1", 1) * 2)
    again = stored.add(line("t1", 1))
    assert [outcome(row) for row in first] == [(1.0, "dropped", "short")]
    assert sorted(outcome(row)[1:] for row in mended) == [("dropped", "duplicate"), ("kept", None)]
    assert [outcome(row) for row in again] == [(1.0, "dropped", "duplicate")]
    # and the other way round: the new rule decides, the copy shows
    assert [outcome(row) for row in stored.add(line("t1", 1), rules=SHORT)] == [(1.0, "dropped", "short", "duplicate")]


def test_headers_are_no_copies_of_stored_headers(stored: Stored) -> None:
    """A repeated header is one in its own file only: in a file with another header the same line is a row."""
    for _ in range(2):
        (row,) = stored.add(f"{COLUMNS}\n")
        assert (row.rule, "duplicate" in row.flags) == ("repeated_header", False)
    rows = stored.add(f"{COLUMNS}\n" * 2, header=QUOTED)
    assert "repeated_header" not in {row.rule for row in rows}
    assert sorted("duplicate" in row.flags for row in rows) == [False, True]


def test_a_header_is_no_copy_of_a_line_in_a_file_of_the_same_batch(ingest: Ingest) -> None:
    columns = COLUMNS.split(",")
    events = ingest({"a.csv": f"{COLUMNS}\n{COLUMNS}\n", "b.csv": f"{QUOTED}\n{COLUMNS}\n"}, columns=columns).collect()
    found = sorted((row.rule == "repeated_header", row.disposition, row.flags or []) for row in events)
    assert [row[:2] for row in found] == [(False, "quarantined"), (True, "dropped")]
    assert "duplicate" not in found[0][2] + found[1][2]


def test_equal_rows_of_a_source_that_keeps_them_are_not_looked_for(stored: Stored) -> None:
    stored.add(line("t1", 1), duplicates="keep")
    stored.add(line("t1", 1), duplicates="keep")
    assert [outcome(row) for row in stored.rows] == [(1.0, "kept", None)] * 2


def test_dealing_the_hashes_to_more_tasks_finds_the_same_copies(ingest: Ingest) -> None:
    lines = [f"2025-03-0{1 + number % 9} 00:00:00,t{number % 7},a,x,{number % 5}\n" for number in range(400)]
    files = {"a.csv": HEADER + "".join(lines), "b.csv": HEADER + "".join(lines[:100])}
    told = ("file_id", "token", "duration_s", "event_ts", "disposition")
    found = [ingest(files, partitions=parts).select(*told).toPandas().value_counts() for parts in (None, 1, 7)]
    assert found[0].xs("kept", level="disposition").sum() == len({*lines})
    assert found[0].equals(found[1].reindex(found[0].index))
    assert found[0].equals(found[2].reindex(found[0].index))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_row_is_the_same_whether_its_line_ends_in_lf_or_in_crlf(ingest: Ingest, form: str) -> None:
    names = HEADER.strip().split(",")
    rows = [dict(zip(names, ("2025-03-01 00:00:00", f"t{number}", "a", "x", "1"), strict=True)) for number in range(3)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if form == "csv":
        text = HEADER + "".join(",".join(row.values()) + "\n" for row in rows)
    lf, crlf = {f"a.{form}": text}, {f"b.{form}": text.replace("\n", "\r\n")}
    together = ingest({**lf, **crlf}, format=form)
    assert sorted(row.rule or "" for row in together.collect()) == [""] * 3 + ["duplicate"] * 3
    # alone, and after the other one
    (path,) = crlf
    first = ingest({path: text}, format=form, folder="first").localCheckpoint()
    assert {row.rule for row in first.collect()} == {None}
    then = ingest(crlf, known=first, format=form, folder="then")
    assert [row.rule for row in then.collect()] == ["duplicate"] * 3


@pytest.mark.parametrize("layout", [COLUMNS, None])
def test_quarantined_rows_that_differ_in_their_lines_end_alone_are_copies_in_a_replay(
    spark: SparkSession, layout: str | None
) -> None:
    stored = spark.createDataFrame([("f", 7, b"x"), ("f", 7, b"x\r")], "file_id string, row_hash long, raw binary")
    assert as_raw(stored, layout).select("_row_hash", "_row_check").distinct().count() == 1


@pytest.mark.parametrize(("most", "told"), [("MOST_TASKS", "more than 0 tasks"), ("MOST_FILES", "1 files are")])
def test_more_than_a_place_has_room_for_is_told(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch, most: str, told: str
) -> None:
    monkeypatch.setattr(parse, most, 0)
    with pytest.raises(Exception, match=told):
        ingest({"a.csv": f"{COLUMNS}\n{line('t1', 1)}"}, columns=COLUMNS.split(",")).collect()
