"""What becomes of a row: its values, its category, its disposition and the rule behind it."""

from __future__ import annotations

import datetime as dt
import gzip
from itertools import groupby

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.events.build import lay_out, read_category
from tests.events.conftest import HEADER, Ingest

GOOD = "2025-03-04 05:06:07,t1,a1,Started,1.5\n"


def dispositions(events: DataFrame) -> list[tuple[str, str | None]]:
    rows = events.select("disposition", "rule").collect()
    return sorted(((row["disposition"], row["rule"]) for row in rows), key=str)


def test_good_row_becomes_an_event(ingest: Ingest) -> None:
    row = ingest({"a.csv": HEADER + GOOD}).collect()[0].asDict()
    assert row["event_ts"] == dt.datetime(2025, 3, 4, 5, 6, 7)
    assert row["event_date"] == dt.date(2025, 3, 4)
    assert row["event_month"] == dt.date(2025, 3, 1)
    assert (row["token"], row["account_id"], row["event_name"], row["duration_s"]) == ("t1", "a1", "Started", 1.5)
    assert (row["category"], row["disposition"], row["rule"], row["flags"]) == ("Application", "kept", None, None)
    assert row["raw"] is None


def test_keys_are_hashes_of_the_strings(ingest: Ingest, spark: SparkSession) -> None:
    row = ingest({"a.csv": HEADER + GOOD}).collect()[0]
    expected = (
        spark.range(1).select(F.xxhash64(F.lit("t1")), F.xxhash64(F.lit("Application"), F.lit("Started"))).first()
    )
    assert expected is not None
    assert (row["token_key"], row["event_key"]) == tuple(expected)


def test_a_row_that_is_not_kept_keeps_its_line(ingest: Ingest) -> None:
    line = "2025-03-04 05:06:07,t1,,Started,1\r"
    events = ingest({"a.csv": f"{HEADER}{GOOD}{line}\n"})
    bad = events.where("disposition <> 'kept'").select("disposition", "rule", "raw").collect()
    assert [tuple(row) for row in bad] == [("quarantined", "missing_account", line.encode())]
    assert events.count() == 2


def test_category_by_exact_name_then_longest_prefix_then_pattern(ingest: Ingest) -> None:
    names = ["Started", "PDF Opened", "app.run", "app.doc.open", "Page 12", "Page x"]
    lines = "".join(f"2025-03-04 05:06:07,t1,a1,{name},1\n" for name in names)
    rows = ingest({"a.csv": HEADER + lines}).select("event_name", "category", "flags").collect()
    assert {row["event_name"]: row["category"] for row in rows} == {
        "Started": "Application",
        "PDF Opened": "Document",
        "app.run": "Application",
        "app.doc.open": "Document",
        "Page 12": "Document",
        "Page x": "Others",
    }
    assert {row["event_name"]: row["flags"] for row in rows if row["flags"]} == {"Page x": ["unmatched_event_name"]}


def test_copies_within_and_across_files_leave_one(ingest: Ingest) -> None:
    other = "2025-03-04 05:06:08,t1,a1,Started,1\n"
    events = ingest({"a.csv": HEADER + GOOD + GOOD + other, "b.csv": HEADER + GOOD})
    assert dispositions(events) == [("dropped", "duplicate")] * 2 + [("kept", None)] * 2


def test_a_source_may_keep_equal_rows(ingest: Ingest) -> None:
    assert dispositions(ingest({"a.csv": HEADER + GOOD + GOOD}, duplicates="keep")) == [("kept", None)] * 2


def test_rows_of_earlier_batches_are_duplicates(ingest: Ingest) -> None:
    before = ingest({"a.csv": HEADER + GOOD}).localCheckpoint()
    again = ingest({"a.csv": HEADER + GOOD + "2025-03-04 05:06:08,t1,a1,Started,1\n"}, known=before)
    assert dispositions(again) == [("dropped", "duplicate"), ("kept", None)]


def test_header_is_no_row_but_a_repeated_one_is(ingest: Ingest) -> None:
    events = ingest({"a.csv": HEADER + GOOD + HEADER, "b.csv": HEADER})
    assert dispositions(events) == [("dropped", "repeated_header"), ("kept", None)]


def test_a_header_of_another_file_is_a_row_here(ingest: Ingest) -> None:
    other = "time,token,account,name,seconds,more\n"
    events = ingest({"a.csv": HEADER + GOOD + other})
    assert dispositions(events) == [("kept", None), ("quarantined", "wrong_field_count")]


def test_a_byte_order_mark_is_no_part_of_the_header(ingest: Ingest) -> None:
    assert dispositions(ingest({"a.csv": b"\xef\xbb\xbf" + (HEADER + GOOD).encode()})) == [("kept", None)]


@pytest.mark.parametrize("name", ["month=2025-01/a.csv", "a+b, (1) Mä'x.csv", "a[1]*{2}.csv", "a%20b.csv"])
def test_any_path_will_do(ingest: Ingest, name: str) -> None:
    assert dispositions(ingest({name: HEADER + GOOD})) == [("kept", None)]


@pytest.mark.parametrize("name", ["bad_value", "duplicate", "erased", "superseded"])
def test_a_source_rule_may_not_bear_a_built_in_name(ingest: Ingest, name: str) -> None:
    with pytest.raises(InputProblem, match=f"named like built-in ones: {name}"):
        ingest({"a.csv": HEADER + GOOD}, rules=[{"name": name, "disposition": "dropped", "when": "true"}])


def test_first_rule_decides_and_the_others_are_flags(ingest: Ingest) -> None:
    rules = [
        {"name": "fast", "disposition": "dropped", "when": "try_cast(seconds AS DOUBLE) < 1"},
        {"name": "odd", "disposition": "flagged", "when": "name = 'Started'"},
    ]
    line = "2025-03-04 05:06:07,t1,,Started,0.5\n"
    row = ingest({"a.csv": HEADER + line}, rules=rules).collect()[0]
    assert (row["disposition"], row["rule"], row["flags"]) == ("quarantined", "missing_account", ["fast", "odd"])


def test_a_rule_may_be_a_column_of_text_that_reads_as_true(ingest: Ingest) -> None:
    lines = [f"2025-03-04 05:06:07,t{n},a1,{name},1\n" for n, name in enumerate(("yes", "no", "Started"))]
    rows = ingest({"a.csv": HEADER + "".join(lines)}, rules=[{"name": "own", "disposition": "dropped", "when": "name"}])
    decided = [row["rule"] for row in rows.orderBy("token").collect()]
    assert decided == ["own", None, None]


def test_quotes_crlf_gzip_and_a_missing_last_line_feed(ingest: Ingest) -> None:
    text = (
        HEADER.replace("\n", "\r\n")
        + '2025-03-04 05:06:07,t1,a1,"Said ""x, y""",1\r\n2025-03-04 05:06:07,t2,a1,Started,1'
    )
    rows = ingest({"a.csv.gz": gzip.compress(text.encode())}).orderBy("token").collect()
    assert [(row["event_name"], row["disposition"]) for row in rows] == [('Said "x, y"', "kept"), ("Started", "kept")]


def test_reading_one_category(ingest: Ingest) -> None:
    lines = GOOD + "2025-03-04 05:06:07,t1,a1,PDF Opened,3\n" + "2025-03-04 05:06:07,,a1,PDF Opened,3\n"
    frame = read_category(ingest({"a.csv": HEADER + lines}), "Document", "event_name", "duration_s")
    assert [tuple(row) for row in frame.collect()] == [("PDF Opened", 3.0)]


def test_rows_lie_in_order_of_category_token_and_time(ingest: Ingest) -> None:
    names = ("PDF Opened", "app.start", "nobody knows it")
    lines = [f"2025-0{3 + n % 2}-{28 - n % 27:02d} 0{n % 10}:00:00,t{n % 5},a,{names[n % 3]},1\n" for n in range(270)]
    rows = lay_out(ingest({"a.csv": HEADER + "".join(lines)}).coalesce(1)).collect()
    runs = [key for key, _ in groupby(rows, key=lambda row: (row.event_month, row.category, row.token))]
    assert len(rows) == len({*lines})
    assert len(runs) == len({*runs}) == 2 * len(names) * 5  # each of them in one piece
    assert runs == sorted(runs, key=lambda run: run[0])
    for _, run in groupby(rows, key=lambda row: (row.event_month, row.category, row.token)):
        times = [row.event_ts for row in run]
        assert times == sorted(times)
