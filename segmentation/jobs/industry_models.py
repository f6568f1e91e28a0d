"""Which model the industries of a date come from, and what the gate said: the rows of table industry_models."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.industries.filling import REVIEW
from segmentation.industries.gate import OVERRULED, REFUSED
from segmentation.jobs.rows import replace_date
from segmentation.reports.standing import Standing, standing
from segmentation.runtime import Job
from segmentation.schemas import INDUSTRY_FILL, INDUSTRY_MODELS
from segmentation.stores.registry import GATE, find_version, trained_at, trained_for
from segmentation.stores.runs import Runs


@dataclass(frozen=True)
class Refusal:
    """A model that the gate refused, and why, in words."""

    model: str
    reasons: Sequence[str]


def model_row(runs: Runs, model: str, refusal: Refusal | None, labels_checked: bool) -> pd.DataFrame:
    """The row, less as_of, for industries that come from `model`, which is registered.

    Whoever publishes a model that the gate had refused, and not just now, overrules the gate.
    """
    found = find_version(runs, model)
    gate = found.tags.get(GATE) if found else None
    if gate == REFUSED and (refusal is None or refusal.model != model):
        gate = OVERRULED
    return _row(
        {
            "model": model,
            "trained_for": trained_for(runs, model),
            "trained_at": trained_at(runs, model),
            "gate": gate,
            **_refused(refusal),
            "labels_checked": labels_checked,
        }
    )


def store_unanswered(job: Job, runs: Runs, as_of: dt.date, refusal: Refusal) -> None:
    """Write down a refusal for a date whose tables stay as they are, since no other model could answer for it."""
    stored = job.tables.read(INDUSTRY_MODELS) if job.tables.exists(INDUSTRY_MODELS) else None
    known = stored.where(F.col("as_of") == F.lit(as_of)).first() if stored else None
    if known and known["model"]:
        row = model_row(runs, known["model"], refusal, known["labels_checked"])
    else:
        nobody = dict.fromkeys(("model", "trained_for", "trained_at", "gate"))
        row = _row({**nobody, **_refused(refusal), "labels_checked": False})
    store_model(job, as_of, row)


def store_overruled(job: Job, runs: Runs, as_of: dt.date, model: str) -> None:
    """Write down that the gate was overruled for a model from which the industries of `as_of` come already."""
    store_model(job, as_of, model_row(runs, model, None, labels_checked=True))


def store_model(job: Job, as_of: dt.date, row: pd.DataFrame) -> None:
    """The row of one date, in place of the one that was there."""
    replace_date(job, as_of, (INDUSTRY_MODELS, row, None))


def standing_of(job: Job, as_of: dt.date) -> Standing | None:
    """What is written down of the industries of a date; None where nothing is."""
    if not job.tables.exists(INDUSTRY_MODELS):
        return None
    rows = job.tables.read(INDUSTRY_MODELS).where(F.col("as_of") == F.lit(as_of)).toPandas()
    return None if rows.empty else standing(rows)


def decided_fills(job: Job, as_of: dt.date) -> DataFrame:
    """The rows of industry_fill of a date; nothing that the gate refused may be acted upon before somebody looked."""
    rows = job.tables.read(INDUSTRY_FILL).where(F.col("as_of") == F.lit(as_of))
    behind = standing_of(job, as_of)
    return rows.withColumn("decision", F.lit(REVIEW)) if behind and behind.is_refused else rows


def _refused(refusal: Refusal | None) -> dict[str, Any]:
    return {"refused": refusal.model if refusal else None, "reasons": list(refusal.reasons) if refusal else []}


def _row(row: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([row], dtype=object)
