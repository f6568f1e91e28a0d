"""From the cube to tokens: whose token it is as of a date, and what was measured of it per category."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.features.measures import before, combine, measures
from segmentation.features.months import QUARTER, YEAR, check_as_of

#: what Spark raises where the cube holds what `tokens` does not
LACKING = "the table tokens lacks an account of the table activity"


def main_accounts(activity: DataFrame, tokens: DataFrame, as_of: dt.date) -> DataFrame:
    """One row per token seen before as_of: token_key, account_key, account_id, rows_year, rows_q1, first_ts.

    A token under several accounts belongs, with all its usage, to the one with most rows before as_of, then the one
    seen last, then the smallest account_id. Raises LACKING when run if `tokens` lacks an account that the cube knows.
    Two later stages join the result: keep it (persist, or a table) rather than compute it twice.
    """
    usage = before(activity, check_as_of(as_of)).groupBy("token_key", "account_key")
    used = usage.agg(
        F.sum("rows").alias("rows"),
        F.sum(F.when(F.col("age") <= YEAR, F.col("rows")).otherwise(0)).alias("rows_year"),
        F.sum(F.when(F.col("age") <= QUARTER, F.col("rows")).otherwise(0)).alias("rows_q1"),
        F.min("first_ts").alias("first_ts"),
        F.max("last_ts").alias("last_ts"),
    )
    seen = tokens.select("token_key", F.explode("accounts").alias("account"))
    ids = seen.select("token_key", "account.account_key", "account.account_id")
    lacking = F.raise_error(F.lit(f"{LACKING}: `segmentation basetable` computes both anew"))
    known = F.coalesce("account_id", lacking).alias("account_id")
    # the smallest struct is the first by rule, with nothing left to chance
    rule = F.struct(-F.col("rows"), -F.unix_micros("last_ts"), known, "account_key")
    return (
        used.join(ids, on=["token_key", "account_key"], how="left")
        .groupBy("token_key")
        .agg(
            F.min(rule).alias("main"),
            F.sum("rows_year").alias("rows_year"),
            F.sum("rows_q1").alias("rows_q1"),
            F.min("first_ts").alias("first_ts"),
        )
        .select("token_key", "main.account_key", "main.account_id", "rows_year", "rows_q1", "first_ts")
    )


def token_features(
    activity: DataFrame, accounts_of_tokens: DataFrame, as_of: dt.date, words: int, sketch: bool
) -> DataFrame:
    """TOKEN_FEATURES: one row per token and category with any row before as_of, under the token's main account.

    Windows end the day before as_of: single months up to 24 back, sums and maxima over the last 12, first and last
    event over all history. Durations in seconds. Raises InputProblem unless as_of is the first day of a month.
    """
    declared = measures(words, sketch)
    history = before(activity, check_as_of(as_of))
    measured = history.groupBy("token_key", "category").agg(*combine(declared, lambda measure: measure.of))
    owners = F.broadcast(accounts_of_tokens.select("token_key", "account_key"))
    return measured.join(owners, on="token_key", how="inner").select(
        F.lit(as_of).alias("as_of"), "token_key", "account_key", "category", *(measure.name for measure in declared)
    )
