"""Whose token it is, and what the future may not change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame, Row

from segmentation.errors import InputProblem
from segmentation.features.accounts import account_features
from segmentation.features.tokens import main_accounts, token_features

Rows = Callable[..., DataFrame]
AS_OF = dt.date(2026, 1, 1)


def owner(cube: DataFrame, tokens: DataFrame) -> list[tuple[int, int, str]]:
    rows = main_accounts(cube, tokens, AS_OF).orderBy("token_key").collect()
    return [(row.token_key, row.account_key, row.account_id) for row in rows]


def test_main_account_by_rows_then_last_seen_then_id(cube: Rows, tokens: Rows) -> None:
    rows = cube(
        {"month": "2025-01", "token": 1, "account": 11, "rows": 3},
        {"month": "2025-06", "token": 1, "account": 12, "rows": 2},
        {"month": "2025-01", "token": 2, "account": 11, "rows": 2},
        {"month": "2025-06", "token": 2, "account": 12, "rows": 2},
        {"month": "2025-06", "token": 3, "account": 12, "rows": 2},
        {"month": "2025-06", "token": 3, "account": 11, "rows": 2},
    )
    ids = {11: "b", 12: "a"}
    assert owner(rows, tokens({1: ids, 2: ids, 3: ids})) == [(1, 11, "b"), (2, 12, "a"), (3, 12, "a")]


def test_an_account_that_tokens_lacks_is_an_error(cube: Rows, tokens: Rows) -> None:
    rows = cube({"month": "2025-01", "token": 1, "account": 99})
    with pytest.raises(Exception, match="lacks an account"):
        main_accounts(rows, tokens({1: {11: "b"}}), AS_OF).collect()


def test_a_token_of_two_accounts_counts_once_under_its_main_account(cube: Rows, tokens: Rows) -> None:
    rows = cube(
        {"month": "2025-11", "token": 1, "account": 11, "rows": 3, "days": (4,)},
        {"month": "2025-11", "token": 1, "account": 12, "rows": 2, "days": (4, 5)},
    )
    owners = main_accounts(rows, tokens({1: {11: "a", 12: "b"}}), AS_OF)
    measured = token_features(rows, owners, AS_OF, 1, sketch=False)
    (token,) = measured.collect()
    assert (token.account_key, token.rows_m02, token.days_m02) == (11, 5, 0b11000)

    (account,) = account_features(measured, rows, owners, AS_OF, ["Document"]).collect()
    assert (account.account_id, account.tokens, account.document_rows_year) == ("a", 1.0, 5.0)


def test_nothing_on_or_after_as_of_enters(cube: Rows, tokens: Rows) -> None:
    past = cube(
        {"month": "2025-12", "token": 1, "account": 11, "rows": 3, "product": "P", "names": (0,)},
        {"month": "2025-12", "token": 1, "account": 12, "rows": 2},
    )
    future = cube(
        {"month": "2026-01", "token": 1, "account": 12, "rows": 50, "product": "Q", "names": (1,), "errors": 9},
        {"month": "2026-07", "token": 2, "account": 12, "rows": 50, "duration_count": 1, "duration_sum": 5.0},
    )
    both = tokens({1: {11: "a", 12: "b"}, 2: {12: "b"}})

    def walk(rows: DataFrame) -> list[Row]:
        owners = main_accounts(rows, both, AS_OF)
        measured = token_features(rows, owners, AS_OF, 1, sketch=False)
        return account_features(measured, rows, owners, AS_OF, ["Document"]).collect()

    assert walk(past.unionByName(future)) == walk(past)


def test_as_of_inside_a_month_is_refused(cube: Rows, tokens: Rows) -> None:
    with pytest.raises(InputProblem, match="use 2026-01-01"):
        main_accounts(cube({"month": "2025-12", "token": 1, "account": 1}), tokens({1: {1: "a"}}), dt.date(2026, 1, 9))
