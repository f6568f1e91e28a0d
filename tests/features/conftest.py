"""Rows of the cube and of events, made by naming only what matters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.schemas import ACTIVITY, TOKENS

Rows = Callable[..., DataFrame]


@pytest.fixture(scope="session")
def cube(spark: SparkSession) -> Rows:
    """Builds ACTIVITY rows: `{month, token, account, days, names, ...}`; keys are small numbers."""

    def build(*rows: dict[str, Any]) -> DataFrame:
        return spark.createDataFrame([_cube_row(**row) for row in rows], ACTIVITY.columns)

    return build


def _cube_row(
    month: str, token: int, account: int, days: tuple[int, ...] = (1,), names: tuple[int, ...] = (), **given: Any
) -> tuple[Any, ...]:
    first = dt.date.fromisoformat(f"{month}-01")
    at_noon = [dt.datetime(first.year, first.month, day, 12, tzinfo=dt.UTC) for day in days]
    masks = [
        sum(1 << (bit % 64) for bit in names if bit // 64 == word) for word in range(max(names, default=0) // 64 + 1)
    ]
    row: dict[str, Any] = {
        "event_month": first,
        "token_key": token,
        "account_key": account,
        "category": "Document",
        "rows": 1,
        "duration_count": 0,
        "value_count": 0,
        "errors": 0,
        "day_mask": sum(1 << (day - 1) for day in days),
        "name_masks": masks,
        "first_ts": min(at_noon),
        "last_ts": max(at_noon),
    }
    row |= given
    row |= {name: Decimal(str(row[name])) for name in ("duration_sum", "value_sum") if name in row}
    return tuple(row.get(name) for name in ACTIVITY.columns.names)


@pytest.fixture(scope="session")
def tokens(spark: SparkSession) -> Rows:
    """Builds TOKENS rows from `{token: {account: id}}`; only the accounts matter here."""

    def build(accounts: dict[int, dict[int, str]]) -> DataFrame:
        moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        rows = []
        for token, ids in accounts.items():
            seen = [(name, key, 1, moment, moment) for key, name in ids.items()]
            rows.append((token, f"t{token}", seen[0][1], seen[0][0], 1, moment, moment, seen))
        return spark.createDataFrame(rows, TOKENS.columns)

    return build
