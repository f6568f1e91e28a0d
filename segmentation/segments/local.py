"""What scikit-learn does on the accounts that the driver sees: its own methods, and refits of every method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from segmentation.arrays import Bools, Floats, Ints
from segmentation.models.support import Kind

NOISE = -1
#: starts of a refit, of which the best is taken; and of the fit that says how good fits can be
STARTS, REFERENCE_STARTS = 3, 10
#: (points, how often each was drawn, seed) -> the cluster of every point, drawn or not
Refit = Callable[[Floats, Ints, int], Ints]


@contextmanager
def lone_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool in which each thread computes by itself, without helpers of scikit-learn's or BLAS's.

    Fits of a few thousand points are too small to be shared out: helpers wait for each other, on a busy machine up to
    fifty times as long as the fit takes. OpenMP keeps its limit per thread, hence the initializer; BLAS keeps one for
    the process, which is given back at the end.
    """
    with threadpool_limits(1), ThreadPoolExecutor(count, initializer=threadpool_limits, initargs=(1,)) as pool:
        yield pool


@dataclass(frozen=True)
class Placer:
    """Puts further accounts into clusters that were found without them."""

    #: by_centre: the nearest of `points`, which are centres; by_neighbour: the cluster of the nearest of `points`
    by_centre: bool
    points: Floats
    clusters: Ints
    #: by_neighbour: the confidence of each of `points`, which its followers take over
    confidence: Floats

    def place(self, points: Floats) -> tuple[Ints, Floats]:
        """Cluster and confidence (0 to 1) of each point."""
        if self.by_centre:
            nearest = cdist(points, self.points).argmin(axis=1)
            return self.clusters[nearest], silhouette_by_centres(points, nearest, self.points)
        _, nearest = cKDTree(self.points).query(points)
        return self.clusters[nearest], self.confidence[nearest]


def silhouette_by_centres(points: Floats, clusters: Ints, centres: Floats) -> Floats:
    """Per point its silhouette with centres in place of members (Hruschka et al. 2004), 0 to 1.

    1 - distance to the own centre / distance to the nearest other; 0 where another is nearer.
    """
    distances = cdist(points, centres)
    rows = np.arange(len(points))
    own = distances[rows, clusters].copy()
    distances[rows, clusters] = np.inf
    other = distances.min(axis=1)
    ratio = np.divide(own, other, out=np.ones_like(own), where=other > 0)
    shares: Floats = np.clip(1.0 - ratio, 0.0, 1.0)
    return shares


def centres_of(points: Floats, clusters: Ints) -> tuple[Floats, Ints]:
    """Mean of each cluster that has members, and their numbers in order; noise is none."""
    numbers = np.unique(clusters[clusters != NOISE])
    return np.array([points[clusters == number].mean(axis=0) for number in numbers]), numbers


def fit_local(points: Floats, estimator: Any) -> tuple[Ints, Placer]:
    """Clusters of the points by a method of scikit-learn, noise is -1, and how others find theirs.

    Others join the nearest centre; where the method leaves noise or knows how strongly a point belongs (HDBSCAN),
    clusters have any shape, and others follow their nearest point.
    """
    clusters = np.asarray(estimator.fit_predict(points), dtype=np.int64)
    noise = clusters == NOISE
    strengths = getattr(estimator, "probabilities_", None)
    if strengths is None and not noise.any():
        centres, numbers = centres_of(points, clusters)
        return clusters, Placer(True, centres, numbers, np.ones(len(numbers)))
    confidence = (~noise).astype(np.float64) if strengths is None else np.clip(strengths, 0.0, 1.0)
    return clusters, Placer(False, points, clusters, confidence)


def refit_by(kind: Kind, k: int, estimator: Any = None) -> Refit:
    """How a clustering of a `kind` is fitted to a resample; `estimator` is the one of scikit-learn, k included.

    Methods of Spark ML are refitted by their counterparts in scikit-learn, which minimise the same objective on the
    same points and take milliseconds where Spark's take seconds. Those of scikit-learn are refitted as they are; as
    most of them know no weights, they see every drawn account once.
    """
    if kind == "scikit-learn":
        return _refit_local(estimator)
    if kind == "gmm":
        return lambda points, drawn, seed: _mixture(k, points, drawn, seed)
    if kind == "bisecting":
        return lambda points, drawn, seed: _bisected(k, points, drawn, seed)
    return lambda points, drawn, seed: _means(k, points, drawn, seed)


def _refit_local(estimator: Any) -> Refit:
    def refit(points: Floats, drawn: Ints, seed: int) -> Ints:
        inside = drawn > 0
        found, placer = fit_local(points[inside], clone(estimator))
        clusters = np.empty(len(points), dtype=np.int64)
        clusters[inside] = found
        if not inside.all():
            clusters[~inside] = placer.place(points[~inside])[0]
        return clusters

    return refit


def _mixture(k: int, points: Floats, drawn: Ints, seed: int) -> Ints:
    # It takes no weights, but an account drawn twice can stand there twice.
    fitted = GaussianMixture(k, random_state=seed, n_init=STARTS).fit(np.repeat(points, drawn, axis=0))
    clusters: Ints = fitted.predict(points).astype(np.int64)
    return clusters


def _means(k: int, points: Floats, drawn: Ints, seed: int) -> Ints:
    inside = drawn > 0
    model = KMeans(k, n_init=STARTS, random_state=seed)
    model.fit(points[inside], sample_weight=drawn[inside].astype(np.float64))
    clusters: Ints = model.predict(points).astype(np.int64)
    return clusters


def _bisected(k: int, points: Floats, drawn: Ints, seed: int) -> Ints:
    """As Spark ML bisects: all clusters of the last level, of these the larger ones where fewer are needed.

    scikit-learn's own splits the largest cluster of any level, and finds others from four on.
    """
    clusters: Ints = np.zeros(len(points), dtype=np.int64)
    level, found = [0], 1
    while level and found < k:
        sizes = {one: int(drawn[clusters == one].sum()) for one in level if _differ(points, drawn, clusters == one)}
        level = []
        for one in sorted(sizes, key=lambda number: -sizes[number])[: k - found]:
            members = np.flatnonzero(clusters == one)
            halves = _means(2, points[members], drawn[members], seed)
            clusters[members[halves == 1]] = found
            level += [one, found]
            found += 1
    return clusters


def _differ(points: Floats, drawn: Ints, members: Bools) -> bool:
    """Whether those drawn are more than one point."""
    inside = points[members & (drawn > 0)]
    return len(inside) > 0 and bool((inside != inside[0]).any())


def best_known(kind: Kind, k: int, points: Floats, seed: int) -> float | None:
    """How good a fit of k clusters to the points can be, per account: log-likelihood, or minus the inertia.

    Fits of Spark ML start at random and may end in a poor local optimum; this says when to try again. None for
    methods that have one start only.
    """
    if kind == "gmm":
        return float(GaussianMixture(k, random_state=seed, n_init=STARTS).fit(points).score(points))
    if kind == "kmeans":
        return -float(KMeans(k, n_init=REFERENCE_STARTS, random_state=seed).fit(points).inertia_) / len(points)
    return None
