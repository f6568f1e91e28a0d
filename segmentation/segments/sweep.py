"""Fit one method for every number of segments asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite, log
from typing import Any

from pyspark import inheritable_thread_target
from pyspark.ml.clustering import GaussianMixtureModel, KMeansModel
from pyspark.ml.evaluation import ClusteringEvaluator
from pyspark.sql import DataFrame

from segmentation.errors import InputProblem
from segmentation.models.catalogue import CLUSTER, COMPONENTS, build_estimator, find_model
from segmentation.segments.result import Candidate
from segmentation.settings import ModelSettings, SegmentSettings

#: fits that run at the same time; each is a chain of tiny jobs on one partition, which leaves the other cores idle
AT_ONCE = 2
SHOWN_FAILURE = 200


@dataclass(frozen=True)
class Fitted:
    """A candidate and its model, which is None where the fit failed."""

    candidate: Candidate
    model: Any


def counts_to_try(settings: SegmentSettings, accounts: int) -> list[int]:
    """The numbers of segments; InputProblem when there are fewer accounts than segments."""
    counts = [settings.k] if settings.k is not None else list(range(settings.k_min, settings.k_max + 1))
    if counts[-1] > accounts:
        raise InputProblem(f"{counts[-1]} segments were asked for, but there are only {accounts} accounts")
    return counts


def sweep(
    vectors: DataFrame, accounts: int, settings: SegmentSettings, models: Mapping[str, ModelSettings]
) -> dict[str, list[Fitted]]:
    """Per method, one fit per k on `vectors` (COMPONENTS, one partition, in order): same rows, same result."""
    entries = [find_model(method, "segments") for method in settings.methods]
    tasks = [
        (entry.name, k, build_estimator(entry, models, k, settings.seed))
        for entry in entries
        for k in counts_to_try(settings, accounts)
    ]

    @inheritable_thread_target(vectors.sparkSession)
    def run(task: tuple[str, int, Any]) -> Fitted:
        method, k, estimator = task
        return _attempt(method, k, lambda: _fit(method, k, estimator, vectors, accounts))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done: Sequence[Fitted] = list(pool.map(run, tasks))
    return {entry.name: [one for one in done if one.candidate.method == entry.name] for entry in entries}


def bic(log_likelihood: float, k: int, dimensions: int, accounts: int) -> float:
    """Bayesian information criterion of a mixture of k full-covariance normals (Schwarz 1978)."""
    parameters = (k - 1) + k * dimensions + k * dimensions * (dimensions + 1) / 2
    return parameters * log(accounts) - 2.0 * log_likelihood


def _attempt(method: str, k: int, fit: Callable[[], Fitted]) -> Fitted:
    try:
        return fit()
    except Exception as error:
        # A singular covariance comes as a Java error, a SparkException or a Python one, by version and connection;
        # whichever it is, the other candidates are still worth having, and choose_k raises when none is left.
        failure = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:SHOWN_FAILURE] if str(error) else ''}"
        return Fitted(Candidate(method, k, None, None, None, None, 0, failure), None)


def _fit(method: str, k: int, estimator: Any, vectors: DataFrame, accounts: int) -> Fitted:
    model = estimator.fit(vectors)
    sizes = [int(size) for size in model.summary.clusterSizes]
    silhouette = None
    if sum(size > 0 for size in sizes) > 1:
        judge = ClusteringEvaluator(featuresCol=COMPONENTS, predictionCol=CLUSTER)
        silhouette = float(judge.evaluate(model.transform(vectors)))
    inertia = likelihood = criterion = None
    if isinstance(model, KMeansModel):
        inertia = float(model.summary.trainingCost)
    if isinstance(model, GaussianMixtureModel):
        likelihood = float(model.summary.logLikelihood)
        if not isfinite(likelihood):
            raise ValueError(f"the likelihood is {likelihood}")
        dimensions = len(model.gaussians[0].mean)
        criterion = bic(likelihood, k, dimensions, accounts)
    return Fitted(Candidate(method, k, silhouette, inertia, likelihood, criterion, min(sizes)), model)
