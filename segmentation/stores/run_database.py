"""The SQLite database in which MLflow keeps a data directory's runs: there in full or not at all."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage

from segmentation.errors import InputProblem, first_line
from segmentation.settings import StorageSettings
from segmentation.stores.moved_runs import database_of

#: what SQLite says where tables are not what MLflow's own notes in the same file make of them
_HALF_MADE = re.compile(r"already exists|duplicate column|no such (table|column)|not a database|malformed")


def has_runs(storage: StorageSettings, data_dir: Path) -> bool:
    """Whether anything may be kept: in a server, or in the data directory's own database once there is one."""
    return storage.tracking_uri is not None or database_of(data_dir).exists()


def own_database(data_dir: Path) -> str:
    """The database's address; made when it is new. InputProblem where the address would be another file's."""
    file = database_of(data_dir)
    # spelled out (%3F) SQLAlchemy would find it, but MLflow makes folders of an address as it is written
    if "?" in str(file) or unquote(str(file)) != str(file):
        raise InputProblem(
            f"runs cannot be kept at {file}: in the address of a database ? and %20 mean something else; choose a "
            "--data-dir without ? and %, or set storage.tracking_uri"
        )
    if not file.exists():
        _create(file)
    return f"sqlite:///{file}"


def _create(file: Path) -> None:
    """Made beside and moved into place: MLflow takes seconds for its tables, and cannot go on from half of them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".mlflow-") as folder:
        new = Path(folder) / file.name
        MlflowClient(tracking_uri=f"sqlite:///{new}").search_experiments(max_results=1)
        if not file.exists():
            new.rename(file)


def find_experiment(uri: str, name: str, file: Path | None) -> Experiment | None:
    """The experiment, None where there is none.

    Raises InputProblem for an own database (`file`) that is not whole, and for an experiment that was deleted: MLflow
    keeps its name, and takes no run for it.
    """
    try:
        found = MlflowClient(tracking_uri=uri).get_experiment_by_name(name)
    except Exception as error:  # SQLAlchemy's, which mlflow-skinny does not bring
        said = first_line(error)
        if file is None or not _HALF_MADE.search(said):
            raise
        fix = "delete it, as it holds no run" if _is_empty(file) else "put a copy from before in its place"
        raise InputProblem(
            f"{file} is no whole database of MLflow ({said}): a job was killed while it was made or upgraded; {fix}, "
            "then give the command again"
        ) from error
    if found is not None and found.lifecycle_stage == LifecycleStage.DELETED:
        raise InputProblem(
            f"the MLflow experiment {name} is deleted at {uri}: `mlflow experiments restore --experiment-id "
            f"{found.experiment_id}` brings it back, or give storage.experiment another name"
        )
    return found


def _is_empty(file: Path) -> bool:
    """Whether no run stands in it; what is no database at all may be anything."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            return database.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is None
    except sqlite3.Error as error:
        return "no such table" in str(error)
