"""Which features the segmentation hangs on: a forest that learns to tell the segments apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from segmentation.arrays import Ints

#: enough trees for every account to be left out of dozens of them
TREES, SMALLEST_LEAF = 100, 3


@dataclass(frozen=True)
class Surrogate:
    """How well a forest tells the segments from the features, and by which."""

    #: share of accounts that the trees which had not seen them put into the right segment
    accuracy: float
    #: the same for always answering with the largest segment
    baseline: float
    #: one row per feature that the trees used: feature, importance (share of the decrease in impurity; sums to 1),
    #: largest first
    importance: pd.DataFrame


def surrogate(values: pd.DataFrame, segments: Ints, seed: int) -> Surrogate | None:
    """A random forest (Breiman 2001) from `values`, one row per account in a fixed order, to `segments`.

    The importances are worth what the accuracy is: they tell of the forest, which only stands in for the method.
    Correlated features share their merit, so read them as a ranking, not as causes. Accounts in no segment (-1) are
    left out; None when fewer than two segments are left.
    """
    taken = segments >= 0
    labels = segments[taken]
    sizes = np.unique(labels, return_counts=True)[1]
    if len(sizes) < 2:  # noqa: PLR2004  # one segment is nothing to tell apart
        return None
    forest = RandomForestClassifier(TREES, min_samples_leaf=SMALLEST_LEAF, oob_score=True, random_state=seed)
    forest.fit(values.to_numpy(dtype=np.float64)[taken], labels)
    table = pd.DataFrame({"feature": list(map(str, values.columns)), "importance": forest.feature_importances_})
    used = table[table["importance"] > 0].sort_values(["importance", "feature"], ascending=[False, True])
    return Surrogate(float(forest.oob_score_), float(sizes.max() / sizes.sum()), used.reset_index(drop=True))
