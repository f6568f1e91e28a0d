"""Account features to the finished basetable, under both policies."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.basetable.build import Basetable, build_basetable
from segmentation.basetable.imputation import basetable_features
from segmentation.basetable.missing import fill_declared, fill_typical, split_by_missing
from segmentation.features.catalogue import catalogue
from segmentation.features.feature import Feature
from segmentation.schemas import BASETABLE
from segmentation.settings import BasetableSettings
from segmentation.table import check

AS_OF, EARLIER = dt.date(2026, 1, 1), dt.date(2025, 1, 1)
CATEGORIES = ("Document",)
NAN = float("nan")


def make_settings(**given: Any) -> BasetableSettings:
    return BasetableSettings.model_validate(
        {"as_of": None, "imputation": "basetable", "max_missing_share": 0.9, "folds": 5, "test_share": 0.2,
         "fold_seed": 11, "label_groups": {}} | given
    )  # fmt: skip


def make_feature(name: str, fill: float | str = 0.0) -> Feature:
    return Feature(name, "", "", "", lambda: F.lit(0.0), fill=fill)


SMALL = (make_feature("x"), make_feature("y", fill=7.0), make_feature("z"), make_feature("kind", fill="Other"))


@pytest.fixture(scope="module")
def small(spark: SparkSession) -> DataFrame:
    rows = [
        ("a", 1.0, None, None, "Q"),
        ("b", 4.0, None, 1.0, "P"),
        ("c", NAN, None, None, None),
        ("d", 1.0, None, 2.0, "P"),
    ]
    columns = "account_id string, x double, y double, z double, kind string"
    return spark.createDataFrame(rows, columns).withColumn("as_of", F.lit(AS_OF))


def values(frame: DataFrame) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.orderBy("account_id").select("x", "y", "z", "kind").collect()]


def test_declared_fills_replace_null_and_nan(small: DataFrame) -> None:
    assert values(fill_declared(small, SMALL)) == [
        (1.0, 7.0, 0.0, "Q"), (4.0, 7.0, 1.0, "P"), (0.0, 7.0, 0.0, "Other"), (1.0, 7.0, 2.0, "P"),
    ]  # fmt: skip


def test_typical_fills_are_means_and_most_frequent_values(small: DataFrame) -> None:
    assert values(fill_typical(small, SMALL)) == [
        (1.0, 7.0, 1.5, "Q"), (4.0, 7.0, 1.0, "P"), (2.0, 7.0, 1.5, "P"), (1.0, 7.0, 2.0, "P"),
    ]  # fmt: skip


def test_accounts_that_miss_too_much_are_set_apart(small: DataFrame) -> None:
    kept, dropped = split_by_missing(small, SMALL, limit=0.5)
    assert [row.account_id for row in kept.orderBy("account_id").collect()] == ["a", "b", "d"]
    assert [tuple(row) for row in dropped.collect()] == [(AS_OF, "c", 1.0)]


@pytest.fixture(scope="module")
def features(spark: SparkSession) -> DataFrame:
    """Account a is measured but for one mean, b misses everything, c is of another date."""
    declared = catalogue(CATEGORIES)
    full = {f.name: "P" if f.is_categorical else 2.0 for f in declared} | {"document_duration_mean_year": None}
    nothing = dict.fromkeys(full)
    kinds = ", ".join(f"{f.name} {'string' if f.is_categorical else 'double'}" for f in declared)
    rows = [(AS_OF, "a", *full.values()), (AS_OF, "b", *nothing.values()), (EARLIER, "c", *full.values())]
    return spark.createDataFrame(rows, f"as_of date, account_id string, {kinds}")


@pytest.fixture(scope="module")
def accounts(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([("a", "Print"), ("idle", "Sign")], "account_id string, branch string")


def build(spark: SparkSession, features: DataFrame, accounts: DataFrame, **given: Any) -> Basetable:
    owners = spark.createDataFrame([(1, "a")], "token_key long, account_id string")
    counts = "rows long, filled_duration long, filled_value long, filled_product long, filled_os long"
    prepared = spark.createDataFrame(
        [(dt.date(2025, 12, 1), 1, 4, 1, 0, 2, 0)], f"event_month date, token_key long, {counts}"
    )
    return build_basetable(features, prepared, owners, accounts, AS_OF, "branch", CATEGORIES, make_settings(**given))


def test_policy_basetable_keeps_every_account_with_usage(
    spark: SparkSession, features: DataFrame, accounts: DataFrame
) -> None:
    built = build(spark, features, accounts)
    names = [feature.name for feature in catalogue(CATEGORIES)]
    assert check(built.frame, BASETABLE).columns == [*BASETABLE.columns.names, *names]
    a, b = built.frame.orderBy("account_id").collect()
    assert (a.account_id, a.industry, a.document_duration_mean_year, a.document_rows_year) == ("a", "Print", 0.0, 2.0)
    assert (b.account_id, b.industry, b.dominant_product, b.document_rows_year) == ("b", None, "Other", 0.0)
    assert None not in [b[name] for name in names]
    assert built.dropped.collect() == []


def test_policy_logs_drops_the_empty_and_says_what_was_filled(
    spark: SparkSession, features: DataFrame, accounts: DataFrame
) -> None:
    built = build(spark, features, accounts, imputation="logs")
    names = [feature.name for feature in basetable_features(CATEGORIES, "logs")]
    assert built.frame.columns == [*BASETABLE.columns.names, *names]
    (a,) = built.frame.collect()
    assert (a.account_id, a.filled_duration_share, a.filled_product_share, a.filled_os_share) == ("a", 0.25, 0.5, 0.0)
    assert [(row.account_id, row.missing_share) for row in built.dropped.collect()] == [("b", 1.0)]
