"""Events delivered more than once: the same version stays in whatever order and batches they arrive."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError
from pyspark.sql import DataFrame, SparkSession

from segmentation.events.revisions import supersede
from segmentation.settings import SourceSettings
from tests.events.batches import SOURCE, Stored, add_all_splits, line, outcome
from tests.events.conftest import BASE, Ingest

IDS = {"event_id": "id", "revision": "version"}
SHAPE = (
    "token string, event_id_hash long, revision long, event_ts timestamp, row_hash long, disposition string, rule "
    "string"
)


@pytest.fixture
def stored(spark: SparkSession, ingest: Ingest) -> Stored:
    return Stored(spark, ingest)


def test_any_split_into_batches_keeps_the_same_version(stored: Stored) -> None:
    """Three versions, a copy of one that is overtaken, a later one that a rule takes out, and its copy."""
    ninth = line("t{case}", 9, event_id="e{case}", version="9", at=30)
    bad = line("t{case}", 11, account="", event_id="e{case}", version="11")
    templates = [
        line("t{case}", 0, event_id="e{case}", at=40),  # no revision is the lowest, whatever its time
        ninth,
        ninth,
        line("t{case}", 10, event_id="e{case}", version="10", at=20),
        bad,
        bad,
    ]
    found = add_all_splits(stored, templates, batches=3, **IDS)
    expected = [
        (0.0, "dropped", "superseded"),
        (10.0, "kept", None),
        (11.0, "quarantined", "missing_account"),
        (11.0, "quarantined", "missing_account", "duplicate"),
        (9.0, "dropped", "duplicate"),
        (9.0, "dropped", "superseded"),
    ]
    assert len(found) == 2 * 3**6
    assert {token: rows for token, rows in found.items() if rows != expected} == {}


def test_equal_revisions_are_told_apart_by_time_then_by_hash(stored: Stored) -> None:
    early, late = line("t{case}", 1, event_id="e{case}", at=1), line("t{case}", 2, event_id="e{case}", at=2)
    same = [line("u{case}", seconds, event_id="f{case}") for seconds in (3, 4)]
    found = add_all_splits(stored, [early + same[0], late + same[1]], batches=2, event_id="id")
    by_time = [rows for token, rows in found.items() if token[0] == "t"]
    assert by_time == [[(1.0, "dropped", "superseded"), (2.0, "kept", None)]] * 8
    ties: dict[str, list[tuple[int, str]]] = {}
    for row in stored.rows:
        if row.token[0] == "u":
            ties.setdefault(row.token, []).append((row.row_hash, row.disposition))
    assert {tuple(disposition for _, disposition in sorted(rows)) for rows in ties.values()} == {("dropped", "kept")}


def versions(spark: SparkSession, *rows: tuple[object, ...]) -> DataFrame:
    at = dt.datetime(2025, 3, 4)
    return spark.createDataFrame([(t, i, rev, at, row, how, rule) for t, i, rev, row, how, rule in rows], SHAPE)


def test_what_a_batch_overtakes_is_named(spark: SparkSession) -> None:
    before = versions(
        spark,
        ("older", 1, 1, 11, "kept", None),
        ("newer", 2, 9, 12, "kept", None),
        ("alone", 3, 1, 13, "kept", None),
    )
    batch = versions(
        spark,
        ("a", 1, 2, 21, "kept", None),
        ("b", 2, 8, 22, "kept", None),
        ("c", None, 5, 23, "kept", None),
        ("d", None, 5, 24, "kept", None),
        ("e", 3, 7, 25, "quarantined", "bad_value"),
        ("f", 4, 1, 26, "kept", None),
    )
    rows, overtaken = supersede(batch, before.drop("token", "disposition", "rule"))
    assert rows.columns == batch.columns
    assert {row.token: (row.disposition, row.rule) for row in rows.collect()} == {
        "a": ("kept", None),
        "b": ("dropped", "superseded"),
        "c": ("kept", None),
        "d": ("kept", None),
        "e": ("quarantined", "bad_value"),
        "f": ("kept", None),
    }
    assert overtaken is not None
    assert [tuple(row) for row in overtaken.collect()] == [(1,)]
    assert supersede(batch, None)[1] is None


def test_what_cannot_be_told_apart_is_quarantined(ingest: Ingest) -> None:
    lines = line("t1", 1, version="1") + line("t2", 2, event_id="e2", version="new") + line("t3", 3, event_id="e3")
    rows = ingest({"a.csv": f"{','.join(SOURCE['columns'])}\n{lines}"}, **SOURCE, **IDS).collect()
    assert {row.token: outcome(row)[1:] for row in rows} == {
        "t1": ("quarantined", "missing_event_id"),
        "t2": ("quarantined", "bad_revision"),
        "t3": ("kept", None),
    }


@pytest.mark.parametrize(
    ("revision", "stored_as"),
    [
        ("version", 2025),
        ("CAST(version AS DOUBLE) + 0.5", 2025),
        ("try_to_timestamp(version, 'yyyy')", 1735689600000000),
        ("try_to_date(version, 'yyyy')", 1735689600000000),
    ],
)
def test_a_revision_is_a_number_or_a_time(ingest: Ingest, revision: str, stored_as: int) -> None:
    text = f"{','.join(SOURCE['columns'])}\n{line('t1', 1, event_id='e1', version='2025')}"
    row = ingest({"a.csv": text}, **SOURCE, event_id="id", revision=revision).collect()[0]
    assert (row.disposition, row.revision) == ("kept", stored_as)


def test_the_same_id_in_two_sources_is_two_events(ingest: Ingest) -> None:
    text = f"{','.join(SOURCE['columns'])}\n{line('t1', 1, event_id=' e1 ')}"
    ids = [ingest({"a.csv": text}, **SOURCE, event_id="id", name=name).collect()[0].event_id_hash for name in "aab"]
    assert ids[0] == ids[1] != ids[2]
    assert ingest({"a.csv": text}, **SOURCE).collect()[0].event_id_hash is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"revision": "version"}, "revision without event_id"),
        ({"event_id": "id", "duplicates": "keep"}, "event_id keeps one row per event"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SourceSettings(**{**BASE, **changes})
