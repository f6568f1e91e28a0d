"""One account computed by hand, from cube rows to features."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from segmentation.features.accounts import account_features
from segmentation.features.catalogue import LONG_AGO, catalogue
from segmentation.features.tokens import main_accounts, token_features
from segmentation.schemas import ACCOUNT_FEATURES, TOKEN_FEATURES
from segmentation.table import check

Rows = Callable[..., DataFrame]
AS_OF = dt.date(2026, 1, 1)
CATEGORIES = ("Document", "System")
LN5 = math.log(5)


@pytest.fixture(scope="module")
def wide(cube: Rows, tokens: Rows) -> DataFrame:
    """Account a holds tokens 1 and 2, account b token 3; 6 and 7 December 2025 are a weekend."""
    rows = cube(
        {"month": "2025-12", "token": 1, "account": 11, "rows": 3, "days": (6, 7, 8), "names": (0, 1), "product": "P",
         "os": "win", "duration_count": 2, "duration_sum": 30.0, "duration_max": 20.0, "value_count": 1,
         "value_sum": 5.0, "value_max": 5.0, "errors": 1},
        {"month": "2025-12", "token": 2, "account": 11, "rows": 1, "days": (8,), "names": (1, 70), "product": "Q",
         "os": "win"},
        {"month": "2025-09", "token": 1, "account": 11, "rows": 4, "days": (1,), "names": (2,), "product": "P",
         "os": "win"},
        {"month": "2024-12", "token": 1, "account": 11, "rows": 9, "days": (31,), "names": (3,), "product": "Z"},
        {"month": "2025-11", "token": 2, "account": 11, "rows": 2, "days": (3,), "names": (0,), "os": "mac",
         "category": "System"},
        {"month": "2025-12", "token": 3, "account": 12, "rows": 5, "days": (15,), "category": "System"},
        {"month": "2025-01", "token": 4, "account": 13, "rows": 5, "days": (1,), "category": "System"},
    )  # fmt: skip
    owners = main_accounts(rows, tokens({1: {11: "a"}, 2: {11: "a"}, 3: {12: "b"}, 4: {13: "c"}}), AS_OF)
    measured = check(token_features(rows, owners, AS_OF, 2, sketch=False), TOKEN_FEATURES)
    return check(account_features(measured, rows, owners, AS_OF, CATEGORIES), ACCOUNT_FEATURES).cache()


@pytest.fixture(scope="module")
def accounts(wide: DataFrame) -> dict[str, Row]:
    return {row.account_id: row for row in wide.collect()}


BY_HAND: dict[str, Any] = {
    "document_rows_year": 8, "document_active_days_year": 4, "document_distinct_names_year": 4,
    "document_duration_sum_year": 30, "document_duration_mean_year": 15, "document_duration_max_year": 20,
    "document_value_sum_year": 5, "document_value_mean_year": 5, "document_value_max_year": 5,
    "document_error_rate_year": 1 / 8,
    "document_rows_q1": 4, "document_rows_q2": 4, "document_rows_q3": 0, "document_rows_m01": 4,
    "document_rows_m04": 4, "document_rows_m12": 0, "document_active_days_q1": 3, "document_active_days_q2": 1,
    "document_share_year": 0.8, "document_trend_slope": 8 * LN5 / 143, "document_year_over_year": math.log(9 / 10),
    "document_days_since_last": 24, "document_months_active": 2, "document_active_token_share": 1,
    "document_weekend_day_share": 0.5, "document_rows_per_active_day": 2, "document_quarter_change": 0,
    "document_monthly_variation": math.sqrt(5),
    "system_rows_year": 2, "system_days_since_last": 59, "system_active_token_share": 0.5,
    "system_quarter_change": math.log(3), "system_year_over_year": math.log(3), "system_duration_mean_year": None,
    "system_duration_max_year": None, "system_duration_sum_year": 0, "system_error_rate_year": 0,
    "all_rows_year": 10, "all_active_days_year": 5, "all_active_days_q1": 4, "all_distinct_names_year": 5,
    "all_duration_mean_year": 15, "all_error_rate_year": 0.1, "all_days_since_last": 24, "all_months_active": 3,
    "all_year_over_year": math.log(11 / 10),
    "tenure_days": 366, "tokens": 2, "tokens_active_year": 2, "tokens_active_q1": 2, "tokens_new_year": 1,
    "top_token_share": 0.7, "token_gini": 0.2, "products": 2, "systems": 2, "dominant_product": "P",
    "dominant_os": "win", "dominant_product_share": 7 / 8,
    "category_entropy": -(0.8 * math.log(0.8) + 0.2 * math.log(0.2)), "top_category_share": 0.8,
    "x_document_system": 0.4,
}  # fmt: skip


@pytest.mark.parametrize("name", BY_HAND)
def test_feature_by_hand(accounts: dict[str, Row], name: str) -> None:
    value, expected = accounts["a"][name], BY_HAND[name]
    assert value == (pytest.approx(expected) if isinstance(expected, (int, float)) else expected)


def test_an_unused_category_is_measured_as_nothing(accounts: dict[str, Row]) -> None:
    account = accounts["b"]
    assert account.document_rows_year == account.document_active_days_q1 == account.document_distinct_names_year == 0.0
    assert account.document_share_year == account.document_active_token_share == account.document_trend_slope == 0.0
    assert account.document_days_since_last == LONG_AGO
    for unmeasurable in ("duration_mean", "error_rate", "value_max"):
        assert account[f"document_{unmeasurable}_year"] is None
    assert account.document_weekend_day_share is None
    assert account.dominant_product is None
    assert account.dominant_product_share is None
    assert (account.products, account.category_entropy, account.top_category_share) == (0.0, 0.0, 1.0)


def test_year_over_year_needs_a_year_of_history(accounts: dict[str, Row]) -> None:
    assert accounts["b"].tenure_days == 17.0
    assert accounts["b"].system_year_over_year is None
    assert accounts["b"].all_year_over_year is None
    # nor has c, who came on the year's first day, anything of the year before
    assert accounts["c"].tenure_days == 365.0
    assert accounts["c"].all_year_over_year is None


def test_every_entry_gives_a_double_or_a_string_under_its_name(wide: DataFrame) -> None:
    expected = [(f.name, "string" if f.is_categorical else "double") for f in catalogue(CATEGORIES)]
    assert wide.dtypes[2:] == expected


def test_another_category_is_another_forty_columns_and_more_pairs(cube: Rows, tokens: Rows) -> None:
    nine = [f"Category {number}" for number in range(9)]
    rows = cube({"month": "2025-12", "token": 1, "account": 11, "category": "Category 8"})
    owners = main_accounts(rows, tokens({1: {11: "a"}}), AS_OF)
    wide = account_features(token_features(rows, owners, AS_OF, 1, sketch=False), rows, owners, AS_OF, nine)
    assert len(wide.columns) - 2 == 9 * 40 + 34 + 14 + 36
    assert wide.select("category_8_rows_year").collect() == [(1.0,)]


def test_a_category_that_is_not_configured_counts_in_the_totals(cube: Rows, tokens: Rows) -> None:
    rows = cube(
        {"month": "2025-12", "token": 1, "account": 11, "names": (0,)},
        {"month": "2025-12", "token": 1, "account": 11, "names": (0, 5), "category": "Elsewhere", "rows": 3},
    )
    owners = main_accounts(rows, tokens({1: {11: "a"}}), AS_OF)
    measured = token_features(rows, owners, AS_OF, 1, sketch=False)
    wide = account_features(measured, rows, owners, AS_OF, ["Document"])
    picked = wide.select("all_rows_year", "all_distinct_names_year", "document_share_year")
    assert picked.collect() == [(4.0, 3.0, 0.25)]


def test_sketches_of_tokens_unite_and_add_to_the_masks(cube: Rows, tokens: Rows, spark: SparkSession) -> None:
    def sketch(*keys: int) -> bytearray:
        frame = spark.createDataFrame([(key,) for key in keys], "key long")
        return frame.agg(F.hll_sketch_agg("key")).collect()[0][0]  # type: ignore[no-any-return]

    rows = cube(
        {"month": "2025-12", "token": 1, "account": 11, "names": (0, 1), "name_sketch": sketch(7, 8)},
        {"month": "2025-11", "token": 2, "account": 11, "names": (1,), "name_sketch": sketch(8, 9)},
        {"month": "2025-12", "token": 2, "account": 11, "category": "System", "names": (4,)},
    )
    owners = main_accounts(rows, tokens({1: {11: "a"}, 2: {11: "a"}}), AS_OF)
    measured = token_features(rows, owners, AS_OF, 1, sketch=True)
    wide = account_features(measured, rows, owners, AS_OF, CATEGORIES)
    picked = wide.select("document_distinct_names_year", "system_distinct_names_year", "all_distinct_names_year")
    assert picked.collect() == [(5.0, 1.0, 6.0)]
