"""Missing values in the logs, filled on the cube: a mean is linear, so filling sums equals filling every log row.

Policy `basetable` leaves the cube alone. Policy `logs` gives a log row without duration or value the mean of its
category, one without product or system the most frequent one, and says in four features how much was filled.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.checkpoint import settled
from segmentation.features import expressions as E
from segmentation.features.catalogue import catalogue
from segmentation.features.feature import Feature
from segmentation.features.measures import before
from segmentation.features.months import YEAR, check_as_of
from segmentation.schemas import ACTIVITY
from segmentation.table import EXACT

BASETABLE, LOGS = "basetable", "logs"
NUMBERS, NAMES = ("duration", "value"), ("product", "os")


def _share(what: str) -> Feature:
    return Feature(
        f"filled_{what}_share",
        f"Share of the log rows of the last twelve months whose {what} was missing and had to be filled.",
        "rows counted",
        "from the account's sums, not averaged over tokens",
        lambda: E.ratio(F.col(f"filled_{what}"), F.col("rows")),
    )


FILLED_SHARES = tuple(_share(what) for what in (*NUMBERS, *NAMES))


def basetable_features(categories: Sequence[str], policy: str) -> tuple[Feature, ...]:
    """The features of the finished basetable in column order: the catalogue, under `logs` also what was filled."""
    return catalogue(categories) + (FILLED_SHARES if policy == LOGS else ())


def prepare_activity(activity: DataFrame, as_of: dt.date, policy: str) -> DataFrame:
    """The cube that features are made from: as it is under `basetable`, filled under `logs`.

    Filled, it holds the rows before as_of, with further columns filled_duration, filled_value, filled_product and
    filled_os (log rows filled). Means and most frequent names come from those rows alone, and are computed now, since
    every step reads the frame anew. A category that never records a duration has no mean, and stays missing.
    """
    check_as_of(as_of)
    return activity if policy == BASETABLE else _filled(before(activity, as_of))


def filled_shares(prepared: DataFrame, accounts_of_tokens: DataFrame, as_of: dt.date) -> DataFrame:
    """One row per account with rows in the year: account_id and the columns of FILLED_SHARES."""
    owners = F.broadcast(accounts_of_tokens.select("token_key", "account_id"))
    year = before(prepared, as_of).where(F.col("age") <= YEAR).join(owners, on="token_key", how="inner")
    counts = ["rows", *(f"filled_{what}" for what in (*NUMBERS, *NAMES))]
    sums = year.groupBy("account_id").agg(*(F.sum(name).alias(name) for name in counts))
    return sums.select("account_id", *(feature.build().alias(feature.name) for feature in FILLED_SHARES))


def _filled(history: DataFrame) -> DataFrame:
    means = history.groupBy("category").agg(
        *(F.try_divide(F.sum(f"{n}_sum"), F.sum(f"{n}_count")).cast(EXACT).alias(f"{n}_mean") for n in NUMBERS)
    )
    known = history.join(F.broadcast(settled(means)), on="category", how="left")
    named = settled(history.groupBy(*NAMES).agg(F.sum("rows").alias("rows")))
    new: dict[str, Column] = {}
    for name in NUMBERS:
        new |= _with_mean(name)
    for name in NAMES:
        usual = F.lit(_most_frequent(named, name)).cast("string")
        new[name] = F.coalesce(F.col(name), usual)
        new[f"filled_{name}"] = F.when(F.col(name).isNull() & usual.isNotNull(), F.col("rows")).otherwise(0)
    columns = [*ACTIVITY.columns.names, *(f"filled_{what}" for what in (*NUMBERS, *NAMES))]
    return known.select(*(new.get(name, F.col(name)).alias(name) for name in columns))


def _with_mean(name: str) -> dict[str, Column]:
    """Count, sum and maximum of a cube row as if each of its log rows without the number had the category's mean.

    The mean is rounded to the millionth, as every number of a log row is, so that the filled sums stay exact.
    """
    count, mean, whole, largest = (F.col(f"{name}_{part}") for part in ("count", "mean", "sum", "max"))
    lacking = F.col("rows") - count
    fillable = (lacking > 0) & mean.isNotNull()
    return {
        f"{name}_count": F.when(fillable, F.col("rows")).otherwise(count),
        f"{name}_sum": F.when(fillable, (F.coalesce(whole, F.lit(0)) + lacking * mean).cast(EXACT)).otherwise(whole),
        f"{name}_max": F.when(fillable, F.greatest(largest, mean.cast("double"))).otherwise(largest),
        f"filled_{name}": F.when(fillable, lacking).otherwise(0),
    }


def _most_frequent(named: DataFrame, name: str) -> str | None:
    """The name with most log rows, of equals the first; None when no row has any."""
    counted = named.where(F.col(name).isNotNull()).groupBy(name).agg(F.sum("rows").alias("rows"))
    first = counted.orderBy(F.desc("rows"), F.asc(name)).first()
    return None if first is None else str(first[name])
