"""Write the values, tables and figures of a run into MLflow, in few calls."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

#: MLflow's limits per call; a longer text is cut, since some servers take no more
METRICS_PER_CALL, PARAMS_PER_CALL, LONGEST_PARAM, LONGEST_KEY = 1000, 100, 500, 200

Item = TypeVar("Item")


def log_nested(
    client: MlflowClient,
    experiment_id: str,
    parent: str,
    name: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    tags: Mapping[str, str] | None = None,
) -> None:
    """A run below `parent`, for one candidate; a tag `failure` marks it as failed."""
    run = client.create_run(experiment_id, tags={MLFLOW_PARENT_RUN_ID: parent}, run_name=name)
    log_values(client, run.info.run_id, params, metrics, tags or {})
    client.set_terminated(run.info.run_id, "FAILED" if tags and "failure" in tags else "FINISHED")


def log_values(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, float | None],
    tags: Mapping[str, str] | None = None,
) -> None:
    """All values of a run in as few calls as MLflow takes; what is not a number is left out and named in a tag."""
    known = {name: float(value) for name, value in metrics.items() if value is not None and math.isfinite(value)}
    skipped = [name for name in metrics if name not in known]
    now = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
    keys = _keys(known)
    logged = [Metric(keys[name], value, now, 0) for name, value in known.items()]
    notes = dict(tags or {}) | ({"metrics_undefined": ", ".join(skipped)[:LONGEST_PARAM]} if skipped else {})
    keys = _keys(params)
    described = [Param(keys[name], str(value)[:LONGEST_PARAM]) for name, value in params.items()]
    for metric_batch in batched(logged, METRICS_PER_CALL):
        client.log_batch(run_id, metrics=metric_batch)
    for param_batch in batched(described, PARAMS_PER_CALL):
        client.log_batch(run_id, params=param_batch)
    if notes:
        client.log_batch(run_id, tags=[RunTag(name, value) for name, value in notes.items()])


def metric_names(metrics: pd.DataFrame) -> dict[str, float | None]:
    """`cv/auc/Food` and so on: each value and, beside it, its baselines."""
    named: dict[str, float | None] = {}
    for row in metrics.to_dict("records"):
        name = f"{row['slice']}/{row['metric']}" + (f"/{row['industry']}" if isinstance(row["industry"], str) else "")
        named[name] = row["value"]
        for baseline in ("majority", "random"):
            named[f"baseline_{baseline}/{name}"] = row[baseline]
    return named


def batched(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """The items in runs of at most `size`, in order."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def _keys(names: Iterable[str]) -> dict[str, str]:
    """Name -> a key that MLflow takes, each another one; names hold labels, in which anything may stand."""
    keys: dict[str, str] = {}
    for name in names:
        parts = re.sub(r"[^\w\-. /]", "_", name).split("/")
        # a key is a path to MLflow: nothing in it may be empty or lead elsewhere
        key = "/".join("_" if part in ("", ".", "..") else part for part in parts)[:LONGEST_KEY]
        if key in keys.values():
            key = f"{key[: LONGEST_KEY - 9]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        keys[name] = key
    return keys


def log_files(
    client: MlflowClient, run_id: str, tables: Mapping[str, pd.DataFrame], figures: Mapping[str, Figure]
) -> None:
    """Tables as CSV and figures as PNG, in one upload."""
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("tables", "figures"):
            (Path(folder) / kind).mkdir()
        for name, table in tables.items():
            table.to_csv(Path(folder) / "tables" / f"{name}.csv", index=False)
        for name, figure in figures.items():
            figure.savefig(Path(folder) / "figures" / name, dpi=110)
        client.log_artifacts(run_id, folder)
