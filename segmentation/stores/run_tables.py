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

from segmentation.errors import InputProblem
from segmentation.stores.registry import find_version
from segmentation.stores.runs import Runs
from segmentation.table import Table


def read_table(runs: Runs, model: str, file: str, table: Table) -> pd.DataFrame:
    """The rows that the run of `name/version` logged as `tables/<file>.csv`, with the types of `table`.

    Raises InputProblem when the run, or the file, is not there any more.
    """
    found = find_version(runs, model)
    with tempfile.TemporaryDirectory() as folder:
        try:
            if found is None:
                raise FileNotFoundError
            path = mlflow.artifacts.download_artifacts(
                run_id=found.run_id, artifact_path=f"tables/{file}.csv", dst_path=folder
            )
            text = pd.read_csv(Path(path), dtype=str, keep_default_na=False, na_values=[""])
        except (OSError, MlflowException) as error:
            raise InputProblem(
                f"the run of {model} does not hold its table {file} (any more), so nobody can say what the model is "
                "worth: train anew with --force, or go back to another version with --to"
            ) from error
    kinds = {field.name: field.dataType for field in table.columns if field.name in text}
    return text.assign(**{name: text[name].map(_parser(kind), na_action="ignore") for name, kind in kinds.items()})


def _parser(kind: T.DataType) -> Callable[[str], Any]:
    """From the text that pandas writes; text to double is exact here, unlike in the quick parser of read_csv."""
    if isinstance(kind, T.NumericType):
        return float
    return ast.literal_eval if isinstance(kind, T.BooleanType | T.ArrayType) else str
