"""The way back from an account's feature to the rows that it was made of."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.events.build import read_category
from segmentation.features.months import YEAR, months_before


def tokens_of(token_features: DataFrame, account_id: str, as_of: dt.date) -> DataFrame:
    """Rows of `token_features` that roll up into one account's features: one row per token and category."""
    return token_features.where(
        (F.col("as_of") == F.lit(as_of)) & (F.col("account_key") == F.xxhash64(F.lit(account_id)))
    )


def rows_behind(
    events: DataFrame, token_features: DataFrame, account_id: str, category: str, as_of: dt.date
) -> DataFrame:
    """The kept rows of `events` that an account's year in one category is made of, that is those of its tokens.

    A token belongs to one account as of a date, with all its rows, also those that were logged under another account.
    """
    own = tokens_of(token_features, account_id, as_of).select("token_key").distinct()
    days = F.col("event_date")
    of_year = read_category(events, category).where(
        (F.col("event_month") >= F.lit(months_before(as_of, YEAR)))
        & (days >= F.lit(months_before(as_of, YEAR)))
        & (days < F.lit(as_of))
    )
    return of_year.join(F.broadcast(own), on="token_key", how="left_semi")


def cube_behind(activity: DataFrame, rows: DataFrame, category: str, as_of: dt.date) -> DataFrame:
    """Rows of `activity` for the tokens of `rows` (as `rows_behind` gives them) in the year before as_of."""
    own = rows.select("token_key", "token").distinct()
    of_year = activity.where(
        (F.col("category") == category)
        & (F.col("event_month") >= F.lit(months_before(as_of, YEAR)))
        & (F.col("event_month") < F.lit(as_of))
    )
    return of_year.join(F.broadcast(own), on="token_key", how="inner")
