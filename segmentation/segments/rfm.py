"""Recency, frequency and volume of use: the plainest segmentation, which needs no model."""

from __future__ import annotations

from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.features.feature import ALL

#: what is scored -> the feature that measures it
MEASURES = {
    "recency_days": f"{ALL}_days_since_last",
    "active_days": f"{ALL}_active_days_year",
    "rows_year": f"{ALL}_rows_year",
}
SCORES = 5
#: from this score on use counts as high, up to this one as low
HIGH, LOW = 4, 2
#: an account is silent that is not in so many last days of the logs; its fifth would not tell: the least recent may
#: have been seen last week, and the most recent months ago
SILENT_DAYS = 30
#: the label of an account whose use was more than light, and that is silent now
FADING = "fading"


def account_rfm(basetable: DataFrame) -> DataFrame:
    """Table `account_rfm`: one row per as_of and account, three scores from 1 to 5 and a label.

    A score is the fifth of the accounts in which an account stands, least first (for recency: longest ago first);
    equal values stand in the middle of their places, so that they have equal scores whatever the order of the rows
    (all accounts alike: 3). InputProblem when the basetable lacks a measure.
    """
    missing = [name for name in MEASURES.values() if name not in basetable.columns]
    if missing:
        raise InputProblem(f"the basetable lacks {', '.join(missing)}, by which use is scored; build it again")
    measures = [F.col(feature).cast("double").alias(name) for name, feature in MEASURES.items()]
    scored = basetable.select("as_of", "account_id", *measures).select(
        "*",
        _score(F.desc("recency_days"), F.asc("recency_days")).alias("recency"),
        _score(F.asc("active_days"), F.desc("active_days")).alias("frequency"),
        _score(F.asc("rows_year"), F.desc("rows_year")).alias("volume"),
    )
    return scored.withColumn("label", _label())


def is_silent(recency_days: Any, ended: Any) -> Any:
    """Whether an account is silent at the end of the logs, `ended` days before the date: of columns and of series."""
    return recency_days - ended >= SILENT_DAYS


def _score(rising: Column, falling: Column) -> Column:
    """1 + the fifth in which the middle of an account's places lies; in whole numbers, so that no rounding decides."""
    of_date = Window.partitionBy("as_of")
    below = F.rank().over(of_date.orderBy(rising)) - 1
    accounts = F.count(F.lit(1)).over(of_date)
    up_to = accounts - F.rank().over(of_date.orderBy(falling)) + 1
    twice = SCORES * (below + up_to)
    fifth = (twice - twice % (2 * accounts)) / (2 * accounts)
    return F.least(F.lit(SCORES), 1 + fifth.cast("int")).cast("int")


def _label() -> Column:
    """`gone` without a row in twelve months, `fading` when silent after more than light use; else how recent and heavy.

    Whoever is silent is `fading` or `quiet and light`; of the others the more recent are `active`, the rest `regular`.
    """
    use = (F.col("frequency") + F.col("volume")) / 2
    ended = F.min("recency_days").over(Window.partitionBy("as_of"))  # the logs may end before the date
    silent = is_silent(F.col("recency_days"), ended)
    recent = F.when(silent, "quiet").when(F.col("recency") >= HIGH, "active").otherwise("regular")
    heavy = F.when(use >= HIGH, "heavy").when(use > LOW, "moderate").otherwise("light")
    fading = silent & (use > LOW)
    return F.when(F.col("rows_year") <= 0, "gone").when(fading, FADING).otherwise(F.concat_ws(" and ", recent, heavy))
