"""Copies are looked for in the batch's own months, where that finds the same ones as looking through everything."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.events.rule_set import TIMES, RuleSet
from segmentation.events.times import event_months
from segmentation.jobs import batches, stored_hashes
from segmentation.jobs.plans import Plan
from segmentation.runtime import Exit, Job
from segmentation.settings import IngestSettings, SourceSettings, TimeSettings
from tests.robustness.logs import SOURCE, Logs, line

MONTHS = ("2025-01-15", "2025-02-15", "2025-03-15", "2025-04-15")
STORED = [line(f"{day} 10:00:00", "t1", second) for day in MONTHS for second in range(5)]
UNREADABLE = line("yesterday", "t1")


@pytest.fixture
def looked_through(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each batch, how many stored rows it is held against, as if five of them were many."""
    counted: list[int] = []

    def spy(job: Job, plan: Plan) -> tuple[DataFrame | None, int]:
        found, said = stored_hashes.stored_hashes(job, plan)
        counted.append(0 if found is None else found.count())
        assert said in (0, counted[-1])  # 0: those of a few months
        return found, said

    monkeypatch.setattr(batches, "stored_hashes", spy)
    monkeypatch.setattr(stored_hashes, "MANY", 5)
    return counted


def bring(logs: Logs, name: str, *lines: str) -> None:
    logs.write(name, *lines)
    assert logs.ingest() == Exit.OK


def test_copies_are_looked_for_in_the_months_of_the_batch(
    spark: SparkSession, tmp_path: Path, looked_through: list[int]
) -> None:
    logs = Logs(spark, tmp_path)
    bring(logs, "a.csv", *STORED, UNREADABLE)
    bring(logs, "b.csv", STORED[5], UNREADABLE, line("2025-03-16 10:00:00", "t1"))
    assert looked_through == [0, 5 + 5 + 1]  # of February and March, and the row without a time
    found = {at[1:]: rows for at, rows in logs.balance().items() if at[0] == "b.csv"}
    assert found == {
        ("kept", None): 1,
        ("dropped", "duplicate"): 1,
        ("quarantined", "bad_time"): 1,
        ("flagged", "duplicate"): 1,
    }


@pytest.mark.long
def test_a_batch_that_is_not_small_beside_what_is_stored_is_looked_up_in_all_of_it(
    spark: SparkSession, tmp_path: Path, looked_through: list[int]
) -> None:
    logs = Logs(spark, tmp_path)
    bring(logs, "a.csv", *STORED)
    bring(logs, "b.csv", *(line("2025-03-16 10:00:00", "t1", second) for second in range(5)))
    assert looked_through == [0, 20]


@pytest.mark.long
def test_rows_stored_by_other_rules_of_time_are_looked_through_whatever_their_month(
    spark: SparkSession, tmp_path: Path, looked_through: list[int]
) -> None:
    """The third of April was stored as the fourth of March: the copy of it is one all the same."""
    other = {"column": "time", "formats": ["yyyy-dd-MM HH:mm:ss"]}
    logs = Logs(spark, tmp_path, time=other)
    rows = [line(f"2025-03-04 10:00:0{second}", "t1") for second in range(8)]
    bring(logs, "a.csv", *rows)
    logs.describe()
    bring(logs, "b.csv", rows[0])
    assert looked_through == [0, 8]
    assert {at[1:] for at in logs.balance() if at[0] == "b.csv"} == {("dropped", "duplicate")}


FIRST = {"column": "time", "formats": ["yyyy-MM-dd HH:mm:ss"]}
DAY = "2025-03-04,t1,a1,pdf.open,1,,"


def with_format(form: str) -> dict[str, Any]:
    return {**FIRST, "formats": [*FIRST["formats"], form]}


@pytest.mark.long
def test_a_format_more_gives_no_row_that_had_a_time_another_one(
    spark: SparkSession, tmp_path: Path, looked_through: list[int]
) -> None:
    logs = Logs(spark, tmp_path)
    bring(logs, "a.csv", *STORED)
    logs.describe(time=with_format("yyyy-dd-MM"))
    bring(logs, "b.csv", STORED[0])
    assert looked_through == [0, 5]


@pytest.mark.long
def test_rows_replayed_by_other_rules_of_time_are_looked_through_too(
    spark: SparkSession, tmp_path: Path, looked_through: list[int]
) -> None:
    """What no ingest ever read by them stands in April, and was written in March."""
    logs = Logs(spark, tmp_path)
    bring(logs, "a.csv", *STORED, DAY)
    logs.describe(time=with_format("yyyy-dd-MM"))
    assert logs.replay() == Exit.OK
    logs.describe(time=with_format("yyyy-MM-dd"))
    bring(logs, "b.csv", DAY)
    assert looked_through == [0, 21]
    assert {at[1:] for at in logs.balance() if at[0] == "b.csv"} == {("dropped", "duplicate")}


def rules(**changes: Any) -> RuleSet:
    limits = {"max_text_length": 20, "max_line_length": changes.pop("line", 200), "max_number": 1e12}
    ingest = IngestSettings(earliest=dt.date(2000, 1, 1), future_days=2, **limits)
    source = SourceSettings(**{"name": "s", **SOURCE, **changes})
    return RuleSet(source=source, categories=(), ingest=ingest, max_names=5, times=TIMES)


@pytest.mark.parametrize(
    ("now", "keeps"),
    [
        ({}, True),
        ({"line": 300}, True),
        ({"line": 100}, False),
        ({"format": "jsonl"}, False),
        ({"delimiter": ";"}, False),
        ({"time": {**FIRST, "zone": "Europe/Paris"}}, False),
        ({"time": {"column": "time", "formats": ["yyyy-MM-dd", *FIRST["formats"]]}}, False),
        ({"time": with_format("yyyy-MM-dd")}, True),
    ],
)
def test_rules_keep_times_where_nothing_that_tells_them_differs(now: dict[str, Any], keeps: bool) -> None:
    assert rules(**now).keeps_times_of(rules()) == keeps


@pytest.mark.parametrize(("zone", "keeps"), [("UTC", True), ("Europe/Paris", False)])
def test_times_of_the_release_that_knew_no_offsets_are_kept_in_utc(zone: str, keeps: bool) -> None:
    now = rules(time={**FIRST, "zone": zone})
    assert now.keeps_times_of(now.model_copy(update={"times": 1})) == keeps


def test_rules_of_a_release_that_did_not_say_how_it_read_times_are_not_relied_upon() -> None:
    earlier = rules().model_dump_json(exclude={"times"})
    assert not rules().keeps_times_of(RuleSet.model_validate_json(earlier))


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", {dt.date(2025, 3, 1)}),
        ("Europe/Paris", {dt.date(2025, 3, 1), dt.date(2025, 4, 1)}),  # what a new release of Java may shift
        ("Asia/Tokyo", {dt.date(2025, 3, 1), dt.date(2025, 4, 1)}),
    ],
)
def test_months_are_those_in_utc(spark: SparkSession, zone: str, expected: set[dt.date]) -> None:
    parsed = spark.createDataFrame([("2025-03-31 20:00:00",), ("0001-01-02 05:00:00",), ("soon",), (None,)], "T string")
    months = event_months(parsed, TimeSettings(column="t", formats=("yyyy-MM-dd HH:mm:ss",), zone=zone)).collect()
    assert {row["event_month"] for row in months} - {dt.date(1, 1, 1)} == expected
