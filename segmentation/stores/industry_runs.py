"""Runs of industries in MLflow: what was tried, what it is worth, what the audit and the gate said, and the model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd
from mlflow.types import ColSpec, DataType

from segmentation.industries.audit import Audit
from segmentation.industries.gate import PASSED, REFUSED, Decision
from segmentation.industries.result import Candidate, IndustryResult
from segmentation.schemas import INDUSTRY_CARDS, INDUSTRY_COVERAGE, INDUSTRY_DRIVERS, INDUSTRY_METRICS
from segmentation.settings import Settings
from segmentation.stores.industry_figures import industry_figures
from segmentation.stores.registry import GATE, RECIPE, register_challenger
from segmentation.stores.run_values import log_files, log_nested, log_values, metric_names
from segmentation.stores.runs import INDUSTRY_MODEL, Runs, log_model, open_run

RUN = "train_industry"
OUTPUTS = (ColSpec(DataType.double, "prediction"), ColSpec(DataType.string, "predicted_industry"))
AUDIT = "audit"


def log_industry(
    runs: Runs,
    result: IndustryResult,
    settings: Settings,
    versions: Mapping[str, int | str],
    as_of: dt.date,
    found: Audit,
    decision: Decision,
) -> str:
    """One run with a nested one per model and grid point; returns `registered name/version`.

    The version is registered as `challenger`, with its recipe and the gate's decision as tags; `registry.promote`
    makes it champion. `versions` holds the Delta version of every table read. Tables with account ids stay out of the
    run, or nobody could erase an account from it.
    """
    with open_run(runs, RUN, settings, versions, as_of) as run_id:
        for candidate in result.candidates:
            _log_candidate(runs, run_id, candidate)
        gate = _gate_tags(decision)
        figures = {**metric_names(result.metrics), **_audit_figures(found), **_gate_figures(decision)}
        log_values(runs.client, run_id, _params(result), figures, gate)
        log_files(runs.client, run_id, _tables(result, found), industry_figures(result))
        model = log_model(runs, INDUSTRY_MODEL, result.model, result.numeric, result.categorical, OUTPUTS)
        recipe = {
            "model": result.model_name,
            "params": dict(result.params),
            "fixed": dict(settings.models[result.model_name].params),
            "class_weight_cap": settings.industry.class_weight_cap,
        }
        register_challenger(runs, model, {RECIPE: recipe, **gate})
        return model


def log_stopped(
    runs: Runs, found: Audit, settings: Settings, versions: Mapping[str, int | str], as_of: dt.date
) -> None:
    """A failed run with the audit's findings, for a training that they stopped."""
    with open_run(runs, RUN, settings, versions, as_of) as run_id:
        log_values(runs.client, run_id, {}, _audit_figures(found), {"failure": "; ".join(f.what for f in found.fatal)})
        log_files(runs.client, run_id, {AUDIT: found.table()}, {})
    runs.client.set_terminated(run_id, "FAILED")


def _log_candidate(runs: Runs, parent: str, candidate: Candidate) -> None:
    measured = {
        "cv/log_loss": candidate.log_loss,
        "cv/log_loss_standard_error": candidate.standard_error,
        "cv/log_loss_raw": candidate.raw_log_loss,
        "cv/log_loss_difference": candidate.difference,
        "cv/log_loss_difference_error": candidate.difference_error,
    }
    params = {"model": candidate.model, **(candidate.fixed or {}), **candidate.params, "extra": candidate.extra}
    log_nested(runs.client, runs.experiment_id, parent, str(candidate.recipe), params, measured)


def _params(result: IndustryResult) -> dict[str, object]:
    params: dict[str, object] = {"model": result.model_name, "reason": result.reason, **result.params}
    params |= {"train_accounts": result.train_accounts, "test_accounts": result.test_accounts}
    params |= {"fill": result.fill.sentence}
    params |= {f"excluded.{name}": why for name, why in result.excluded.items()}
    params |= {f"note.{place}": note for place, note in enumerate(result.notes, 1)}
    return params


def _tables(result: IndustryResult, found: Audit) -> dict[str, pd.DataFrame]:
    """File name -> table; those with the name of a stored table are read back when a kept model is published again."""
    return {
        INDUSTRY_METRICS.name: result.metrics,
        INDUSTRY_CARDS.name: result.cards,
        INDUSTRY_COVERAGE.name: result.fill.coverage,
        INDUSTRY_DRIVERS.name: result.drivers,
        "confusion_cv": result.confusion,
        "reliability": result.calibrated.reliability,
        "calibration_lines": result.calibrated.lines,
        "learning_curve": result.learning_curve,
        "ablation": result.ablation,
        "shift": result.shift,
        AUDIT: found.table(),
    }


def _gate_tags(decision: Decision) -> dict[str, str]:
    reasons = {f"gate_reason_{place:02d}": reason for place, reason in enumerate(decision.reasons, 1)}
    return {GATE: PASSED if decision.promote else REFUSED, **reasons}


def _gate_figures(decision: Decision) -> dict[str, float | None]:
    if decision.difference is None:
        return {}
    return {"gate/difference": decision.difference, "gate/low": decision.low, "gate/high": decision.high}


def _audit_figures(found: Audit) -> dict[str, float | None]:
    counts = {"findings": len(found.findings), "fatal": len(found.fatal)}
    return {f"audit/{name}": float(value) for name, value in {**counts, **found.figures}.items()}
