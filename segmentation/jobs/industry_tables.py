"""What readers see of industries: as a model just trained gives it, or as a model gives it that was kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Floats
from segmentation.checkpoint import settled
from segmentation.industries.cards import with_thresholds
from segmentation.industries.filling import decide, fills_per_industry, thresholds, with_confidence
from segmentation.industries.result import IndustryResult
from segmentation.industries.scoring import industries_of, score_industries
from segmentation.jobs.industry_models import Refusal, model_row
from segmentation.jobs.kept_models import labels_in, require_columns, require_label
from segmentation.jobs.rows import replace_date
from segmentation.runtime import Job
from segmentation.schemas import (
    INDUSTRY_CARDS,
    INDUSTRY_COVERAGE,
    INDUSTRY_DRIVERS,
    INDUSTRY_FILL,
    INDUSTRY_METRICS,
    INDUSTRY_MODELS,
    INDUSTRY_SCORES,
    INDUSTRY_SUSPECTS,
)
from segmentation.shown import listed
from segmentation.stores.run_tables import read_table
from segmentation.stores.runs import Runs, load_model
from segmentation.table import Table

#: tables about a model as a whole, which its run keeps; those about single accounts are in no run, or nobody could
#: erase an account from it
OF_THE_MODEL = (INDUSTRY_METRICS, INDUSTRY_CARDS, INDUSTRY_COVERAGE, INDUSTRY_DRIVERS)


def store_trained(
    job: Job, runs: Runs, result: IndustryResult, model: str, as_of: dt.date, note: str, refusal: Refusal | None
) -> None:
    """All tables of the industries, as the model that was just trained gives them."""
    rows = [
        (INDUSTRY_MODELS, model_row(runs, model, refusal, labels_checked=True)),
        (INDUSTRY_METRICS, result.metrics),
        (INDUSTRY_CARDS, result.cards),
        (INDUSTRY_COVERAGE, result.fill.coverage),
        (INDUSTRY_DRIVERS, result.drivers),
        (INDUSTRY_FILL, result.fill.decisions),
        (INDUSTRY_SUSPECTS, result.suspects),
    ]
    _store(job, rows, result.scores, model, as_of, note)


def store_kept(
    job: Job, runs: Runs, model: str, basetable: DataFrame, as_of: dt.date, note: str | None,
    refusal: Refusal | None = None,
) -> None:  # fmt: skip
    """All tables of the industries, as a registered model gives them that was trained before.

    `basetable` is scored anew. What the model is worth is what was measured when it was trained; accounts are filled
    in where that reaches what is asked for today, without reasons, and never with a label that nobody has any more.
    Suspect labels need a fit without the account: there are none, and industry_models says that nobody looked.
    `refusal`: why it is published in place of another. Raises CannotAnswer for a model that cannot answer for the
    basetable, before anything is written.
    """
    require_columns(model, basetable, as_of)
    loaded = load_model(runs, model)
    industries, labels = industries_of(loaded), labels_in(basetable)
    require_label(job, runs, model, industries, labels, as_of)
    unused = [name for name in industries if labels and name not in labels]
    if unused:
        job.say(
            f"{model} knows industries that no account is labelled as by now, and fills these in for nobody: "
            f"{listed(unused)}"
        )
    scores = settled(score_industries(loaded, basetable))
    kept = {table.name: read_table(runs, model, table.name, table) for table in OF_THE_MODEL}
    unlabelled = basetable.where(F.col("industry").isNull()).select("account_id")
    settings = job.settings.industry
    coverage = with_confidence(kept[INDUSTRY_COVERAGE.name], settings.fill_confidence)
    limits = thresholds(coverage, settings.fill_precision, settings.fill_confidence) | dict.fromkeys(unused)
    cards = with_thresholds(kept[INDUSTRY_CARDS.name], coverage, limits)
    decided = fill_decisions(scores.join(unlabelled, on="account_id", how="left_semi").toPandas(), cards)
    cards["fillable"] = cards["industry"].map(fills_per_industry(decided)).fillna(0)
    kept |= {INDUSTRY_CARDS.name: cards, INDUSTRY_COVERAGE.name: coverage}
    nobody = pd.DataFrame(columns=INDUSTRY_SUSPECTS.columns.names)
    rows = [
        (INDUSTRY_MODELS, model_row(runs, model, refusal, labels_checked=False)),
        *((table, kept[table.name]) for table in OF_THE_MODEL),
        (INDUSTRY_FILL, decided),
        (INDUSTRY_SUSPECTS, nobody),
    ]
    _store(job, rows, scores, model, as_of, note)


def fill_decisions(scores: pd.DataFrame, cards: pd.DataFrame) -> pd.DataFrame:
    """Table industry_fill less as_of and model, from scores (account_id, industry, probability) and thresholds.

    Nobody computed reasons.
    """
    if scores.empty:
        return pd.DataFrame(columns=INDUSTRY_FILL.columns.names)
    wide = scores.pivot(index="account_id", columns="industry", values="probability").sort_index()
    given: Floats = wide.to_numpy(dtype=float)
    known = cards.set_index("industry")["threshold"].to_dict()
    thresholds = {name: None if pd.isna(known.get(name)) else float(known[name]) for name in wide.columns}
    decided: pd.DataFrame = decide(given, tuple(wide.columns), thresholds)
    return decided.assign(account_id=wide.index, reasons=None)


def _store(
    job: Job,
    rows: Sequence[tuple[Table, pd.DataFrame]],
    scores: DataFrame,
    model: str,
    as_of: dt.date,
    note: str | None,
) -> None:
    """All tables of one publication; they do not need each other, so they are written side by side."""
    scored = (INDUSTRY_SCORES, scores.withColumn("model", F.lit(model)), note)
    replace_date(job, as_of, *((table, part, None) for table, part in rows), scored, model=model)
