"""MLflow: what was trained, from which table versions, with which settings, and the models themselves."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read while mlflow is imported
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines per run, among a job's results

import mlflow
import mlflow.spark
import pyspark
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema, TensorSpec
from pyspark.ml import PipelineModel

from segmentation.settings import Settings, StorageSettings
from segmentation.stores.capabilities import mlflow_moves_models
from segmentation.stores.conf import dump_settings
from segmentation.stores.moved_runs import FILES, database_of, follow, moved_from
from segmentation.stores.run_database import find_experiment, has_runs, own_database
from segmentation.stores.run_values import log_values
from segmentation.stores.secrets import veiled
from segmentation.stores.shared_models import load_shared, log_shared
from segmentation.stores.tracking import require_tracking
from segmentation.stores.tracking_faults import kept_in

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
    #: the data directory: where a model goes by when MLflow cannot move it and there is no `scratch`
    data_dir: Path
    #: whether all runs are this data directory's, so that one left running is a dead job's
    alone: bool

    @property
    def client(self) -> MlflowClient:
        """A client of this tracking server."""
        return MlflowClient(tracking_uri=self.tracking_uri)


def segments_model(method: str) -> str:
    """Registered name of a method's segment model, without the catalog."""
    return f"segments_{method}"


def require_runs(storage: StorageSettings, data_dir: Path) -> None:
    """Raise EnvironmentProblem where MLflow cannot keep runs: asked before the work whose results they are to hold.

    A data directory's own database is made by `open_runs`, so where there is none yet nothing is asked.
    """
    require_tracking(storage)
    if has_runs(storage, data_dir):
        _find(storage, data_dir.resolve())


def open_runs(storage: StorageSettings, data_dir: Path) -> Runs:
    """The experiment of the settings, created when it is new: SQLite and files below `data_dir`, or a server's."""
    local = storage.tracking_uri is None
    root = data_dir.resolve()
    uri, found = _find(storage, root)
    if local and (folders := moved_from(root)):
        follow(database_of(root), folders)
    location = (root / FILES).as_uri() if local else None
    client = MlflowClient(tracking_uri=uri)
    identity = found.experiment_id if found else client.create_experiment(storage.experiment, location)
    prefix = f"{storage.catalog}.{storage.schema_name}." if storage.catalog else ""
    scratch = Path(storage.scratch).absolute() if storage.scratch else root if local else None
    return Runs(uri, identity, prefix, scratch, root, alone=local)


def _find(storage: StorageSettings, root: Path) -> tuple[str, Experiment | None]:
    """The address of the runs, which MLflow is told, and the experiment there: None where there is none yet."""
    for name in CHATTER:
        logging.getLogger(name).setLevel(logging.WARNING)
    file = database_of(root) if storage.tracking_uri is None else None
    uri = own_database(root) if storage.tracking_uri is None else storage.tracking_uri
    with kept_in(str(file or f"storage.tracking_uri={veiled(uri)}")):
        mlflow.set_tracking_uri(uri)
        is_databricks = uri.startswith("databricks") and storage.catalog
        # `databricks://PROFILE` names a workspace, whose catalog is meant
        mlflow.set_registry_uri(f"databricks-uc{uri.removeprefix('databricks')}" if is_databricks else uri)
        return uri, find_experiment(uri, storage.experiment, file)


def _end_orphans(client: MlflowClient, experiment_id: str) -> None:
    """Mark what a killed job left running: the data directory has one writer, so it is nobody's any more."""
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
        client.set_terminated(run.info.run_id, "KILLED")


def load_model(runs: Runs, model: str) -> PipelineModel:
    """A registered model by `name/version`, the way tables name it in their column `model`."""
    with _scratch(runs) as folder:
        if folder is not None and not mlflow_moves_models():
            return load_shared(f"models:/{model}", Path(folder))
        loaded: PipelineModel = mlflow.spark.load_model(f"models:/{model}", dfs_tmpdir=folder)
        return loaded


@contextlib.contextmanager
def open_run(
    runs: Runs, name: str, settings: Settings, versions: Mapping[str, int | str], as_of: dt.date
) -> Iterator[str]:
    """A run that says from what it was made; marked as failed when the body raises."""
    resolved = dump_settings(settings)
    if runs.alone:
        _end_orphans(runs.client, runs.experiment_id)
    with mlflow.start_run(experiment_id=runs.experiment_id, run_name=name, nested=True) as run:
        run_id: str = run.info.run_id
        # As strings: MLflow's own lineage drops the integer 0, which is a table's first version.
        params = {f"delta_version.{table}": str(version) for table, version in versions.items()}
        tags = {"as_of": as_of.isoformat(), "settings_sha256": hashlib.sha256(resolved.encode()).hexdigest()}
        log_values(runs.client, run_id, {"as_of": as_of.isoformat(), **params}, {}, tags)
        runs.client.log_text(run_id, resolved, "settings.yml")
        yield run_id


def log_model(
    runs: Runs,
    name: str,
    model: PipelineModel,
    numeric: Sequence[str],
    categorical: Sequence[str],
    outputs: Sequence[ColSpec],
) -> str:
    """Log and register a model that reads those raw columns; returns `registered name/version`.

    Must stand inside the run (`open_run`). The alias follows when the tables are published: `registry.promote`.
    """
    inputs: list[ColSpec | TensorSpec] = [ColSpec(DataType.double, column) for column in numeric]
    inputs += [ColSpec(DataType.string, column) for column in categorical]
    signature = ModelSignature(inputs=Schema(inputs), outputs=Schema(list(outputs)))
    # Given, because finding them out would start another Spark.
    needed = [f"pyspark=={pyspark.__version__}", f"mlflow=={mlflow.__version__}"]
    with _scratch(runs) as folder, contextlib.redirect_stderr(io.StringIO()):  # "Created version 1 of model ..."
        if folder is not None and not mlflow_moves_models():
            logged = log_shared(model, name, Path(folder), signature, needed)
        else:
            logged = mlflow.spark.log_model(
                model, artifact_path=name, dfs_tmpdir=folder, signature=signature, pip_requirements=needed
            )
        version = mlflow.register_model(logged.model_uri, runs.prefix + name)
    return f"{runs.prefix}{name}/{version.version}"


@contextlib.contextmanager
def _scratch(runs: Runs) -> Iterator[str | None]:
    """A folder on the disk that Spark and this process share, gone afterwards; of a server MLflow's own choice."""
    # asked now: runs may have been opened before the session was
    scratch = runs.scratch or (None if mlflow_moves_models() else runs.data_dir)
    if scratch is None:
        yield None
        return
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=scratch, prefix=".model-"))
    try:
        # whoever may use the folder may use this one: executors and servers can be other users than this process
        with contextlib.suppress(OSError):  # a mounted bucket has no such rights, and needs none
            folder.chmod(scratch.stat().st_mode & 0o7777)
        yield str(folder)
    finally:
        # what such another user has written may be its own to delete, and nobody needs it any more
        shutil.rmtree(folder, ignore_errors=True)
