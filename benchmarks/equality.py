"""Whether contestants gave the same table: every cell, every account."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from benchmarks.world import AS_OF

TOLERANCE = 1e-9


class Unequal(AssertionError):  # noqa: N818  # it names what happened
    """Two contestants disagree; the message names the first columns that do."""


def spark_features(data: Path) -> pd.DataFrame:
    """The account features that our job wrote, by account."""
    folder = data / "tables" / "account_features"
    frame = _frame(f"SELECT * EXCLUDE (as_of) FROM read_parquet('{folder}/as_of={AS_OF}/*.parquet')")
    return frame.set_index("account_id").sort_index()


def rival_features(path: Path, accounts: dict[int, str] | None = None) -> pd.DataFrame:
    """The account features that a rival wrote, by account; `accounts` turns keys into ids."""
    frame = _frame(f"SELECT * FROM read_parquet('{path}')")
    if accounts is not None:
        frame["account"] = frame["account"].map(accounts)
    return frame.set_index("account").sort_index()


def account_ids(data: Path) -> dict[int, str]:
    """Id of every account by its key."""
    files = f"{data}/tables/tokens/*.parquet"
    seen = _frame(f"SELECT DISTINCT unnest(accounts, recursive := true) FROM read_parquet('{files}')")
    return dict(zip(seen["account_key"], seen["account_id"], strict=True))


def _frame(query: str) -> pd.DataFrame:
    found = duckdb.connect().execute(query).df()
    assert isinstance(found, pd.DataFrame)  # DuckDB does not say what it returns
    return found


def require_equal(ours: pd.DataFrame, theirs: pd.DataFrame, who: str) -> int:
    """The number of cells that are equal within 1e-9 (relative, absolute below 1), which is all of them, or Unequal."""
    if set(ours.columns) != set(theirs.columns) or not ours.index.equals(theirs.index):
        odd = sorted(set(ours.columns) ^ set(theirs.columns))[:5]
        raise Unequal(f"{who}: {len(ours)} and {len(theirs)} accounts; columns of one alone: {odd}")
    wrong = []
    for name in ours.columns:
        one, other = ours[name], theirs[name]
        if one.dtype == object:
            same = (one == other) | (one.isna() & other.isna())
        else:
            a, b = one.to_numpy(float), other.to_numpy(float)
            same = np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
        if not same.all():
            first = ours.index[~same][0]
            wrong.append(f"{name} ({(~same).sum()} accounts, {first}: {one[first]!r} and {other[first]!r})")
    if wrong:
        raise Unequal(f"{who}: {len(wrong)} columns differ: " + "; ".join(wrong[:5]))
    return ours.size
