"""Which categories are used by whom and when, and the months in which accounts were silent."""

from __future__ import annotations

import datetime as dt

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.features.feature import ALL
from segmentation.features.measures import before
from segmentation.features.months import month_index


def category_coverage(activity: DataFrame, owners: DataFrame, as_of: dt.date) -> pd.DataFrame:
    """Table category_coverage less as_of: rows, tokens and accounts per category (and `all`) and month (and none).

    `owners` are the tokens' main accounts (`features.tokens.main_accounts`).
    """
    history = before(activity, as_of).groupBy("event_month", "category", "token_key").agg(F.sum("rows").alias("rows"))
    owned = history.join(owners.select("token_key", "account_id"), on="token_key")
    month, every = F.col("event_month"), F.lit(None).cast("date")
    scopes = [_scope(category, m) for category in (F.col("category"), F.lit(ALL)) for m in (month, every)]
    scoped = owned.select("token_key", "account_id", "rows", F.inline(F.array(*scopes)))
    per_token = scoped.groupBy("scope", "month", "account_id", "token_key").agg(F.sum("rows").alias("rows"))
    per_account = per_token.groupBy("scope", "month", "account_id").agg(
        F.count(F.lit(1)).alias("tokens"), F.sum("rows").alias("rows")
    )
    counted = per_account.groupBy("scope", "month").agg(
        F.sum("rows").alias("rows"), F.sum("tokens").alias("tokens"), F.count(F.lit(1)).alias("accounts")
    )
    found = counted.toPandas().rename(columns={"scope": "category", "month": "event_month"})
    whole = found[found["category"] == ALL][["event_month", "accounts"]].rename(columns={"accounts": "of_all"})
    found = found.merge(whole, on="event_month", how="left")
    found["account_share"] = found["accounts"] / found.pop("of_all")
    return found.sort_values(["category", "event_month"], na_position="first", ignore_index=True)


def activity_gaps(activity: DataFrame, owners: DataFrame, as_of: dt.date) -> DataFrame:
    """Table activity_gaps: one row per account with a row before as_of; whole months, by the tokens' main accounts."""
    index = F.year("event_month") * 12 + F.month("event_month") - 1
    owned = before(activity, as_of).join(owners.select("token_key", "account_id"), on="token_key")
    months = owned.groupBy("account_id").agg(
        F.min("event_month").alias("first_month"),
        F.max("event_month").alias("last_month"),
        F.array_sort(F.collect_set(index)).alias("months"),
    )
    size = F.size("months")
    later, earlier = F.slice("months", F.lit(2), size), F.slice("months", F.lit(1), size - 1)
    gaps = F.zip_with(later, earlier, lambda after, then: after - then - 1)
    first, last = F.element_at("months", 1), F.element_at("months", -1)
    return months.select(
        F.lit(as_of).alias("as_of"),
        "account_id",
        "first_month",
        "last_month",
        size.cast("int").alias("active_months"),
        (last - first + 1 - size).cast("int").alias("gap_months"),
        F.coalesce(F.array_max(gaps), F.lit(0)).cast("int").alias("longest_gap"),
        (F.lit(month_index(as_of) - 1) - last).cast("int").alias("silent_months"),
    )


def _scope(category: Column, month: Column) -> Column:
    return F.struct(category.alias("scope"), month.alias("month"))
