"""Runs of segments in MLflow: what was tried, what was found, and the models that have one."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence

import mlflow
import pandas as pd
from matplotlib.figure import Figure
from mlflow.types import ColSpec, DataType
from pyspark.ml import PipelineModel

from segmentation.segments.importance import Surrogate
from segmentation.segments.result import Candidate, SegmentationResult, SegmentationRun
from segmentation.settings import Settings
from segmentation.stores.registry import RUN, require_files_gone
from segmentation.stores.run_values import log_files, log_nested, log_values
from segmentation.stores.runs import Runs, load_model, log_model, open_run, segments_model
from segmentation.stores.segment_figures import segment_figures

#: numbers of a candidate; with the size of its smallest cluster they make a nested run's metrics
MEASURES = (
    "silhouette", "davies_bouldin", "calinski_harabasz", "inertia", "log_likelihood", "bic", "stability",
)  # fmt: skip
OUTPUTS = (ColSpec(DataType.integer, "prediction"), ColSpec(DataType.string, "segment_name"))


def log_segments(
    runs: Runs,
    run: SegmentationRun,
    surrogates: Mapping[str, Surrogate | None],
    settings: Settings,
    versions: Mapping[str, int | str],
    as_of: dt.date,
) -> dict[str, str]:
    """One run with a nested one per method and k; returns method -> `registered name/version`.

    A method without a Spark model has `runs:/` and the run's id instead. `surrogates`: method -> the forest that
    stands in for it. `versions` holds the Delta version of every table read.
    """
    with open_run(runs, "train_segments", settings, versions, as_of) as run_id:
        for result in run.results:
            for candidate in result.candidates:
                _log_candidate(runs, run_id, result, candidate)
        _log_choice(runs, run_id, run, surrogates)
        kept = {"candidates": _candidates(run.results)}
        figures: dict[str, Figure] = {}
        for result in run.results:
            kept |= {f"{result.method}_profile": result.profile, f"{result.method}_segments": result.summaries}
            figures |= segment_figures(result, run.points)
        kept |= {f"{method}_importance": one.importance for method, one in surrogates.items() if one is not None}
        log_files(runs.client, run_id, kept, figures)
        return {one.method: _log_model(runs, one, run_id) for one in run.results}


def load_earlier(runs: Runs, model: str) -> PipelineModel | None:
    """A model by what a table names it; None where it is a run without a model, or is not in MLflow any more."""
    if model.startswith(RUN):
        return None
    try:
        return load_model(runs, model)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        require_files_gone(error, model)
        return None


def _log_model(runs: Runs, result: SegmentationResult, run_id: str) -> str:
    if result.model is None:
        return f"{RUN}{run_id}"
    return log_model(runs, segments_model(result.method), result.model, result.numeric, result.categorical, OUTPUTS)


def _log_candidate(runs: Runs, parent: str, result: SegmentationResult, candidate: Candidate) -> None:
    params = {"method": candidate.method, "k": candidate.k, "chosen": candidate.k == result.k}
    tags = {"failure": candidate.failure} if candidate.failure else {}
    name = f"{candidate.method} k={candidate.k}"
    log_nested(runs.client, runs.experiment_id, parent, name, params, _measures(candidate), tags)


def _log_choice(runs: Runs, run_id: str, run: SegmentationRun, surrogates: Mapping[str, Surrogate | None]) -> None:
    params: dict[str, object] = {"outliers.rule": run.outlier_rule}
    params |= {f"{method}.skipped": why for method, why in run.skipped.items()}
    metrics: dict[str, float | None] = {"outliers": run.outliers}
    for one in run.results:
        params |= {f"{one.method}.k": one.k, f"{one.method}.reason": one.reason}
        chosen = next((candidate for candidate in one.candidates if candidate.k == one.k), None)
        if chosen is not None:
            metrics |= {f"{one.method}/{name}": value for name, value in _measures(chosen).items()}
        metrics |= {f"{one.method}/stability/{part.segment}": part.stability for part in one.segments}
    for method, forest in surrogates.items():
        if forest is not None:
            metrics[f"{method}/surrogate_accuracy"] = forest.accuracy
            metrics[f"{method}/surrogate_baseline"] = forest.baseline
    log_values(runs.client, run_id, params, metrics)


def _candidates(results: Sequence[SegmentationResult]) -> pd.DataFrame:
    return pd.DataFrame([dataclasses.asdict(candidate) for one in results for candidate in one.candidates])


def _measures(candidate: Candidate) -> dict[str, float | None]:
    known = {name: getattr(candidate, name) for name in MEASURES}
    return known | {"smallest": min(candidate.sizes, default=0)}
