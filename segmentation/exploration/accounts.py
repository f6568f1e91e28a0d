"""What stands in a basetable: each feature by itself, over accounts that fit on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Floats, Ints
from segmentation.exploration.binning import COLUMNS as HISTOGRAM_COLUMNS
from segmentation.exploration.binning import choose_bins
from segmentation.exploration.concentration import gini_of
from segmentation.exploration.profiles import COLUMNS, QUANTILES, remark, rounded

SOURCE = "basetable"

#: columns of a basetable that are no features, but for the label, which is worth a look
NOT_FEATURES = ("as_of", "account_id", "split", "fold")


def sample_accounts(basetable: DataFrame, most: int) -> pd.DataFrame:
    """The basetable of one as_of, at most so many accounts of it by a hash of their ids, ordered by account_id.

    Without the columns that only dates built by other settings have, of which nobody has a value; with the label.
    """
    chosen = basetable.orderBy(F.xxhash64("account_id"), "account_id").limit(most)
    accounts = chosen.toPandas().sort_values("account_id", ignore_index=True)
    return accounts[[name for name in accounts if name == "industry" or accounts[name].notna().any()]]


def profile_accounts(accounts: pd.DataFrame, near_constant: float) -> pd.DataFrame:
    """Table column_profiles less as_of: one row per feature and the label, in the basetable's order."""
    table = pd.DataFrame(list(_profiles(accounts))).reindex(columns=COLUMNS)
    table["remark"] = [remark(row, near_constant) for row in table.to_dict("records")]
    return table


def account_histograms(accounts: pd.DataFrame, bins: int) -> pd.DataFrame:
    """Table column_histograms less as_of and source: one row per feature that is a number, and bin."""
    tables = []
    for name in numeric_features(accounts):
        values = accounts[name].to_numpy(dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            chosen = choose_bins(values.min(), values.max(), float(np.quantile(values, 0.75)), bins)
            tables.append(chosen.table(name, np.bincount(chosen.of(values), minlength=chosen.count)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=HISTOGRAM_COLUMNS)


def numeric_features(accounts: pd.DataFrame) -> list[str]:
    """The columns that are numbers and features, in the basetable's order."""
    return [
        name for name in accounts.columns if name not in NOT_FEATURES and pd.api.types.is_numeric_dtype(accounts[name])
    ]


def _profiles(accounts: pd.DataFrame) -> Iterator[dict[str, Any]]:
    numbers = set(numeric_features(accounts))
    for name in accounts:
        if name in NOT_FEATURES:
            continue
        given = accounts[name].dropna()
        missing = len(accounts) - len(given)
        counts = given.value_counts()
        yield {
            "source": SOURCE,
            "column_name": name,
            "kind": "number" if name in numbers else "text",
            "rows": len(accounts),
            "missing": missing,
            "missing_share": missing / len(accounts) if len(accounts) else None,
            "distinct_values": len(counts),
            "estimated": False,
            "top_share": int(counts.iloc[0]) / len(given) if len(given) else None,
            **(_of_numbers(given.to_numpy(dtype=np.float64)) if name in numbers else _of_texts(counts)),
        }


def _of_numbers(values: Floats) -> dict[str, Any]:
    if not len(values):
        return {}
    quantiles = np.quantile(values, [*QUANTILES.values()])
    return {
        **{name: float(value) for name, value in zip(QUANTILES, quantiles, strict=True)},
        "minimum": float(values.min()),
        "maximum": float(values.max()),
        "mean": rounded(float(values.mean())),
        "sd": rounded(float(values.std(ddof=1))) if len(values) > 1 else None,
        "zero_share": float((values == 0.0).mean()),
    }


def _of_texts(counts: pd.Series[int]) -> dict[str, Any]:
    sizes: Ints = counts.to_numpy().astype(np.int64)
    return {"gini": gini_of(sizes, np.ones_like(sizes)) if len(sizes) else None}
