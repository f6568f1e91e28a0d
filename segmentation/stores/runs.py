"""MLflow: what was trained, from which table versions, with which settings, and the models themselves."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read while mlflow is imported

import mlflow
import mlflow.spark
import pandas as pd
import pyspark
from mlflow import MlflowClient
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from pyspark.ml import PipelineModel

from segmentation.industries.result import IndustryResult
from segmentation.segments.result import Candidate, SegmentationResult
from segmentation.settings import Settings, StorageSettings
from segmentation.stores.conf import dump_settings
from segmentation.stores.figures import industry_figures, segment_figures
from segmentation.stores.run_values import log_files, log_nested, log_values, metric_names

CHAMPION = "champion"
INDUSTRY_MODEL = "industry"
#: says on one line each which tables are created in a new database: news to nobody
CHATTER = ("alembic", "mlflow.store.db.utils", "mlflow.tracking", "mlflow.spark", "mlflow.store.model_registry")


@dataclass(frozen=True)
class Runs:
    """An opened experiment."""

    tracking_uri: str
    experiment_id: str
    #: what registered models' names start with: `catalog.schema.` in a catalog, nothing otherwise
    prefix: str
    #: where Spark writes a model before MLflow takes it; None: MLflow's own choice
    scratch: Path | None

    @property
    def client(self) -> MlflowClient:
        """A client of this tracking server."""
        return MlflowClient(tracking_uri=self.tracking_uri)


def segments_model(method: str) -> str:
    """Registered name of a method's segment model, without the catalog."""
    return f"segments_{method}"


def open_runs(storage: StorageSettings, data_dir: Path) -> Runs:
    """The experiment of the settings, created when it is new: SQLite and files below `data_dir`, or a server's."""
    for name in CHATTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    local = storage.tracking_uri is None
    root = data_dir.resolve()
    if local:
        root.mkdir(parents=True, exist_ok=True)
    uri = f"sqlite:///{root / 'mlflow.db'}" if storage.tracking_uri is None else storage.tracking_uri
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri("databricks-uc" if uri.startswith("databricks") and storage.catalog else uri)
    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(storage.experiment)
    location = (root / "mlartifacts").as_uri() if local else None
    identity = found.experiment_id if found else client.create_experiment(storage.experiment, location)
    prefix = f"{storage.catalog}.{storage.schema_name}." if storage.catalog else ""
    return Runs(uri, identity, prefix, root if local else None)


def _end_orphans(client: MlflowClient, experiment_id: str) -> None:
    """Mark what a killed job left running: the data directory has one writer, so it is nobody's any more."""
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        client.set_terminated(run.info.run_id, "KILLED")


def log_segments(
    runs: Runs,
    results: Sequence[SegmentationResult],
    settings: Settings,
    versions: Mapping[str, int | str],
    as_of: dt.date,
) -> dict[str, str]:
    """One run with a nested one per method and k; returns method -> `registered name/version`.

    `versions` holds the Delta version of every table read.
    """
    with _run(runs, "train_segments", settings, versions, as_of) as run_id:
        for result in results:
            for candidate in result.candidates:
                _log_segment_candidate(runs, run_id, result, candidate)
        params = {f"{one.method}.k": one.k for one in results} | {f"{one.method}.reason": one.reason for one in results}
        chosen = {one.method: next(c for c in one.candidates if c.k == one.k) for one in results}
        metrics = {f"{method}/{key}": value for method, one in chosen.items() for key, value in _measures(one).items()}
        log_values(runs.client, run_id, params, metrics)
        tables = {f"{one.method}_profile": one.profile for one in results}
        tables |= {f"{one.method}_segments": pd.DataFrame(one.segments) for one in results}
        tables["candidates"] = pd.DataFrame([c for one in results for c in one.candidates])
        log_files(runs.client, run_id, tables, segment_figures(results))
        outputs = [ColSpec(DataType.integer, "prediction"), ColSpec(DataType.string, "segment_name")]
        return {one.method: _log_model(runs, segments_model(one.method), one, outputs) for one in results}


def log_industry(
    runs: Runs, result: IndustryResult, settings: Settings, versions: Mapping[str, int | str], as_of: dt.date
) -> str:
    """One run with a nested one per model and grid point; returns `registered name/version`."""
    with _run(runs, "train_industry", settings, versions, as_of) as run_id:
        for candidate in result.candidates:
            point = ", ".join(f"{name}={value}" for name, value in candidate.params.items())
            measured = {"cv/log_loss": candidate.log_loss, "cv/log_loss_standard_error": candidate.standard_error}
            params = {"model": candidate.model, **candidate.params}
            log_nested(runs.client, runs.experiment_id, run_id, f"{candidate.model} {point}".strip(), params, measured)
        params = {"model": result.model_name, "reason": result.reason, **result.params}
        params |= {"train_accounts": result.train_accounts, "test_accounts": result.test_accounts}
        params |= {f"excluded.{name}": why for name, why in result.excluded.items()}
        log_values(runs.client, run_id, params, metric_names(result.metrics))
        tables = {"metrics": result.metrics, "confusion_cv": result.confusion, "drivers": result.drivers}
        log_files(runs.client, run_id, tables, industry_figures(result))
        outputs = [ColSpec(DataType.double, "prediction"), ColSpec(DataType.string, "predicted_industry")]
        return _log_model(runs, INDUSTRY_MODEL, result, outputs)


def promote(runs: Runs, models: Iterable[str]) -> list[str]:
    """Hand the alias `champion` to registered models, each `name/version`, unless a later version has it already.

    Returns those that are not registered here (any more), and so cannot have it.
    """
    missing = []
    for name, version in (model.rsplit("/", 1) for model in models):
        try:
            current = int(runs.client.get_model_version_by_alias(name, CHAMPION).version)
        except mlflow.exceptions.MlflowException:  # nobody has it yet
            current = 0
        if int(version) > current:
            try:
                runs.client.set_registered_model_alias(name, CHAMPION, version)
            except mlflow.exceptions.MlflowException:
                missing.append(f"{name}/{version}")
    return missing


def load_champion(runs: Runs, name: str) -> tuple[PipelineModel, str]:
    """The model that carries the alias `champion`, and its `name/version`. LookupError when none was trained yet."""
    try:
        version = runs.client.get_model_version_by_alias(runs.prefix + name, CHAMPION)
    except mlflow.exceptions.MlflowException as error:
        raise LookupError(f"no model {name} has been trained yet: run the training job first") from error
    return load_model(runs, f"{runs.prefix}{name}/{version.version}"), f"{runs.prefix}{name}/{version.version}"


def load_model(runs: Runs, model: str) -> PipelineModel:
    """A registered model by `name/version`, the way tables name it in their column `model`."""
    with _scratch(runs) as folder:
        loaded: PipelineModel = mlflow.spark.load_model(f"models:/{model}", dfs_tmpdir=folder)
        return loaded


@contextlib.contextmanager
def _run(runs: Runs, name: str, settings: Settings, versions: Mapping[str, int | str], as_of: dt.date) -> Iterator[str]:
    """A run that says from what it was made; marked as failed when the body raises."""
    resolved = dump_settings(settings)
    if runs.scratch is not None:
        _end_orphans(runs.client, runs.experiment_id)
    with mlflow.start_run(experiment_id=runs.experiment_id, run_name=name, nested=True) as run:
        run_id: str = run.info.run_id
        # As strings: MLflow's own lineage drops the integer 0, which is a table's first version.
        params = {f"delta_version.{table}": str(version) for table, version in versions.items()}
        tags = {"as_of": as_of.isoformat(), "settings_sha256": hashlib.sha256(resolved.encode()).hexdigest()}
        log_values(runs.client, run_id, {"as_of": as_of.isoformat(), **params}, {}, tags)
        runs.client.log_text(run_id, resolved, "settings.yml")
        yield run_id


def _log_segment_candidate(runs: Runs, parent: str, result: SegmentationResult, candidate: Candidate) -> None:
    params = {"method": candidate.method, "k": candidate.k, "chosen": candidate.k == result.k}
    tags = {"failure": candidate.failure} if candidate.failure else {}
    log_nested(
        runs.client,
        runs.experiment_id,
        parent,
        f"{candidate.method} k={candidate.k}",
        params,
        _measures(candidate),
        tags,
    )


def _measures(candidate: Candidate) -> dict[str, float | None]:
    names = ("silhouette", "inertia", "log_likelihood", "bic", "smallest")
    return {name: getattr(candidate, name) for name in names}


def _log_model(runs: Runs, name: str, result: SegmentationResult | IndustryResult, outputs: Sequence[ColSpec]) -> str:
    """Log and register; must stand inside the run. The alias follows when the tables are published: `promote`."""
    inputs: list[ColSpec | TensorSpec] = [ColSpec(DataType.double, column) for column in result.numeric]
    inputs += [ColSpec(DataType.string, column) for column in result.categorical]
    with _scratch(runs) as folder, contextlib.redirect_stderr(io.StringIO()):  # "Created version 1 of model ..."
        logged = mlflow.spark.log_model(
            result.model,
            artifact_path=name,
            dfs_tmpdir=folder,
            signature=ModelSignature(inputs=Schema(inputs), outputs=Schema(list(outputs))),
            # Given, because finding them out would start another Spark.
            pip_requirements=[f"pyspark=={pyspark.__version__}", f"mlflow=={mlflow.__version__}"],
        )
        version = mlflow.register_model(logged.model_uri, runs.prefix + name)
    return f"{runs.prefix}{name}/{version.version}"


@contextlib.contextmanager
def _scratch(runs: Runs) -> Iterator[str | None]:
    """A folder on the disk that Spark and this process share, gone afterwards; on a cluster MLflow's own choice."""
    if runs.scratch is None:
        yield None
        return
    with tempfile.TemporaryDirectory(dir=runs.scratch, prefix=".model-") as folder:
        yield folder
