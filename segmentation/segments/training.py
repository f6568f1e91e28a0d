"""Train the segments: one space, every k of every method, the best of each, their consensus, and what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pyspark.ml import Transformer
from pyspark.ml.clustering import GaussianMixtureModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Ints
from segmentation.errors import InputProblem
from segmentation.features.feature import Feature
from segmentation.models.catalogue import CLUSTER, build_estimator, find_model
from segmentation.models.preparation import whole_model
from segmentation.models.support import check_models, kind_of
from segmentation.segments.choice import choose_k, found_alone
from segmentation.segments.consensus import Consensus, consensus, consensus_stability
from segmentation.segments.describing import Described, describe
from segmentation.segments.local import refit_by
from segmentation.segments.matching import Previous
from segmentation.segments.outliers import Mixture, learn_outliers
from segmentation.segments.placing import CONSENSUS, placed
from segmentation.segments.result import Candidate, SegmentationResult, SegmentationRun
from segmentation.segments.scoring import CONFIDENCE, OUTLIER, confidence, naming_stage, segment_columns
from segmentation.segments.space import Space, build_space
from segmentation.segments.stability import Stability, bootstrap, resample
from segmentation.segments.sweep import Fitted, measured, nothing_found, require_fit, sweep
from segmentation.settings import ModelSettings, SegmentSettings


@dataclass(frozen=True)
class Chosen:
    """One method with its k."""

    fit: Fitted
    reason: str
    #: with the stability of every k for which it was measured
    candidates: tuple[Candidate, ...]
    #: of the chosen k; None where resamples are 0
    stability: Stability | None


@dataclass(frozen=True)
class _Task:
    """What every method is described with."""

    space: Space
    features: Sequence[Feature]
    previous: Mapping[str, Previous]
    attributes: pd.DataFrame | None


def train_segments(
    basetable: DataFrame,
    features: Sequence[Feature],
    settings: SegmentSettings,
    models: Mapping[str, ModelSettings],
    previous: Mapping[str, Previous] | None = None,
    attributes: pd.DataFrame | None = None,
    measured: DataFrame | None = None,
) -> SegmentationRun:
    """Every method of the settings, and their consensus, for the accounts of one as_of.

    `previous`: per method the run whose ids go on. `attributes`: one row per account, account_id and further columns
    that segments are tested on. `measured`: rows of account_features, see `build_space`. The label is never read.
    Raises InputProblem for whatever `check_models` and `build_space` refuse, for more segments than accounts, and when
    no method gave segments, and what `require_fit` does.
    """
    check_models(settings.methods, "segments", models)
    space = build_space(basetable, features, settings, measured)
    chosen: dict[str, Chosen] = {}
    skipped: dict[str, str] = {}
    for method, fits in sweep(space, settings, models).items():
        why = nothing_found(fits)
        if why is None:
            chosen[method] = _choose(method, fits, space, settings, models)
        else:
            skipped[method] = why
    if not chosen:
        raise InputProblem("no method gave segments: " + "; ".join(f"{name}: {why}" for name, why in skipped.items()))
    agreed = consensus({method: _clusterings(one) for method, one in chosen.items()}, settings)
    rule = learn_outliers(space.points.to_numpy(), _mixture(chosen), settings.outlier_share)
    local = placed(space, {method: one.fit for method, one in chosen.items()}, agreed, rule)
    task = _Task(space, features, previous or {}, attributes)
    results = [_result(method, one, local, task) for method, one in chosen.items()]
    if agreed is not None:
        stability = _stability_of(agreed, chosen, settings)
        results.append(_consensus_result(agreed, stability, local, task, settings.seed))
    # who is placed is at hand; where the driver sees all, it need not ask Spark
    outliers = local.where(OUTLIER).count() if space.sampled else int(rule.outlying(space.points.to_numpy()).sum())
    return SegmentationRun(tuple(results), skipped, rule.words, outliers, space.points, space.values, space.held_out)


def _choose(
    method: str,
    fits: Sequence[Fitted],
    space: Space,
    settings: SegmentSettings,
    models: Mapping[str, ModelSettings],
) -> Chosen:
    require_fit(method, fits)
    entry = find_model(method, "segments")
    points = space.points.to_numpy()
    drawn = resample(len(points), settings.resamples, settings.seed)
    done: dict[int, Stability] = {}

    def measure(candidate: Candidate) -> float | None:
        if not settings.resamples:
            return None
        k = candidate.k
        estimator = build_estimator(entry, models, k, settings.seed)
        clusters = next(one.clusters for one in fits if one.candidate is candidate)
        assert clusters is not None  # only candidates that were fitted are measured
        done[k] = bootstrap(points, clusters, refit_by(kind_of(method, estimator), k, estimator), drawn, settings.seed)
        return done[k].mean

    choice = choose_k([one.candidate for one in fits], len(points), settings, measure)
    fit = next(one for one in fits if one.candidate is choice.candidate)
    reason = choice.reason
    if entry.chooses_k:
        reason = found_alone(fit.candidate, len(points), choice.stability.get(fit.candidate.k))
    candidates = tuple(replace(one.candidate, stability=choice.stability.get(one.candidate.k)) for one in fits)
    return Chosen(fit, reason, candidates, done.get(fit.candidate.k))


def _clusterings(chosen: Chosen) -> list[Ints]:
    assert chosen.fit.clusters is not None  # choose_k takes only what was fitted
    return [chosen.fit.clusters, *(chosen.stability.refits if chosen.stability else ())]


def _stability_of(agreed: Consensus, chosen: Mapping[str, Chosen], settings: SegmentSettings) -> Stability | None:
    refits = {method: one.stability.refits for method, one in chosen.items() if one.stability}
    if len(refits) < len(chosen):  # it is not measured
        return None
    drawn = resample(len(agreed.clusters), settings.resamples, settings.seed)
    return consensus_stability(agreed, refits, drawn)


def _mixture(chosen: Mapping[str, Chosen]) -> Mixture | None:
    for one in chosen.values():
        model = one.fit.model
        if isinstance(model, GaussianMixtureModel):
            normals = model.gaussians
            return Mixture(
                np.array(model.weights),
                np.array([normal.mean.toArray() for normal in normals]),
                np.array([normal.cov.toArray() for normal in normals]),
            )
    return None


def _result(method: str, chosen: Chosen, local: DataFrame, task: _Task) -> SegmentationResult:
    space, fit = task.space, chosen.fit
    if fit.model is not None:
        outliers = local.select("account_id", OUTLIER)
        clustered = fit.model.transform(space.full).withColumn(CONFIDENCE, confidence(fit.model))
        clustered = clustered.join(outliers, "account_id")
    else:
        clustered = _placed_by(method, local, space)
    clusters = _clusterings(chosen)[0]
    numbers = max(fit.model.getK() if fit.model is not None else 0, int(clusters.max()) + 1)
    stability = chosen.stability.clusters if chosen.stability else {}
    described = _described(method, clustered, clusters, numbers, stability, task)
    stage = naming_stage(described.ids, described.names)
    model = None
    if fit.model is not None:
        tail: list[Transformer] = [*space.preparation.stages, space.reducer, fit.model, stage]
        model = whole_model(space.prepared, tail)
    assignments = segment_columns(stage.transform(clustered), method)
    found = _assembled(method, fit.candidate.k, chosen.reason, chosen.candidates, described, assignments, space)
    return replace(found, model=model)


def _consensus_result(
    agreed: Consensus, stability: Stability | None, local: DataFrame, task: _Task, seed: int
) -> SegmentationResult:
    clustered = _placed_by(CONSENSUS, local, task.space)
    found = stability.clusters if stability else {}
    described = _described(CONSENSUS, clustered, agreed.clusters, agreed.k, found, task)
    stage = naming_stage(described.ids, described.names)
    candidate = measured(CONSENSUS, agreed.k, task.space.points.to_numpy(), agreed.clusters, seed)
    candidate = replace(candidate, stability=stability.mean if stability else None)
    assignments = segment_columns(stage.transform(clustered), CONSENSUS)
    return _assembled(CONSENSUS, agreed.k, agreed.reason, (candidate,), described, assignments, task.space)


def _placed_by(method: str, local: DataFrame, space: Space) -> DataFrame:
    columns = (F.col(f"{method}_cluster").alias(CLUSTER), F.col(f"{method}_confidence").alias(CONFIDENCE), OUTLIER)
    return space.full.join(local.select("account_id", *columns), "account_id")


def _described(
    method: str, clustered: DataFrame, clusters: Ints, numbers: int, stability: Mapping[int, float], task: _Task
) -> Described:
    previous = task.previous.get(method)
    return describe(
        method, clustered, clusters, numbers, stability, task.space, task.features, previous, task.attributes
    )  # fmt: skip


def _assembled(
    method: str,
    k: int,
    reason: str,
    candidates: tuple[Candidate, ...],
    described: Described,
    assignments: DataFrame,
    space: Space,
) -> SegmentationResult:
    """The result of a method without a Spark model."""
    return SegmentationResult(
        method=method,
        k=k,
        reason=reason,
        model=None,
        candidates=candidates,
        segments=described.segments,
        profile=described.profile,
        summaries=described.summaries,
        changes=described.changes,
        assignments=assignments,
        sampled=described.sampled,
        accounts=space.accounts,
        components=space.reducer.getK(),
        explained_variance=float(sum(space.reducer.explainedVariance)),
        numeric=space.prepared.numeric,
        categorical=space.prepared.categorical,
    )
