"""Gather from the tables what the leakage audit looks at: everything about usage is counted again, from the cube."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.basetable.imputation import FILLED_SHARES
from segmentation.checkpoint import settled
from segmentation.column_names import quoted
from segmentation.features.catalogue import LONG_AGO
from segmentation.features.feature import ALL, Feature
from segmentation.features.months import YEAR, epoch_seconds, months_before
from segmentation.industries.sampling import sampled
from segmentation.schemas import BASETABLE

SECONDS_PER_DAY = 86_400
PLACE = ("account_id", "split", "fold")


@dataclass(frozen=True)
class Exhibits:
    """What the audit looks at, as `gather` finds it."""

    as_of: dt.date
    #: one row per row of the basetable: account_id, split, fold, and the features that `recount` has
    accounts: pd.DataFrame
    #: one row per labelled account: account_id, industry and all features
    labelled: pd.DataFrame
    #: of tokens whose features went to accounts in different places one row per account: as `in_many_places` has them
    tokens: pd.DataFrame
    #: one row per account: account_id and features counted again from the cube, months before as_of only
    recount: pd.DataFrame
    #: basetable column that no feature declares, with any value -> the latest date in it; None: it holds no dates
    undeclared: Mapping[str, dt.date | None]
    #: one row per token of a sample of labelled accounts: token_key, account_id, industry, fold, its measures
    token_values: pd.DataFrame


def gather(
    basetable: DataFrame,
    token_features: DataFrame,
    activity: DataFrame,
    tokens: DataFrame,
    as_of: dt.date,
    features: Sequence[Feature],
) -> Exhibits:
    """What `audit` needs about the basetable of one as_of.

    `token_features` and `activity` may hold other dates too. Frames of the size of the accounts, and the tokens of
    a sample of the labelled ones, are collected to the driver.
    """
    counted = [feature for feature in features if feature.entry in ("rows_year", "days_since_last")]
    counted = [f for f in counted if f.name in basetable.columns and (f.entry == "rows_year" or f.category == ALL)]
    of_date = token_features.where(F.col("as_of") == F.lit(as_of))
    seen = tokens.select(F.explode("accounts").alias("one")).select("one.account_key", "one.account_id").distinct()
    owners = of_date.select("token_key", "account_key").distinct().join(seen, on="account_key")
    owners = settled(owners.select("token_key", "account_id"))
    known = basetable.where(F.col("industry").isNotNull())
    named = [feature.name for feature in features if feature.name in basetable.columns]
    return Exhibits(
        as_of=as_of,
        accounts=basetable.select(*PLACE, *(feature.name for feature in counted)).toPandas(),
        labelled=known.select("account_id", "industry", *named).orderBy("account_id").toPandas(),
        tokens=in_many_places(owners, basetable).toPandas(),
        recount=_recount(activity, owners, as_of, counted).toPandas(),
        undeclared=_undeclared(basetable, features),
        token_values=_token_values(of_date, owners, known),
    )


def in_many_places(owners: DataFrame, basetable: DataFrame) -> DataFrame:
    """Of (token_key, account_id) those whose token has accounts in more than one split or fold, with split and fold."""
    placed = owners.join(basetable.select(*PLACE), on="account_id")
    place = F.struct("split", "fold")
    by_token = placed.groupBy("token_key").agg(
        F.min(place).alias("one"), F.max(place).alias("other"), F.collect_list(F.struct(*PLACE)).alias("accounts")
    )
    return by_token.where(~F.col("one").eqNullSafe(F.col("other"))).select("token_key", F.inline("accounts"))


def _recount(activity: DataFrame, owners: DataFrame, as_of: dt.date, counted: Sequence[Feature]) -> DataFrame:
    """One row per account: the features of `counted` from months before as_of alone, by dates instead of ages."""
    history = activity.where(F.col("event_month") < F.lit(as_of)).join(F.broadcast(owners), on="token_key")
    in_year = F.col("event_month") >= F.lit(months_before(as_of, YEAR))

    def count(feature: Feature) -> Column:
        if feature.entry == "rows_year":
            own = in_year if feature.category == ALL else in_year & (F.col("category") == feature.category)
            return F.coalesce(F.sum(F.when(own, F.col("rows"))), F.lit(0)).cast("double")
        last_day = F.floor(F.unix_seconds(F.max("last_ts")) / SECONDS_PER_DAY)
        days = F.lit(epoch_seconds(as_of) // SECONDS_PER_DAY) - last_day
        return F.least(days, F.lit(LONG_AGO)).cast("double")

    return history.groupBy("account_id").agg(F.lit(0).alias("_"), *(count(f).alias(f.name) for f in counted)).drop("_")


def _undeclared(basetable: DataFrame, features: Sequence[Feature]) -> dict[str, dt.date | None]:
    """Columns that nobody declared and that hold any value: what an older basetable had stays in the table as null."""
    known = {*BASETABLE.columns.names, *(f.name for f in features), *(f.name for f in FILLED_SHARES)}
    unknown = [field for field in basetable.schema if field.name not in known]
    if not unknown:
        return {}
    dated = {f.name for f in unknown if isinstance(f.dataType, T.DateType | T.TimestampType | T.TimestampNTZType)}
    columns = {field.name: F.col(quoted(field.name)) for field in unknown}
    counts = [F.count(column).alias(f"count {name}") for name, column in columns.items()]
    latest = [F.max(F.to_date(columns[name])).alias(f"latest {name}") for name in sorted(dated)]
    row = basetable.agg(*counts, *latest).collect()[0].asDict()
    return {name: row.get(f"latest {name}") for name in columns if row[f"count {name}"]}


def _token_values(token_features: DataFrame, owners: DataFrame, known: DataFrame) -> pd.DataFrame:
    """One row per token of a sample of accounts: token_key, account_id, industry, fold, measures per category."""
    months = [F.col(name) for name in token_features.columns if name.startswith("rows_m")][:YEAR]
    days = [F.bit_count(name) for name in token_features.columns if name.startswith("days_m")]
    doubles = ("duration_sum", "duration_max", "value_sum", "value_max", "errors")
    numbers = {name: F.coalesce(F.col(name).cast("double"), F.lit(0.0)) for name in doubles}
    numbers |= {"rows": sum(months, F.lit(0)).cast("double"), "days": sum(days, F.lit(0)).cast("double")}
    measured = token_features.select("token_key", "category", *(value.alias(name) for name, value in numbers.items()))
    whose = owners.join(sampled(known.select("account_id", "industry", "fold")), on="account_id")
    long = measured.join(F.broadcast(whose), on="token_key").toPandas()
    index = ["token_key", "account_id", "industry", "fold"]
    wide = long.pivot_table(index=index, columns="category", values=sorted(numbers), fill_value=0.0)
    wide.columns = pd.Index([f"{pair[1]} {pair[0]}" for pair in wide.columns])
    return wide.reset_index()
