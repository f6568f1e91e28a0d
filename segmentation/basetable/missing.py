"""What is done with features that could not be measured, once all accounts are at hand."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.features.feature import Feature


def missing_share(features: Sequence[Feature]) -> Column:
    """Share of an account's features that are null or NaN."""
    numbers = F.array(*(F.nanvl(f.name, F.lit(None).cast("double")) for f in features if not f.is_categorical))
    texts = F.array(*(F.col(f.name) for f in features if f.is_categorical)).cast("array<string>")
    absent = F.size(F.filter(numbers, F.isnull)) + F.size(F.filter(texts, F.isnull))
    return absent / F.lit(float(len(features)))


def split_by_missing(frame: DataFrame, features: Sequence[Feature], limit: float) -> tuple[DataFrame, DataFrame]:
    """(the accounts that keep at most `limit` missing features, the others as as_of, account_id, missing_share)."""
    share = missing_share(features)
    return frame.where(share <= limit), frame.where(share > limit).select(
        "as_of", "account_id", share.alias("missing_share")
    )


def fill_declared(frame: DataFrame, features: Sequence[Feature]) -> DataFrame:
    """Every null and NaN replaced by the fill of its feature."""
    return frame.fillna({feature.name: feature.fill for feature in features})


def fill_typical(frame: DataFrame, features: Sequence[Feature]) -> DataFrame:
    """Numbers filled by the mean of their column, categories by its most frequent value, of equals the first.

    A column without any value takes the fill of its feature. Reads the frame once per kind of column.
    """
    numbers = [feature.name for feature in features if not feature.is_categorical]
    texts = [feature.name for feature in features if feature.is_categorical]
    typical: dict[str, float | str] = {feature.name: feature.fill for feature in features}
    typical |= _means(frame, numbers) | _modes(frame, texts)
    return frame.fillna(typical)


def _means(frame: DataFrame, names: Sequence[str]) -> dict[str, float | str]:
    # one row per value: an aggregate with hundreds of expressions is far slower to compile than this is to run
    values = frame.select(F.posexplode(F.array(*names)).alias("place", "value"))
    known = values.where(F.col("value").isNotNull() & ~F.isnan("value"))
    # decimals, as a mean of doubles depends on their order; twelve digits leave room for shares below the point and
    # for 26 digits before it
    exact = F.sum(F.col("value").cast("decimal(38,12)")).cast("double")
    means = known.groupBy("place").agg((exact / F.count("value")).alias("mean")).collect()
    return {names[row.place]: row.mean for row in means}


def _modes(frame: DataFrame, names: Sequence[str]) -> dict[str, float | str]:
    modes: dict[str, float | str] = {}
    for name in names:
        counts = frame.where(F.col(name).isNotNull()).groupBy(name).agg(F.count(F.lit(1)).alias("accounts"))
        first = counts.orderBy(F.desc("accounts"), F.asc(name)).first()
        if first is not None:
            modes[name] = first[name]
    return modes
