"""Lines that are broken as lines: each kind has its name, its original bytes, and none goes missing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.events.lines import csv_fault, csv_is_parsable
from tests.events.conftest import HEADER, Ingest

T = "2025-03-04 05:06:07"
CSV: list[tuple[bytes, str | None]] = [
    (f"{T},t1,a1,Started,1".encode(), None),
    (f"{T},t1,a1,caf".encode() + b"\xff\xfe,1", "bad_utf8"),
    (f"{T},t1,a1,".encode() + b"\xed\xa0\x80,1", "bad_utf8"),  # half of a surrogate pair
    (f"{T},t1,a1,x\0y,1".encode(), "nul_character"),
    (b"\0" + f"{T},t1,a1,Started,1".encode(), "nul_character"),
    (f"{T},t1,a1,{'x' * 200},1".encode(), "line_too_long"),
    (f"{T},t1,a1,{'ü' * 19},1{' ' * 130}".encode(), None),  # 199 characters of more than 200 bytes
    (b"", "empty_line"),
    (b" \t\r", "empty_line"),
    (f'{T},t1,a1,"Said'.encode(), "quoted_newline"),  # one record of three lines
    (b"nothing at all", "wrong_field_count"),
    (b'and left",2', "quoted_newline"),
    (f'{T},t1,"a""1,Started,1'.encode(), "quoted_newline"),
    (b'rest","t1","a1","x","y', "quoted_newline"),  # closes one record and opens the next
    (f'{T},t1,a1,6" nail,1'.encode(), "unbalanced_quotes"),
    (f'{T},t1,a1,6",1'.encode(), "unbalanced_quotes"),
    (f'{T},t1,a1,"ab"cd",1'.encode(), "unbalanced_quotes"),
    (f'{T},t1,a1,6"x4" board,1'.encode(), None),
    (f'"{T}","t1","a1","Said ""x, y""","1"\r'.encode(), None),
    (f"{T},t1,a1,Started".encode(), "wrong_field_count"),
    (f"{T},t1,a1,Started,1,2".encode(), "wrong_field_count"),
]


def line(**changes: Any) -> str:
    values = {"time": f'"{T}"', "token": '"t1"', "account": '"a1"', "name": '"Started"', "seconds": "1", **changes}
    return "{" + ", ".join(f'"{key}": {value}' for key, value in values.items()) + "}"


JSON: list[tuple[bytes, str | None]] = [
    (line().encode(), None),
    (line(name='"caf').encode() + b'\xff"', "bad_utf8"),
    (line(name='"x\0y"').encode(), "nul_character"),
    (line(name='"x\\u0000y"').encode(), "nul_character"),
    (line(name='"x\\\\u0000y"').encode(), None),  # a backslash, then u0000
    (line(more=f'"{"x" * 200}"').encode(), "line_too_long"),
    (b"  \r", "empty_line"),
    (line()[:-1].encode(), "malformed_json"),
    (b"nothing at all", "malformed_json"),
    (b"null", "malformed_json"),
    (f"[{line()}]".encode(), "malformed_json"),
    (b"{'token': 't1'}", "malformed_json"),
    (line().encode() + b"{}", "malformed_json"),  # the second object would be lost
    (line().encode() + b" 5", "malformed_json"),
    (line().replace('"seconds"', '"token": "t2", "seconds"').encode(), "duplicate_json_key"),
    (line(seconds="NaN").replace('"seconds"', '"token": "t2", "seconds"').encode(), "duplicate_json_key"),
    (line(name="[1, 2]").encode(), "nested_value"),
    (line(account='{"id": "a1"}').encode(), "nested_value"),
    (line(name='"[x] y"', more='{"k": 1, "k": {"l": "}"}}').encode() + b" \r", None),
    (line(name='"[1, 2]"').encode(), None),
    (line(seconds="NaN").encode(), "duration_not_finite"),
    (line(seconds="-Infinity").encode(), "duration_not_finite"),
    (line(seconds="1e400").encode(), "duration_not_finite"),
    (line(seconds="-1.5").encode(), "negative_duration"),
    (b'{"name": "Started", "seconds": 2, "account": "a1", "token": "t1", "time": "' + T.encode() + b'"}', None),
]


def rules(events: DataFrame) -> dict[bytes, str | None]:
    """Rule by original bytes of the rows that are not kept; as many rows as lines, or lines are equal."""
    rows = events.where("disposition <> 'kept'").select("raw", "rule").collect()
    found = {bytes(row["raw"]): row["rule"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_kind_of_csv_line_keeps_its_bytes_and_has_its_name(ingest: Ingest, spark: SparkSession) -> None:
    text = HEADER.encode() + b"\n".join(raw for raw, _ in CSV) + b"\n"
    events = ingest({"a.csv": text}).localCheckpoint()
    assert events.count() == len(CSV)
    assert rules(events) == {raw: rule for raw, rule in CSV if rule}
    kept = events.where("disposition = 'kept'").select("event_name").collect()
    assert sorted(row[0] for row in kept) == ['6"x4" board', 'Said "x, y"', "Started", "ü" * 19]
    # what there is no telling apart is not stored under the name of a column, nor called missing
    unreadable = events.where("rule = 'wrong_field_count'").select("token", "flags").distinct().collect()
    assert [tuple(row) for row in unreadable] == [(None, None)]


def test_every_kind_of_json_line_keeps_its_bytes_and_has_its_name(ingest: Ingest) -> None:
    text = b"\xef\xbb\xbf" + b"\n".join(raw for raw, _ in JSON)  # a byte order mark is no part of the first line
    events = ingest({"a.jsonl.gz": gzip.compress(text)}, format="jsonl", duplicates="keep").localCheckpoint()
    assert events.count() == len(JSON)
    assert rules(events) == {raw: rule for raw, rule in JSON if rule}
    kept = events.where("disposition = 'kept'").select("event_name", "duration_s").collect()
    assert sorted(tuple(row) for row in kept) == [
        ("Started", 1.0), ("Started", 2.0), ("[1, 2]", 1.0), ("[x] y", 1.0), ("x\\u0000y", 1.0)
    ]  # fmt: skip


def test_bytes_that_are_no_text_survive_delta(ingest: Ingest, spark: SparkSession, tmp_path: Any) -> None:
    raw = f"{T},t1,a1,".encode() + bytes(range(128, 256)) + b",1"
    ingest({"a.csv": HEADER.encode() + raw}).write.format("delta").save(str(tmp_path / "events"))
    stored = spark.read.format("delta").load(str(tmp_path / "events")).select("raw", "rule").collect()
    assert [(bytes(row["raw"]), row["rule"]) for row in stored] == [(raw, "bad_utf8")]


def test_columns_in_another_order_are_read_by_name(ingest: Ingest) -> None:
    row = ingest({"a.csv": f"seconds,name,account,token,time\n2,Started,a1,t1,{T}\n"}).collect()[0]
    assert (row["token"], row["account_id"], row["event_name"], row["duration_s"]) == ("t1", "a1", "Started", 2.0)


def test_monstrous_lines_neither_stop_the_job_nor_are_parsed(spark: SparkSession) -> None:
    """Spark's parser throws at 20,481 fields, and a recursive pattern would overflow the stack."""
    lines = ["," * 30_000, "x" * 2_000_000, '"' + 'x""' * 200_000, '"a",' * 50_000 + '"', 'a",' * 100_001]
    frame = spark.createDataFrame([(text,) for text in lines], "line string")
    text = F.col("line")
    fault = csv_fault(text, 1_000_000, ",", F.lit(True)).alias("fault")
    found = frame.select(fault, csv_is_parsable(text, 1_000_000, ",").alias("parsed")).collect()
    assert [row["fault"] for row in found] == [
        "wrong_field_count", "line_too_long", "quoted_newline", "quoted_newline", "unbalanced_quotes"
    ]  # fmt: skip
    assert [row["parsed"] for row in found] == [False, False, True, False, False]


def test_delimiters_that_mean_something_in_a_pattern(ingest: Ingest) -> None:
    for delimiter in ("|", "\t"):
        text = HEADER + f'{T},t1,a1,"x,y",1\n{T},t1,a1,"x\n{T},t1,a1,6" x,1\n'
        events = ingest({"a.csv": text.replace(",", delimiter)}, delimiter=delimiter).select("event_name", "rule")
        found = sorted((str(row["rule"]), row["event_name"]) for row in events.collect())
        assert found == [("None", f"x{delimiter}y"), ("quoted_newline", None), ("unbalanced_quotes", None)]


DOTTED = {"time": T, "user.id": "t1", "user-account": "a1", "what `was` it": "Started", "time.s": "1.5", "größe": "7"}
NAMED = {
    "columns": list(DOTTED), "token": "lower(`user.id`)", "account_id": "user-account", "event_name": "what `was` it",
    "duration_s": "time.s", "value": "größe", "attributes": ["user.id"],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_names_of_columns_may_hold_whatever_means_something_in_sql(ingest: Ingest, tmp_path: Path, kind: str) -> None:
    """Names that the source does not know, too; CSV with copies and a second header, so that all rows are joined."""
    rows = [DOTTED | {"n.e`w": "x"}] * 2
    text = {
        "csv": "\n".join(",".join(part) for part in (rows[0], rows[0].values(), rows[1].values(), rows[0])),
        "jsonl": "\n".join(map(json.dumps, rows)),
    }
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    content = text[kind].encode() if kind in text else (tmp_path / "a.parquet").read_bytes()
    found = ingest({f"a.{kind}": content}, format=kind, **NAMED).collect()
    attributes = {"user.id": "t1", "n.e`w": "x"}
    kept = [
        (r["token"], r["account_id"], r["event_name"], r["duration_s"], r["value"], r["attributes"])
        for r in found
        if not r["rule"]
    ]
    assert kept == [("t1", "a1", "Started", 1.5, 7.0, attributes)]
    header = ["repeated_header"] if kind == "csv" else []
    assert sorted(r["rule"] for r in found if r["rule"]) == ["duplicate", *header]
