"""Runs of churn and of customer lifetime value in MLflow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from mlflow.types import ColSpec, DataType

from segmentation.outlook.churn import ChurnResult
from segmentation.outlook.value import ValueForecast
from segmentation.reports.palette import Drawing
from segmentation.settings import Settings
from segmentation.stores.registry import RECIPE, tag_version
from segmentation.stores.run_values import log_files, log_nested, log_values
from segmentation.stores.runs import Runs, log_model, open_run

CHURN_MODEL = "churn"
OUTPUTS = (ColSpec(DataType.double, "prediction"),)


def log_churn(
    runs: Runs, result: ChurnResult, settings: Settings, versions: Mapping[str, int | str], as_of: dt.date
) -> str:
    """One run with a nested one per penalty; returns `registered name/version`.

    `prediction` of the model is 1.0 for falling silent; its column `probability` holds both probabilities, staying
    first.
    """
    with open_run(runs, "forecast_churn", settings, versions, as_of) as run_id:
        for one in result.candidates:
            name = ", ".join(f"{key}={value}" for key, value in one.params.items()) or "the only point"
            measured: dict[str, float | None] = {
                "cv/log_loss": one.log_loss,
                "cv/log_loss_standard_error": one.standard_error,
            }
            log_nested(runs.client, runs.experiment_id, run_id, name, one.params, measured)
        log_values(runs.client, run_id, {"reason": result.reason, **result.params}, _churn_figures(result.metrics))
        tables = {"metrics": result.metrics, "drivers": result.drivers}
        log_files(runs.client, run_id, tables, {"metrics.png": metrics_figure(result.metrics)})
        model = log_model(runs, CHURN_MODEL, result.model, result.numeric, result.categorical, OUTPUTS)
        tag_version(runs, model, RECIPE, {"model": "lasso", "params": dict(result.params)})
        return model


def log_value(
    runs: Runs, found: ValueForecast, settings: Settings, versions: Mapping[str, int | str], as_of: dt.date
) -> str:
    """One run with the parameters of both models, their likelihoods and the check; returns its id.

    Accounts stay out of it: they are in the table, where they can be erased.
    """
    with open_run(runs, "forecast_value", settings, versions, as_of) as run_id:
        params: dict[str, object] = {f"note.{place}": note for place, note in enumerate(found.notes)}
        visits, values = found.visits, found.values
        figures: dict[str, float | None] = {
            **{f"bg_nbd/{name}": getattr(visits, name) for name in ("r", "alpha", "a", "b", "log_likelihood")},
            "bg_nbd/accounts": visits.customers,
            "value_and_days/correlation": found.correlation,
            "value_and_days/rank_correlation": found.rank_correlation,
        }
        if values is not None:
            figures |= {f"gamma_gamma/{name}": getattr(values, name) for name in ("p", "q", "v", "log_likelihood")}
            figures |= {"gamma_gamma/accounts": values.customers, "gamma_gamma/mean": values.mean}
        for row in found.holdout.to_dict("records"):
            figures |= {f"holdout/{row['quantity']}/{name}": row[name] for name in row if name != "quantity"}
        log_values(runs.client, run_id, params, figures)
        log_files(runs.client, run_id, {"holdout": found.holdout}, {})
        return run_id


def _churn_figures(metrics: pd.DataFrame) -> dict[str, float | None]:
    """`test/auc/active` and so on: each value, and beside it its baselines."""
    named: dict[str, float | None] = {}
    for row in metrics.to_dict("records"):
        name = f"{row['slice']}/{row['metric']}/{row['population']}"
        named[name] = row["value"]
        named[f"baseline_base_rate/{name}"] = row["base_rate"]
        named[f"baseline_recency/{name}"] = row["recency"]
    return named


def metrics_figure(metrics: pd.DataFrame) -> Figure:
    """AUC of both populations and slices with 95 % intervals, beside what recency alone gives."""
    shown = metrics[(metrics["metric"] == "auc") & metrics["value"].notna()]
    figure = Drawing(figsize=(7, 2.0 + 0.4 * len(shown)), layout="constrained")
    axes = figure.subplots()
    value, low, high, recency = (shown[name].to_numpy(dtype=float) for name in ("value", "low", "high", "recency"))
    places = np.arange(len(shown))
    # an interval of resamples need not reach the value itself: a bar has no negative length
    spread = np.maximum(0.0, np.stack([value - low, high - value]))
    axes.errorbar(value, places, xerr=spread, fmt="o", capsize=3, label="AUC, 95 % of resamples")
    axes.scatter(recency, places, marker="|", s=200, color="grey", label="days since the last row alone")
    axes.axvline(0.5, linestyle="--", color="grey", label="baseline")
    rows = zip(shown["population"], shown["slice"], shown["churned"], shown["accounts"], strict=True)
    axes.set_yticks(places, [f"{who}, {part} ({gone} of {total})" for who, part, gone, total in rows])
    axes.set(title="Who falls silent", xlabel="AUC")
    figure.legend(fontsize="small", loc="outside lower center", ncols=3)
    return figure
