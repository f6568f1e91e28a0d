"""How far logs reach that a wrong clock has written to."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.jobs.reach import basetable_date
from segmentation.schemas import EVENTS, KEPT, ROW_BALANCE, TOKENS


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
    settings = SimpleNamespace(basetable=SimpleNamespace(as_of=given))
    job: Any = SimpleNamespace(
        settings=settings, show=said.append, tables=SimpleNamespace(read=lambda t: tables[t.name])
    )
    return basetable_date(job), said


def test_a_stray_row_of_a_token_takes_none_of_its_good_rows_along(spark: SparkSession) -> None:
    good = [("t1", "2025-12-31", 50), ("t2", "2025-12-10", 40), ("t1", "2025-11-03", 9)]
    as_of, said = date_of(spark, [*good, ("t1", "2026-06-15", 1)])
    assert as_of == dt.date(2026, 1, 1)
    (line,) = said
    assert line.startswith("the logs end on 2025-12-31, but for few rows until 2026-06-15")
