"""Read back the tables that a model's run keeps."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from pyspark.sql import types as T

from segmentation.errors import CannotAnswer
from segmentation.stores.registry import find_version, require_gone
from segmentation.stores.runs import Runs
from segmentation.table import Table


def read_table(runs: Runs, model: str, file: str, table: Table) -> pd.DataFrame:
    """The rows that the run of `name/version` logged as `tables/<file>.csv`, with the types of `table`.

    Raises CannotAnswer when the run, or the file, is not there any more.
    """
    found = find_version(runs, model)
    gone = CannotAnswer(
        f"the run of {model} does not hold its table {file} (any more), so nobody can say what the model is worth: "
        "train anew with --force, or go back to another version with --to"
    )
    if found is None or found.run_id is None:
        raise gone
    name, run_id = f"{file}.csv", found.run_id
    with tempfile.TemporaryDirectory() as folder:
        try:
            # of the run's own address: asked for by the run, MLflow takes all that goes wrong for a file not there
            address = f"{runs.client.get_run(run_id).info.artifact_uri}/tables/{name}"
            path = mlflow.artifacts.download_artifacts(artifact_uri=address, dst_path=folder)
            text = pd.read_csv(Path(path), dtype=str, keep_default_na=False, na_values=[""])
        except (OSError, MlflowException) as error:
            require_gone(error, lambda: runs.client.list_artifacts(run_id, "tables"), name)
            raise gone from error
    kinds = {field.name: field.dataType for field in table.columns if field.name in text}
    return text.assign(**{name: text[name].map(_parser(kind), na_action="ignore") for name, kind in kinds.items()})


def _parser(kind: T.DataType) -> Callable[[str], Any]:
    """From the text that pandas writes; text to double is exact here, unlike in the quick parser of read_csv."""
    if isinstance(kind, T.NumericType):
        return float
    return ast.literal_eval if isinstance(kind, T.BooleanType | T.ArrayType) else str
