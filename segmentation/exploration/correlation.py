"""Features that say the same: groups by rank correlation, each with one that can stand for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from segmentation.arrays import Floats, Ints
from segmentation.exploration.accounts import numeric_features

COLUMNS = [
    "feature", "group_number", "size", "representative", "correlation", "strongest", "strongest_correlation",
]  # fmt: skip


def feature_groups(accounts: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Table feature_groups less as_of: one row per feature that varies and has no missing value; largest group first.

    Spearman's correlation, since features are heavy-tailed; average linkage on 1 - |correlation| (Sokal and Michener
    1958), so that the members of two groups that are joined correlate at `threshold` or more on average. The
    representative is the member with the highest mean |correlation| with its group.
    """
    numbers = accounts[numeric_features(accounts)].astype(float)
    names = [name for name in numbers if numbers[name].notna().all() and numbers[name].nunique() > 1]
    if not names:
        return pd.DataFrame(columns=COLUMNS)
    correlations = rank_correlations(numbers[names])
    groups = _groups(np.abs(correlations), threshold)
    rows = []
    for number, members in enumerate(_in_order(groups), 1):
        inside = np.abs(correlations[np.ix_(members, members)]).mean(axis=0)
        lead = members[int(np.argmax(np.round(inside, 9)))]
        for place in members:
            closest = _strongest(correlations, place, names)
            rows.append((names[place], number, len(members), names[lead], correlations[place, lead], *closest))
    return pd.DataFrame(rows, columns=COLUMNS)


def rank_correlations(numbers: pd.DataFrame) -> Floats:
    """Spearman's correlations of columns that all vary: features x features, ones on the diagonal."""
    ranks = rankdata(numbers.to_numpy(dtype=np.float64), axis=0)
    found: Floats = np.atleast_2d(np.corrcoef(ranks, rowvar=False)).clip(-1.0, 1.0)
    np.fill_diagonal(found, 1.0)
    # the last digits depend on the machine's linear algebra
    return np.round((found + found.T) / 2.0, 9)


def _groups(strength: Floats, threshold: float) -> Ints:
    if len(strength) == 1:
        return np.ones(1, dtype=np.int64)
    tree = linkage(squareform(1.0 - strength, checks=False), method="average")
    found: Ints = fcluster(tree, t=1.0 - threshold + 1e-9, criterion="distance").astype(np.int64)
    return found


def _in_order(groups: Ints) -> list[list[int]]:
    """The places of each group's members; the largest group first, of equals the one that begins first."""
    members: dict[int, list[int]] = {}
    for place, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(place)
    return sorted(members.values(), key=lambda places: (-len(places), places[0]))


def _strongest(correlations: Floats, place: int, names: list[Any]) -> tuple[str | None, float | None]:
    if len(names) == 1:
        return None, None
    others = np.abs(correlations[place]).copy()
    others[place] = -1.0
    best = int(np.argmax(others))
    return names[best], float(correlations[place, best])
