"""The same rows brought in batches, as the job does it, and every way to split a few rows into batches at once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from pyspark.sql import Row, SparkSession

from segmentation.events.revisions import VERSION, supersede
from tests.events.conftest import Ingest

COLUMNS = "time,token,account,name,seconds,id,version"
#: differs from the usual header in its text alone
QUOTED = 'time,token,account,name,seconds,id,"version"'
SOURCE: dict[str, Any] = {"columns": COLUMNS.split(",")}
#: all that the tests look at
_SEEN = ("token", "duration_s", "disposition", "rule", "flags", *VERSION)
_KNOWN = "row_hash long, disposition string, rule string"
_VERSION = "event_id_hash long, revision long, event_ts timestamp, row_hash long"


def line(token: str, seconds: float, account: str = "a1", event_id: str = "", version: str = "", at: int = 0) -> str:
    return f"2025-03-04 05:06:{at:02d},{token},{account},Started,{seconds},{event_id},{version}\n"


class Stored:
    """The rows of `events` after some batches."""

    def __init__(self, spark: SparkSession, ingest: Ingest) -> None:
        self.rows: list[Row] = []
        self._spark, self._ingest = spark, ingest

    def add(self, lines: str, header: str = COLUMNS, **changes: Any) -> list[Row]:
        """One batch; gives its rows as they are stored."""
        source = {**SOURCE, **changes}
        known = [(row.row_hash, row.disposition, row.rule) for row in self.rows]
        kept = [tuple(row[name] for name in VERSION) for row in self.rows if row.disposition == "kept"]
        rows = self._ingest(
            {"a.csv": f"{header}\n{lines}"},
            known=self._spark.createDataFrame(known, _KNOWN) if known else None,
            **source,
        )
        lost: set[int] = set()
        if source.get("event_id"):
            rows, overtaken = supersede(rows, self._spark.createDataFrame(kept, _VERSION) if kept else None)
            lost = {row.event_id_hash for row in overtaken.collect()} if overtaken is not None else set()
        new = rows.select(*_SEEN).collect()
        self.rows = [_superseded(r) if r.disposition == "kept" and r.event_id_hash in lost else r for r in self.rows]
        self.rows += new
        return new


def _superseded(row: Row) -> Row:
    return Row(**{**row.asDict(), "disposition": "dropped", "rule": "superseded"})


def outcome(row: Row) -> tuple[Any, ...]:
    """What a row is and what became of it, apart from the file that it came from."""
    return (row.duration_s, row.disposition, row.rule, *(row.flags or ()))


def all_splits(rows: int, batches: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Every way to bring so many rows in so many batches (some empty), lines in order and in reverse."""
    for batch_of in itertools.product(range(batches), repeat=rows):
        split = tuple(tuple(row for row in range(rows) if batch_of[row] == batch) for batch in range(batches))
        yield split
        yield tuple(part[::-1] for part in split)


def add_all_splits(stored: Stored, templates: Sequence[str], batches: int, **changes: Any) -> dict[str, list[Any]]:
    """All splits side by side, each with a token and event ids of its own (`{case}`): token to sorted outcomes."""
    splits = list(all_splits(len(templates), batches))
    for batch in range(batches):
        stored.add(
            "".join(templates[row].format(case=case) for case, split in enumerate(splits) for row in split[batch]),
            **changes,
        )
    found: dict[str, list[Any]] = {}
    for row in stored.rows:
        found.setdefault(row.token, []).append(outcome(row))
    return {token: sorted(rows, key=str) for token, rows in found.items()}
