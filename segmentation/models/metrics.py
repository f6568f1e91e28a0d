"""Ranking and probability metrics on small arrays, and their spread over resampled or permuted accounts.

Everywhere: `actual` holds class indices (one per account), `given` one row of class scores per account, `weights`
one row per resample with the number of times that each account was drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.metrics import average_precision_score, roc_auc_score

from segmentation.arrays import Bools, Floats, Ints

#: a probability of zero for what then happens would make the log-loss infinite
SMALLEST_PROBABILITY = 1e-15
#: standard errors to either side of a mean within which lies 95 % of a normal distribution
NORMAL_95 = float(norm.ppf(0.975))
#: the second guess counts as well
TOP = 2
#: numbers held at once by a bootstrap, in each of the half dozen arrays that a metric makes of them
AT_ONCE = 4_000_000
#: resamples are taken in multiples of it: BLAS sums the rows that such a number leaves over in another order
ALIKE = 8
_Key = TypeVar("_Key")


def auc(positive: Bools, score: Floats) -> float | None:
    """Area under the ROC curve of one industry against the rest; None when one side has no account."""
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, score))


def _portions(times: int, accounts: int) -> Iterator[int]:
    """So many resamples or permutations, dealt into as many at a time as memory is to hold."""
    some = max(AT_ONCE // accounts // ALIKE, 1) * ALIKE
    for start in range(0, times, some):
        yield min(some, times - start)


def resample_weights(accounts: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each account is drawn in each bootstrap resample (Efron 1979), some resamples at a time."""
    random, shares = np.random.default_rng(seed), np.full(accounts, 1.0 / accounts)
    for some in _portions(resamples, accounts):
        yield random.multinomial(accounts, shares, size=some).astype(np.float64)


def resampled(
    measures: Mapping[_Key, Callable[[Floats], Floats]], accounts: int, resamples: int, seed: int
) -> dict[_Key, Floats]:
    """The value of each measure, a function of weights, in every resample; all measures on the same draws."""
    parts: dict[_Key, list[Floats]] = {key: [] for key in measures}
    for drawn in resample_weights(accounts, resamples, seed):
        for key, measure in measures.items():
            parts[key].append(measure(drawn))
    return {key: np.concatenate(values) for key, values in parts.items()}


def mean_of(each: Floats) -> Callable[[Floats], Floats]:
    """The mean of one number per account, as a function of weights."""
    return lambda drawn: drawn @ each / len(each)


def weighted_auc(positive: Bools, score: Floats, weights: Floats) -> Floats:
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


def permuted_auc(positive: Bools, score: Floats, times: int, seed: int, dealt: int = 0) -> Floats:
    """The AUC when labels are dealt out again at random: what chance alone would reach.

    The same seed deals the same labels to the same accounts, whatever their scores. `dealt`: so many labels of other
    industries are dealt before, so that each account gets one label in all.
    """
    random = np.random.default_rng(seed)
    ranks = rankdata(score)
    n, hits = len(score), int(positive.sum())
    sums = np.array([random.permutation(ranks)[dealt : dealt + hits].sum() for _ in range(times)])
    result: Floats = (sums - hits * (hits + 1) / 2.0) / (hits * (n - hits))
    return result


def average_precision(positive: Bools, score: Floats) -> float | None:
    """Area under the precision-recall curve as a sum of steps; None when the industry has no account.

    Of a random order it is about the share of the positive accounts (Davis and Goadrich 2006).
    """
    return float(average_precision_score(positive, score)) if positive.any() else None


def weighted_average_precision(positive: Bools, score: Floats, weights: Floats) -> Floats:
    """The average precision of every resample at once; NaN where a resample drew no positive account."""
    order = np.argsort(-score, kind="stable")
    drawn = weights[:, order]
    return _steps(drawn * positive[order], drawn, _ends(score[order]))


def permuted_average_precision(positive: Bools, score: Floats, times: int, seed: int, dealt: int = 0) -> Floats:
    """The average precision when labels are dealt out again at random, as by `permuted_auc`."""
    random = np.random.default_rng(seed)
    order = np.argsort(-score, kind="stable")
    drawn, ends = np.ones((1, len(score))), _ends(score[order])
    parts = []
    for some in _portions(times, len(score)):
        labels = np.zeros((some, len(score)))
        for row in labels:
            row[random.permutation(len(score))[dealt : dealt + int(positive.sum())]] = 1.0
        parts.append(_steps(labels[:, order], drawn, ends))
    return np.concatenate(parts)


def _ends(ordered: Floats) -> Ints:
    """Places at which a run of equal scores ends."""
    ends: Ints = np.flatnonzero(np.concatenate([np.diff(ordered) != 0, [True]]))
    return ends


def _steps(hits: Floats, drawn: Floats, ends: Ints) -> Floats:
    """Precision at the end of each run of equal scores, weighted by the recall that the run adds."""
    found, seen = hits.cumsum(axis=1)[:, ends], drawn.cumsum(axis=1)[:, ends]
    precision = np.divide(found, seen, out=np.zeros(found.shape), where=seen > 0)
    areas = (np.diff(found, axis=1, prepend=0.0) * precision).sum(axis=1)
    total = found[:, -1]
    result: Floats = np.divide(areas, total, out=np.full(len(total), np.nan), where=total > 0)
    return result


def weighted_mcc(actual: Ints, predicted: Ints, classes: int, weights: Floats) -> Floats:
    """Matthews correlation of every resample at once, for any number of classes (Gorodkin 2004).

    0 where it is not defined, when all accounts are, or are called, the same: a constant answer tells nothing.
    """
    of, called = np.eye(classes)[actual], np.eye(classes)[predicted]
    n, right = weights.sum(axis=1), weights @ (actual == predicted).astype(np.float64)
    are, said = weights @ of, weights @ called
    covariance = right * n - (are * said).sum(axis=1)
    spread = (n**2 - (are**2).sum(axis=1)) * (n**2 - (said**2).sum(axis=1))
    result: Floats = np.divide(covariance, np.sqrt(spread), out=np.zeros(len(n)), where=spread > 0)
    return result


def account_losses(actual: Ints, given: Floats) -> Floats:
    """-ln(probability given to what the account is), one per account."""
    picked = given[np.arange(len(actual)), actual]
    losses: Floats = -np.log(np.clip(picked, SMALLEST_PROBABILITY, 1.0))
    return losses


def account_briers(actual: Ints, given: Floats) -> Floats:
    """Squared distance between the probabilities and what the account is, summed over classes (Brier 1950): 0 to 2."""
    distances: Floats = ((given - np.eye(given.shape[1])[actual]) ** 2).sum(axis=1)
    return distances


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


def interval_out_of_fold(
    values: Floats, value: float, folds: int, within: tuple[float, float]
) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of a metric of out-of-fold answers, as wide as the fits behind them ask for; it ends at `within`.

    `values` were resampled with the answers as they are. But two fits of K folds share most of their accounts, which
    makes the variance of what they find together 1 + K / (K - 1) times as large (Nadeau and Bengio 2003, section 3.3:
    1 / K + 1 / (K - 1) instead of 1 / K); so both ends are moved away from `value` by its root, 1.5 for five folds.
    """
    low, high = interval(values)
    if low is None or high is None:
        return None, None
    by, (least, most) = math.sqrt(1.0 + folds / (folds - 1)), within
    # resamples need not reach the value: an end beyond it stays where it is
    low, high = min(low, value - by * (value - low)), max(high, value + by * (high - value))
    return max(low, least), min(high, most)


def wilson(share: float, n: float) -> tuple[float, float]:
    """95 % score interval of a share of n (Wilson 1927); n may be a part, as of accounts seen in several bins."""
    z2 = NORMAL_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = NORMAL_95 / (1 + z2 / n) * float(np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)
