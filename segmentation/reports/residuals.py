"""Segment against industry: where a pair is more or less frequent than if the two had nothing to do with each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, fisher_exact


def segment_industries(pairs: pd.DataFrame) -> pd.DataFrame:
    """One row per segment and industry, ordered: accounts, expected, residual, p_value, q_value.

    `pairs`: columns segment and industry, one row per account whose industry is known and that is in a segment. The
    residual is adjusted and standardised: (n - e) / sqrt(e (1 - row share) (1 - column share)), about normal if the
    two are independent (Haberman 1973). Since cells are small, p is exact (Fisher, cell against the rest); q is p
    after Benjamini and Hochberg (1995) over all cells. All three are null where one side does not vary.
    """
    counts = pd.crosstab(pairs["segment"], pairs["industry"])
    grid = counts.to_numpy(dtype=float)
    total, down, across = grid.sum(), grid.sum(axis=1), grid.sum(axis=0)
    rows = []
    for (row, column), count in np.ndenumerate(grid):
        expected = down[row] * across[column] / total
        spread = np.sqrt(expected * (1 - down[row] / total) * (1 - across[column] / total))
        told = spread > 0
        cell = [[count, down[row] - count], [across[column] - count, total - down[row] - across[column] + count]]
        rows.append(
            {
                "segment": int(str(counts.index[row])),
                "industry": str(counts.columns[column]),
                "accounts": int(count),
                "expected": expected,
                "residual": (count - expected) / spread if told else np.nan,
                "p_value": float(fisher_exact(cell)[1]) if told else np.nan,
            }
        )
    found = pd.DataFrame(rows, columns=["segment", "industry", "accounts", "expected", "residual", "p_value"])
    tested = found["p_value"].notna()
    q_values = np.full(len(found), np.nan)
    if tested.any():
        q_values[tested.to_numpy()] = false_discovery_control(found.loc[tested, "p_value"].to_numpy(float))
    return found.assign(q_value=q_values)
