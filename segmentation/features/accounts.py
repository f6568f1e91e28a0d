"""From token features to accounts: one wide row per account, by one select over the catalogue.

Per account and category the token measures roll up into one row, the totals being one more category; every entry
that categories share is computed once, on those rows; they are then collected per account and the wide select only
picks. So the plan grows with the entries, not with entries times categories.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.features import expressions as E
from segmentation.features.catalogue import ENTRIES, PER_CATEGORY, QUARTERS, catalogue
from segmentation.features.feature import ALL, Feature
from segmentation.features.measures import Measure, before, combine, measures_in
from segmentation.features.months import HISTORY, QUARTER, YEAR, check_as_of, epoch_seconds, months_before, weekend_mask


def account_features(
    token_features: DataFrame,
    activity: DataFrame,
    accounts_of_tokens: DataFrame,
    as_of: dt.date,
    categories: Sequence[str],
) -> DataFrame:
    """ACCOUNT_FEATURES: one row per account with any row before as_of; the catalogue's columns in its order.

    `token_features` may hold other as_of too, `activity` is the cube they came from (for products and systems),
    `accounts_of_tokens` is what `main_accounts` gave. Null means not measurable: a mean over nothing, a share of
    nothing. A category that an account never used is measured all the same, as 0 rows.
    """
    features = catalogue(categories)
    declared = measures_in(token_features)
    tokens = token_features.where(F.col("as_of") == F.lit(as_of))
    profiles = _profiles(accounts_of_tokens, check_as_of(as_of))
    rows = _by_category(tokens, accounts_of_tokens, profiles, declared, categories)
    collected = _collect(_derive(rows, declared, as_of), profiles.columns)
    products = _products(activity, accounts_of_tokens, as_of)
    return collected.join(F.broadcast(products), on="account_id", how="left").select(
        F.lit(as_of).alias("as_of"), "account_id", *_pick(features)
    )


def _profiles(accounts_of_tokens: DataFrame, as_of: dt.date) -> DataFrame:
    """One row per account: its tokens, and how its rows spread over them."""
    age = E.days_until(epoch_seconds(as_of), F.col("first_ts"))
    days_of_year = float((as_of - months_before(as_of, YEAR)).days)
    return accounts_of_tokens.groupBy("account_id").agg(
        F.count(F.lit(1)).alias("tokens"),
        F.count_if(F.col("rows_year") > 0).alias("tokens_active_year"),
        F.count_if(F.col("rows_q1") > 0).alias("tokens_active_q1"),
        F.count_if(age <= days_of_year).alias("tokens_new_year"),
        F.sum("rows_year").alias("account_rows_year"),
        F.max("rows_year").alias("top_token_rows"),
        E.gini(F.collect_list("rows_year")).alias("token_gini"),
        F.max(age).alias("tenure_days"),
        # int, as it is compared and never a feature; who came on the year's first day has nothing to compare it with
        (F.max(age) > days_of_year).cast("int").alias("has_full_year"),
    )


def _by_category(
    token_features: DataFrame,
    accounts_of_tokens: DataFrame,
    profiles: DataFrame,
    declared: Sequence[Measure],
    categories: Sequence[str],
) -> DataFrame:
    """One row per account and category, used or not, and one of category ALL: measures by their roll-ups.

    Beside them the account's profile. Unused categories come from rows without measures, which spares a join.
    """
    owners = F.broadcast(accounts_of_tokens.select("token_key", "account_id"))
    used = token_features.join(owners, on="token_key", how="inner").select(
        "account_id",
        F.explode(F.array("category", F.lit(ALL))).alias("category"),
        *(measure.name for measure in declared),
    )
    every = F.explode(F.array(*(F.lit(category) for category in (*categories, ALL)))).alias("category")
    rows = used.unionByName(profiles.select("*", every), allowMissingColumns=True)
    return rows.groupBy("account_id", "category").agg(
        *combine(declared, lambda measure: measure.name),
        F.count_if(_rows(1, YEAR) > 0).alias("active_tokens"),
        *(F.max(name).alias(name) for name in profiles.columns if name != "account_id"),
    )


def _rows(first: int, last: int) -> Column:
    return E.total([F.col(f"rows_m{age:02d}") for age in range(first, last + 1)])


def _derive(rows: DataFrame, declared: Sequence[Measure], as_of: dt.date) -> DataFrame:
    """The rows with what several entries build upon: windows of months, days and names counted from masks, recency."""
    days = {age: F.col(f"days_m{age:02d}") for age in range(1, YEAR + 1)}
    weekends = [mask.bitwiseAND(F.lit(weekend_mask(months_before(as_of, age)))) for age, mask in days.items()]
    names = [F.bit_count(measure.name) for measure in declared if measure.name.startswith("names_")]
    names += [F.coalesce(E.estimate(F.col(m.name)), F.lit(0)) for m in declared if m.rollup == "sketch"]
    # a bit stands for another name in every category, so masks of the totals say nothing
    names_year = F.when(F.col("category") != ALL, E.total(names)).otherwise(0)
    return rows.withColumns(
        {
            "rows_year": _rows(1, YEAR),
            "rows_previous_year": _rows(YEAR + 1, HISTORY),
            **{f"rows_q{q}": _rows(q * QUARTER - 2, q * QUARTER) for q in QUARTERS},
            "active_days_year": E.days_in(list(days.values())),
            **{f"active_days_q{q}": E.days_in([days[q * QUARTER - back] for back in range(QUARTER)]) for q in QUARTERS},
            "weekend_days": E.days_in(weekends),
            "names_year": names_year,
            "days_since_last": E.days_until(epoch_seconds(as_of), F.col("last_ts")),
        }
    )


def _collect(rows: DataFrame, profile: Sequence[str]) -> DataFrame:
    """One row per account: its profile, its names, and a map from category to the values of ENTRIES, in their order.

    An array, not a struct: the optimizer spends seconds on trying to prune the nested fields of 360 lookups.
    """
    values = F.array(*(entry.build() for entry in PER_CATEGORY)).alias("values")
    own = [name for name in profile if name != "account_id"]
    return (
        rows.select("account_id", *own, "names_year", F.struct("category", values).alias("entries"))
        .groupBy("account_id")
        .agg(
            *(F.max(name).alias(name) for name in own),
            F.sum("names_year").alias("names_year"),
            F.map_from_entries(F.collect_list("entries")).alias("by_category"),
        )
    )


def _products(activity: DataFrame, accounts_of_tokens: DataFrame, as_of: dt.date) -> DataFrame:
    """One row per account that names any: products and systems of the year, by rows; of equals the first by name."""
    year = before(activity, as_of).where(F.col("age") <= YEAR)
    owners = F.broadcast(accounts_of_tokens.select("token_key", "account_id"))
    kinds = F.array(*(F.struct(F.lit(kind).alias("kind"), F.col(kind).alias("name")) for kind in ("product", "os")))
    named = year.join(owners, on="token_key", how="inner").select("account_id", "rows", F.inline(kinds))
    per_name = named.where(F.col("name").isNotNull()).groupBy("account_id", "kind", "name")
    first = F.struct(-F.col("rows"), "name")
    is_product, is_os = F.col("kind") == "product", F.col("kind") == "os"
    return (
        per_name.agg(F.sum("rows").alias("rows"))
        .groupBy("account_id")
        .agg(
            F.count_if(is_product).alias("products"),
            F.count_if(is_os).alias("systems"),
            F.min(F.when(is_product, first))["name"].alias("dominant_product"),
            F.min(F.when(is_os, first))["name"].alias("dominant_os"),
            F.max(F.when(is_product, F.col("rows"))).alias("dominant_product_rows"),
            F.sum(F.when(is_product, F.col("rows"))).alias("product_rows"),
        )
    )


def _pick(features: Sequence[Feature]) -> list[Column]:
    """The wide select: an entry from its category's row, any other feature from the account's."""
    rows = {category: F.col("by_category")[category] for category in {f.category for f in features} if category}
    return [(rows[f.category][ENTRIES.index(f.entry)] if f.category else f.build()).alias(f.name) for f in features]
