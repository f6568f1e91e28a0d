"""Days with a value, counted from the cube."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.errors import LackingData
from segmentation.features.measures import before
from segmentation.features.months import check_as_of, first_in_turn, month_index, months_before

#: the check holds back at most one month in so many
HELD_BACK = 3


def first_value_month(activity: DataFrame, as_of: dt.date) -> tuple[dt.date, int]:
    """The first month before as_of with values, but for few of a wrong clock; and how many rows those are.

    Raises LackingData when no row has a value.
    """
    with_value = before(activity, check_as_of(as_of)).where(F.col("value_count") > 0)
    months: dict[dt.date, int] = dict(with_value.groupBy("event_month").agg(F.sum("value_count")).collect())
    if not months:
        raise LackingData(
            f"no log row before {as_of} carries a value, so there is nothing to forecast: "
            "name the log's column as `value` in its file in conf/sources and ingest it into a new --data-dir"
        )
    first = first_in_turn(months)
    return first, sum(rows for month, rows in months.items() if month < first)


def holdout_start(first: dt.date, as_of: dt.date, months_ahead: int) -> dt.date | None:
    """From where on months are held back for the check: as many as are forecast, at most a third of the history."""
    held = min(months_ahead, (month_index(as_of) - month_index(first)) // HELD_BACK)
    return months_before(as_of, held) if held else None


def value_days(activity: DataFrame, accounts_of_tokens: DataFrame, as_of: dt.date, split: dt.date) -> DataFrame:
    """One row per account with a value before as_of: account_id, first_day, and days, last_day, value.

    The latter three also as days_before, last_before, value_before of the time before `split` (null when there is
    nothing). Days are distinct ones (masks are merged) of cube rows with any value: the mask of a token's category in
    a month is the finest there is, and may hold days whose rows had none. Values are sums, in the log's unit.
    """
    owners = F.broadcast(accounts_of_tokens.select("token_key", "account_id"))
    with_value = before(activity, check_as_of(as_of)).where(F.col("value_count") > 0)
    months = (
        with_value.join(owners, on="token_key", how="inner")
        .groupBy("account_id", "event_month")
        .agg(F.bit_or("day_mask").alias("mask"), F.sum("value_sum").alias("value"))
    )
    lowest = F.bit_count(F.col("mask").bitwiseAND(-F.col("mask")) - 1)
    highest = F.length(F.bin("mask")) - 1
    dated = months.select(
        "account_id",
        (F.col("event_month") < F.lit(split)).alias("early"),
        F.bit_count("mask").alias("days"),
        "value",
        F.date_add("event_month", lowest).alias("first_day"),
        F.date_add("event_month", highest).alias("last_day"),
    )
    early = F.col("early")
    return dated.groupBy("account_id").agg(
        F.min("first_day").alias("first_day"),
        F.sum("days").alias("days"),
        F.max("last_day").alias("last_day"),
        F.sum("value").cast("double").alias("value"),
        F.sum(F.when(early, F.col("days"))).alias("days_before"),
        F.max(F.when(early, F.col("last_day"))).alias("last_before"),
        F.sum(F.when(early, F.col("value"))).cast("double").alias("value_before"),
    )
