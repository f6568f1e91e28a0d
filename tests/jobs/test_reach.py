"""How far logs reach that a wrong clock has written to."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.jobs.reach import reached_date, silent_sources
from segmentation.schemas import EVENTS, KEPT, LEDGER, ROW_BALANCE, TOKENS


def date_of(spark: SparkSession, days: list[tuple[str, str, int]], given: dt.date | None = None) -> tuple[dt.date, Any]:
    """The date for logs of so many kept rows per token and day, and what was said of it."""
    rows = spark.createDataFrame(days, "token string, day string, rows int")
    events = rows.select(
        "token", F.col("day").cast("date").alias("event_date"), F.trunc("day", "month").alias("event_month"),
        F.explode(F.sequence(F.lit(1), "rows")).alias("row"), F.lit(None).cast("string").alias("rule"),
    )  # fmt: skip
    at = F.col("event_date").cast("timestamp")
    tables = {
        EVENTS.name: events,
        TOKENS.name: events.groupBy("token").agg(F.min(at).alias("first_seen"), F.max(at).alias("last_seen")),
        ROW_BALANCE.name: events.groupBy("event_month", F.lit(KEPT).alias("disposition")).agg(
            F.count("*").alias("rows")
        ),
    }
    said: list[str] = []
    job: Any = SimpleNamespace(show=said.append, tables=SimpleNamespace(read=lambda t: tables[t.name]))
    return reached_date(job, given), said


def test_a_stray_row_of_a_token_takes_none_of_its_good_rows_along(spark: SparkSession) -> None:
    good = [("t1", "2025-12-31", 50), ("t2", "2025-12-10", 40), ("t1", "2025-11-03", 9)]
    as_of, said = date_of(spark, [*good, ("t1", "2026-06-15", 1)])
    assert as_of == dt.date(2026, 1, 1)
    (line,) = said
    assert line.startswith("the logs end on 2025-12-31, but for few rows until 2026-06-15")


def test_few_rows_in_the_months_right_behind_the_last_are_a_wrong_clock_too(spark: SparkSession) -> None:
    good = [("t1", "2025-11-30", 4000), ("t2", "2025-12-31", 3000)]
    as_of, said = date_of(spark, [*good, ("t1", "2026-01-31", 1), ("t2", "2026-02-28", 1)])
    assert as_of == dt.date(2026, 1, 1)
    assert said == [
        "the logs end on 2025-12-31, but for few rows until 2026-02-28: a wrong clock? If not, give --as-of"
    ]


def test_a_month_that_has_just_begun_is_no_wrong_clock(spark: SparkSession) -> None:
    assert date_of(spark, [("t1", "2025-12-31", 4000), ("t2", "2026-01-01", 1)]) == (dt.date(2026, 1, 1), [])


def test_days_that_nobody_saw_are_told_of(spark: SparkSession) -> None:
    logs, new_year = [("t1", "2025-11-03", 2), ("t1", "2025-12-02", 1)], dt.date(2026, 1, 1)
    as_of, said = date_of(spark, logs, given=new_year)
    assert as_of == new_year
    assert said == ["the logs end on 2025-12-02: the days from then to --as-of 2026-01-01 count as quiet ones"]
    assert date_of(spark, [*logs, ("t2", "2025-12-31", 1)], given=new_year) == (new_year, [])


def test_a_source_whose_last_month_is_missing_is_told_of(spark: SparkSession) -> None:
    files = {"late": ["2025-10-01", "2025-11-01"], "whole": ["2025-11-01", "2025-12-01"], "ended": ["2023-05-01"]}
    rows = [(source, month, source) for source, months in files.items() for month in months]
    balance = spark.createDataFrame(rows, "file_id string, month string, batch_id string").select(
        "file_id", "batch_id", F.col("month").cast("date").alias("event_month"), F.lit(KEPT).alias("disposition"),
        F.lit(7).alias("rows"),
    )  # fmt: skip
    ledger = spark.createDataFrame(
        [(name, name, name) for name in files], "batch_id string, file_id string, source string"
    )
    tables = {ROW_BALANCE.name: balance, LEDGER.name: ledger}
    job: Any = SimpleNamespace(tables=SimpleNamespace(read=lambda t: tables[t.name]))
    assert silent_sources(job, dt.date(2026, 1, 1)) == [
        "the logs of source late end in 2025-11: from then to --as-of 2026-01-01 its customers count as silent"
    ]
    tables[LEDGER.name] = ledger.where("source = 'late'")
    assert silent_sources(job, dt.date(2026, 1, 1)) == []
