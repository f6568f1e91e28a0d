"""What one feature alone says about the label."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from segmentation.arrays import Bools, Floats, Ints


def rank_auc(values: Floats, positive: Bools) -> Floats:
    """AUC of every column of `values` (accounts x features) for every row of `positive` (industries x accounts).

    From ranks, ties by their mean (Mann and Whitney 1947); each industry needs accounts on both sides.
    """
    ranks = rankdata(values, axis=0)
    hits = positive.sum(axis=1, keepdims=True)
    above = positive.astype(np.float64) @ ranks - hits * (hits + 1) / 2.0
    areas: Floats = above / (hits * (positive.shape[1] - hits))
    return areas


def copied_label(values: npt.NDArray[Any], label: Ints, ordered: bool) -> float:
    """How much of the label can be read off a feature, from 0 to 1, beyond always naming the largest industry.

    Accounts with equal values are one group, and all but those of its commonest label are read wrongly. Of numbers
    (`ordered`), which may be a copy of the label plus noise, the groups are laid out by value and every change of
    label beyond the ones needed counts as wrong too: an honest feature alternates all the time. Of categories a value
    that stands for one account alone is wrong, or every name would be a label.
    """
    seen, place = np.unique(values, return_inverse=True)
    counts = np.zeros((len(seen), int(label.max()) + 1), dtype=np.int64)
    np.add.at(counts, (place, label), 1)
    wrong = len(label) - int(counts.max(axis=1).sum())
    if ordered:
        changes = int((np.diff(counts.argmax(axis=1)) != 0).sum())
        wrong += max(0, changes - (len(np.unique(label)) - 1))
    else:
        wrong += int((counts.sum(axis=1) == 1).sum())
    open_ = len(label) - int(np.bincount(label).max())
    return max(0.0, 1.0 - wrong / open_) if open_ else 0.0


def is_flag(values: npt.NDArray[Any], positive: Bools) -> bool:
    """Whether all `positive` accounts have one and the same value, and no other account has it."""
    same = values == values[positive][0]
    return bool((same == positive).all())
