"""Whether contestants gave the same table: every cell, every account."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.rounds import again
from benchmarks.world import AS_OF, World

TOLERANCE = 1e-9


class Unequal(AssertionError):  # noqa: N818  # it names what happened
    """Two contestants disagree; the message names the first columns that do."""


def check_basetable(world: World) -> str:
    """How many cells are equal in a round of the basetable's contestants, ours of the warm run among them."""
    out, ids = world.home / "out", account_ids(world.data)
    return _all_equal(
        spark_features(out / "spark"),
        spark_warm=spark_features(again(out / "spark")),
        duckdb_raw=rival_features(out / "duckdb_raw"),
        duckdb_events=rival_features(out / "duckdb_events", ids),
        polars_raw=rival_features(out / "polars_raw"),
    )


def check_new_month(world: World) -> str:
    """How many cells are equal between full builds and builds of a new month, cold and warm."""
    full, month = (world.home / "out" / name for name in ("spark", "spark_new_month"))
    return _all_equal(
        spark_features(full),
        spark_warm=spark_features(again(full)),
        spark_new_month=spark_features(month),
        spark_new_month_warm=spark_features(again(month)),
    )


def check_skew(world: World) -> str:
    """How many cells are equal where one account has half of all rows."""
    out = world.home / "out"
    return _all_equal(spark_features(out / "spark_logged"), duckdb_raw=rival_features(out / "duckdb_raw"))


def _all_equal(ours: pd.DataFrame, **others: pd.DataFrame) -> str:
    for who, theirs in others.items():
        require_equal(ours, theirs, who)
    return f"all {ours.size:,} cells equal within {TOLERANCE:g} to those of {', '.join(others)}"


def spark_features(data: Path, as_of: dt.date = AS_OF) -> pd.DataFrame:
    """The account features that our job wrote, by account."""
    folder = data / "tables" / "account_features"
    frame = _frame(f"SELECT * EXCLUDE (as_of) FROM read_parquet('{folder}/as_of={as_of}/*.parquet')")
    return _by(frame, "account_id")


def rival_features(path: Path, accounts: dict[int, str] | None = None) -> pd.DataFrame:
    """The account features that a rival wrote, by account; `accounts` turns keys into ids."""
    frame = _frame(f"SELECT * FROM read_parquet('{path}')")
    if accounts is not None:
        frame["account"] = frame["account"].map(accounts)
    return _by(frame, "account")


def account_ids(data: Path) -> dict[int, str]:
    """Id of every account by its key."""
    files = f"{data}/tables/tokens/*.parquet"
    seen = _frame(f"SELECT DISTINCT unnest(accounts, recursive := true) FROM read_parquet('{files}')")
    return dict(zip(seen["account_key"], seen["account_id"], strict=True))


def _frame(query: str) -> pd.DataFrame:
    # numpy's types have one value for null and NaN, Arrow's have two
    found = duckdb.connect().sql(query).to_arrow_table()
    assert isinstance(found, pa.Table)  # DuckDB does not say what it returns
    frame: pd.DataFrame = found.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _by(frame: pd.DataFrame, account: str) -> pd.DataFrame:
    frame[account] = frame[account].astype(object)
    return frame.set_index(account).sort_index()


def require_equal(ours: pd.DataFrame, theirs: pd.DataFrame, who: str) -> int:
    """The number of cells that are equal within 1e-9 (relative, absolute below 1), which is all of them, or Unequal.

    A null equals a null and NaN equals NaN, and neither the other; in columns of numpy's types NaN is null.
    """
    if set(ours.columns) != set(theirs.columns) or not ours.index.equals(theirs.index):
        odd = sorted(set(ours.columns) ^ set(theirs.columns))[:5]
        raise Unequal(f"{who}: {len(ours)} and {len(theirs)} accounts; columns of one alone: {odd}")
    wrong = []
    for name in ours.columns:
        one, other = ours[name], theirs[name]
        same = _equal(one, other)
        if not same.all():
            first = ours.index[~same][0]
            wrong.append(f"{name} ({(~same).sum()} accounts, {first}: {one[first]!r} and {other[first]!r})")
    if wrong:
        raise Unequal(f"{who}: {len(wrong)} columns differ: " + "; ".join(wrong[:5]))
    return ours.size


def _equal(one: pd.Series[Any], other: pd.Series[Any]) -> np.ndarray:
    null, as_null = (each.isna().to_numpy(bool) for each in (one, other))
    if pd.api.types.is_numeric_dtype(one.dtype) and pd.api.types.is_numeric_dtype(other.dtype):
        a, b = (each.to_numpy(float, na_value=np.nan) for each in (one, other))
        values = np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    else:
        held = ~(null | as_null)  # pandas' own null is neither equal to anything nor different from it
        values = np.zeros(len(one), dtype=bool)
        values[held] = one.to_numpy(object)[held] == other.to_numpy(object)[held]
    return np.where(null | as_null, null & as_null, values)
