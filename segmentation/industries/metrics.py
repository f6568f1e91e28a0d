"""Ranking and probability metrics on small arrays, and their spread over resampled or permuted accounts.

Everywhere: `actual` holds class indices (one per account), `given` one row of class scores per account, `weights`
one row per resample with the number of times that each account was drawn.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: a probability of zero for what then happens would make the log-loss infinite
SMALLEST_PROBABILITY = 1e-15
#: the second guess counts as well
TOP = 2


def auc(positive: npt.NDArray[np.bool_], score: Floats) -> float | None:
    """Area under the ROC curve of one industry against the rest; None when one side has no account."""
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, score))


def resample_weights(accounts: int, resamples: int, seed: int) -> Floats:
    """How often each account is drawn in each bootstrap resample (Efron 1979)."""
    draws = np.random.default_rng(seed).multinomial(accounts, np.full(accounts, 1.0 / accounts), size=resamples)
    weights: Floats = draws.astype(np.float64)
    return weights


def weighted_auc(positive: npt.NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """The AUC of every resample at once; NaN where a resample drew only one side.

    The AUC is the chance that a positive account outranks a negative one, ties counted half (Mann and Whitney 1947).
    """
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(score[order]) != 0]))
    drawn = weights[:, order]
    hit = positive[order].astype(np.float64)
    wins = np.add.reduceat(drawn * hit, starts, axis=1)
    losses = np.add.reduceat(drawn * (1.0 - hit), starts, axis=1)
    below = np.cumsum(losses, axis=1) - losses
    pairs = wins.sum(axis=1) * losses.sum(axis=1)
    better = (wins * (below + losses / 2.0)).sum(axis=1)
    areas: Floats = np.divide(better, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return areas


def permuted_auc(positive: npt.NDArray[np.bool_], score: Floats, times: int, seed: int) -> Floats:
    """The AUC when labels are dealt out again at random: what chance alone would reach."""
    random = np.random.default_rng(seed)
    order = np.argsort(score, kind="stable")
    _, place, size = np.unique(score[order], return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2.0)[place]  # mean rank of each tie
    n, hits = len(score), int(positive.sum())
    sums = np.array([random.permutation(ranks)[:hits].sum() for _ in range(times)])
    result: Floats = (sums - hits * (hits + 1) / 2.0) / (hits * (n - hits))
    return result


def account_losses(actual: Ints, given: Floats) -> Floats:
    """-ln(probability given to what the account is), one per account."""
    picked = given[np.arange(len(actual)), actual]
    losses: Floats = -np.log(np.clip(picked, SMALLEST_PROBABILITY, 1.0))
    return losses


def account_hits(actual: Ints, given: Floats, top: int) -> Floats:
    """1.0 where what the account is stands among the `top` highest scores; ties go to the earlier class."""
    best = np.argsort(-given, axis=1, kind="stable")[:, :top]
    hits: Floats = (best == actual[:, None]).any(axis=1).astype(np.float64)
    return hits


def interval(values: Floats) -> tuple[float, float] | tuple[None, None]:
    """The middle 95 % of the resampled values; nothing when none is defined."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return None, None
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high)
