"""How stable clusters are: would they come out again from other accounts of the same kind?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmentation.arrays import Floats, Ints
from segmentation.segments.local import NOISE, Refit, lone_threads

#: refits that run at the same time
AT_ONCE = 2


@dataclass(frozen=True)
class Stability:
    """Bootstrap of one clustering."""

    #: cluster number -> mean Jaccard similarity over resamples, 0 to 1
    clusters: dict[int, float]
    #: one clustering of all points per resample
    refits: tuple[Ints, ...]

    @property
    def mean(self) -> float:
        """Of the clusters, each counted once."""
        return float(np.mean(list(self.clusters.values()))) if self.clusters else 0.0


def resample(accounts: int, resamples: int, seed: int) -> Ints:
    """How often each account (column) is drawn in each bootstrap resample (row); Efron 1979."""
    shares = np.full(accounts, 1.0 / accounts)
    drawn: Ints = np.random.default_rng(seed).multinomial(accounts, shares, size=resamples).astype(np.int64)
    return drawn


def bootstrap(points: Floats, clusters: Ints, refit: Refit, drawn: Ints, seed: int) -> Stability:
    """Refit on every resample and compare on the accounts drawn (Hennig 2007).

    A cluster's figure is the mean, over resamples, of its Jaccard similarity to the most similar new cluster. A
    refit that fails (too few different points drawn) counts as one that found nothing.
    """

    def once(place: int) -> Ints:
        try:
            return refit(points, drawn[place], seed + place)
        except ValueError:
            return np.full(len(points), NOISE, dtype=np.int64)

    # Threads inside a fit add up sums in the order in which they come, which changes the last digits.
    with lone_threads(AT_ONCE) as pool:
        refits = tuple(pool.map(once, range(len(drawn))))
    return found_again(clusters, refits, drawn)


def found_again(clusters: Ints, refits: tuple[Ints, ...], drawn: Ints) -> Stability:
    """Clusters held against one clustering of all points per resample, on the accounts drawn."""
    numbers = [int(number) for number in np.unique(clusters[clusters != NOISE])]
    found = np.array([
        best_jaccard(clusters[times > 0], again[times > 0], numbers)
        for again, times in zip(refits, drawn, strict=True)
    ])  # fmt: skip
    return Stability({number: _mean(found[:, place]) for place, number in enumerate(numbers)}, refits)


def best_jaccard(clusters: Ints, again: Ints, numbers: Sequence[int]) -> Floats:
    """For each of `numbers`, members in both / members in either for the most similar cluster of `again`.

    NaN for a number without members; noise of `again` is no cluster.
    """
    others = np.unique(again[again != NOISE])
    ours = (clusters[:, None] == np.asarray(numbers)[None, :]).astype(np.float64)
    theirs = (again[:, None] == others[None, :]).astype(np.float64)
    both = ours.T @ theirs
    either = ours.sum(axis=0)[:, None] + theirs.sum(axis=0)[None, :] - both
    similar = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    best = similar.max(axis=1) if len(others) else np.zeros(len(numbers))
    return np.where(ours.sum(axis=0) > 0, best, np.nan)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0
