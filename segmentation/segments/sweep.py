"""Fit one method for every number of segments asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

import numpy as np
from pyspark.errors import IllegalArgumentException
from pyspark.ml.clustering import GaussianMixtureModel, KMeansModel
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from segmentation.arrays import Floats, Ints
from segmentation.errors import InputProblem, first_line
from segmentation.models.catalogue import CLUSTER, COMPONENTS, ModelEntry, build_estimator, find_model
from segmentation.models.support import kind_of
from segmentation.segments.choice import k_range
from segmentation.segments.local import NOISE, Placer, best_known, fit_local, lone_threads
from segmentation.segments.result import Candidate
from segmentation.segments.space import Space
from segmentation.settings import ModelSettings, SegmentSettings
from segmentation.shown import listed
from segmentation.threads import in_threads

#: fits that run at the same time; each is a chain of tiny jobs on one partition, which mostly waits for the scheduler
AT_ONCE = 3
#: a fit of Spark ML is started anew, at most so many times in all, until it is about as good as scikit-learn's: ...
STARTS = 6
#: ... k-means within this share of its inertia, a mixture within so much log-likelihood per account
INERTIA_WITHIN, LIKELIHOOD_WITHIN = 0.05, 0.1
#: beyond so many accounts the silhouette, which compares all pairs, is taken on a sample
SILHOUETTE_ACCOUNTS = 5000
#: why the fits of a method failed, as far as they differ
_REASONS = 2
#: what scikit-learn and Spark raise for a value that a parameter may not have
_OF_PARAMETERS = (ValueError, TypeError, IllegalArgumentException)


@dataclass(frozen=True)
class Fitted:
    """A candidate and what was fitted, or why it could not be."""

    candidate: Candidate
    #: of Spark ML
    model: Any = None
    #: of scikit-learn: how further accounts find their cluster
    placer: Placer | None = None
    #: of the accounts that the driver sees
    clusters: Ints | None = None
    #: why the fit failed
    error: Exception | None = None


def counts_to_try(settings: SegmentSettings, accounts: int) -> list[int]:
    """The numbers of segments below that of accounts; InputProblem when none is left."""
    counts = [k for k in k_range(settings) if k < accounts]
    if not counts:
        asked, fewest = ("segments.k", settings.k) if settings.k else ("segments.k_min", settings.k_min)
        raise InputProblem(f"{asked} is {fewest}, but there are only {accounts} accounts to segment")
    return counts


def sweep(space: Space, settings: SegmentSettings, models: Mapping[str, ModelSettings]) -> dict[str, list[Fitted]]:
    """Per method, one fit per k (HDBSCAN: one in all): the same rows give the same result."""
    entries = [find_model(method, "segments") for method in settings.methods]
    counts = counts_to_try(settings, len(space.points))
    points = space.points.to_numpy()
    tasks: list[tuple[ModelEntry, int, Any]] = [
        (entry, k, build_estimator(entry, models, k, settings.seed))
        for entry in entries
        # most segments first: they take longest, and the last one would run alone
        for k in (counts[:1] if entry.chooses_k else reversed(counts))
    ]

    def run(task: tuple[ModelEntry, int, Any]) -> Fitted:
        entry, k, estimator = task
        if kind_of(entry.name, estimator) == "scikit-learn":
            return _attempt(entry.name, k, lambda: _fit_local(entry, k, estimator, points))
        return _attempt(entry.name, k, lambda: _fit(entry.name, k, estimator, space, settings.seed))

    with lone_threads(AT_ONCE) as pool:
        done: Sequence[Fitted] = in_threads(pool, space.full.sparkSession, run, tasks)
    return {entry.name: [one for one in reversed(done) if one.candidate.method == entry.name] for entry in entries}


def nothing_found(fits: Sequence[Fitted]) -> str | None:
    """Why a method that finds k by itself has no segments in these data; None for all else, `require_fit` speaks of it.

    Of these are fewer accounts than a neighbourhood needs, which scikit-learn tells as an error.
    """
    candidate = fits[0].candidate
    if not find_model(candidate.method, "segments").chooses_k:
        return None
    if (error := fits[0].error) is not None:
        return candidate.failure if "number of samples" in str(error) else None
    found = len(candidate.sizes)
    return None if found > 1 else f"it found {found} dense region{'' if found == 1 else 's'}, so nothing to tell apart"


def require_fit(method: str, fits: Sequence[Fitted]) -> None:
    """Raise where a method could be fitted with no k; skipped, it would not be tried again.

    InputProblem if its parameters may be to blame, RuntimeError for all else, such as executors that are lost.
    """
    errors = [one.error for one in fits if one.error is not None]
    if len(errors) < len(fits):
        return
    reasons = dict.fromkeys(str(one.candidate.failure) for one in fits)
    told = f"{method} could not be fitted with any number of segments: {listed(list(reasons), _REASONS, '; ')}"
    if all(isinstance(error, _OF_PARAMETERS) for error in errors):
        raise InputProblem(f"{told}: correct models.{method}, or leave it out of segments.methods") from errors[0]
    raise RuntimeError(told) from errors[0]


def bic(log_likelihood: float, k: int, dimensions: int, accounts: int) -> float:
    """Bayesian information criterion of a mixture of k full-covariance normals (Schwarz 1978)."""
    parameters = (k - 1) + k * dimensions + k * dimensions * (dimensions + 1) / 2
    return parameters * log(accounts) - 2.0 * log_likelihood


def measured(method: str, k: int, points: Floats, clusters: Ints, seed: int) -> Candidate:
    """A candidate with the measures that need nothing but points and clusters; noise is left out of all of them.

    Those that compare clusters are None when there is one only, or one per account; so is the silhouette when of
    very many accounts those looked at are of one cluster.
    """
    inside = clusters != NOISE
    points, clusters = points[inside], clusters[inside]
    numbers, sizes = np.unique(clusters, return_counts=True)
    spread = sum(float(((own - own.mean(axis=0)) ** 2).sum()) for own in (points[clusters == n] for n in numbers))
    found = Candidate(method, k, inertia=spread, sizes=tuple(int(size) for size in sizes))
    if not 1 < len(numbers) < len(points):
        return found
    some = np.random.RandomState(seed).permutation(len(points))[:SILHOUETTE_ACCOUNTS]
    # a cluster of a few accounts may be missing there
    told = len(np.unique(clusters[some])) > 1
    return Candidate(
        method,
        k,
        silhouette=float(silhouette_score(points[some], clusters[some])) if told else None,
        davies_bouldin=float(davies_bouldin_score(points, clusters)),
        calinski_harabasz=float(calinski_harabasz_score(points, clusters)),
        inertia=spread,
        sizes=found.sizes,
    )


def _attempt(method: str, k: int, fit: Callable[[], Fitted]) -> Fitted:
    try:
        return fit()
    except Exception as error:
        # A singular covariance comes as a Java error, a SparkException or a Python one, by version and connection;
        # whichever it is, the other candidates are still worth having; where none is left, `require_fit` raises.
        failure = f"{type(error).__name__}: {first_line(error, 200)}"
        return Fitted(Candidate(method, k, failure=failure), error=error)


def _fit_local(entry: ModelEntry, k: int, estimator: Any, points: Floats) -> Fitted:
    clusters, placer = fit_local(points, estimator)
    found = len(np.unique(clusters[clusters != NOISE])) if entry.chooses_k else k
    return Fitted(measured(entry.name, found, points, clusters, 0), placer=placer, clusters=clusters)


def _fit(method: str, k: int, estimator: Any, space: Space, seed: int) -> Fitted:
    points = space.points.to_numpy()
    vectors = space.full.select("account_id", COMPONENTS)
    known = best_known(kind_of(method, estimator), k, points, seed)
    model, quality = _best_start(estimator, vectors, space.accounts, known, seed)
    rows = model.transform(space.seen.select("account_id", COMPONENTS)).select("account_id", CLUSTER).collect()
    placed = {str(row["account_id"]): int(row[CLUSTER]) for row in rows}
    clusters: Ints = np.array([placed[account] for account in space.points.index], dtype=np.int64)
    found = measured(method, k, points, clusters, seed)
    if isinstance(model, GaussianMixtureModel):
        likelihood = quality * space.accounts
        criterion = bic(likelihood, k, points.shape[1], space.accounts)
        found = Candidate(**{**vars(found), "log_likelihood": likelihood, "bic": criterion})
    return Fitted(found, model=model, clusters=clusters)


def _best_start(estimator: Any, vectors: Any, accounts: int, known: float | None, seed: int) -> tuple[Any, float]:
    """The best of several starts, and its quality per account (log-likelihood, or minus the inertia)."""
    best: Any = None
    quality = -float("inf")
    for start in range(STARTS):
        model = estimator.copy({estimator.seed: seed + start}).fit(vectors)
        reached = _quality(model, accounts)
        if best is None or reached > quality:
            best, quality = model, reached
        if known is None or quality >= known - _within(model, known):
            break
    if not isfinite(quality):
        raise ValueError(f"the likelihood is {quality}")
    return best, quality


def _within(model: Any, known: float) -> float:
    return INERTIA_WITHIN * abs(known) if isinstance(model, KMeansModel) else LIKELIHOOD_WITHIN


def _quality(model: Any, accounts: int) -> float:
    if isinstance(model, GaussianMixtureModel):
        likelihood = float(model.summary.logLikelihood)
        return likelihood / accounts if isfinite(likelihood) else -float("inf")
    return -float(model.summary.trainingCost) / accounts
