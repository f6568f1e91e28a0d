"""basetable and cube -> how likely every account is to fall silent, the model in MLflow, what it is worth."""

from __future__ import annotations

import datetime as dt
import json

import pandas as pd
from pyspark.sql import functions as F

from segmentation.arguments import add_as_of
from segmentation.features.activity import mask_words
from segmentation.features.months import first_in_turn, months_before
from segmentation.jobs.activity_months import require_current_activity
from segmentation.jobs.freshness import LINEAGE, promote_published, read_basetable, tell_if_behind, training_note
from segmentation.jobs.horizons import months_of_others
from segmentation.jobs.reach import last_day, tell_unseen_days
from segmentation.jobs.rows import replace_date
from segmentation.jobs.stored_categories import stored_categories
from segmentation.outlook.churn import ACTIVE, ALL, TEST, ChurnResult, forecast_churn
from segmentation.outlook.snapshots import check_history, measured_then, snapshot
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import ACTIVITY, CHURN_METRICS, CHURN_SCORES, EVENT_NAMES, TOKENS
from segmentation.stores.outlook_runs import log_churn
from segmentation.stores.runs import open_runs


def churn(job: Job) -> None:
    """Rebuild the features of two earlier dates, learn, test on the later one, score every account of the basetable."""
    as_of, basetable, features = read_basetable(job)
    note = training_note(job, as_of, "outlook", "basetable", task="industry")
    versions = job.tables.versions([ACTIVITY, TOKENS])
    others = months_of_others(job, CHURN_SCORES, "horizon_months", as_of)
    note = json.dumps({**json.loads(note), **versions, **others}, sort_keys=True)
    if not job.args.force and job.tables.note(CHURN_SCORES) == note:
        job.show(f"churn as of {as_of}: nothing has changed, kept as it is")
        promote_published(job, CHURN_SCORES, as_of)
        return
    require_current_activity(job, as_of)
    settings = job.settings
    activity, tokens = job.tables.read(ACTIVITY), job.tables.read(TOKENS)
    months: dict[dt.date, int] = dict(activity.groupBy("event_month").agg(F.sum("rows")).collect())
    first = first_in_turn(months)
    check_history(first, as_of, settings.outlook)
    tell_unseen_days(job, as_of, last_day(tokens))
    horizon = settings.outlook.horizon_months
    features, shorter = measured_then(features, first, months_before(as_of, 2 * horizon))
    if shorter:
        job.show(shorter)
    masks, categories = mask_words(job.tables.read(EVENT_NAMES)), stored_categories(job)
    tell_if_behind(job, as_of, features)
    earlier, later = (
        snapshot(activity, tokens, months_before(as_of, back), horizon, categories, masks, settings.basetable)
        for back in (2 * horizon, horizon)
    )
    with job.stage(f"churn: learned as of {months_before(as_of, 2 * horizon)} and {months_before(as_of, horizon)}"):
        result = forecast_churn(earlier, later, basetable, features, settings.outlook, settings.models)
    with job.stage("churn: logged and stored"):
        _store(job, result, as_of, note)
    for line in summary_lines(result.metrics, horizon):
        job.show(line)


def _store(job: Job, result: ChurnResult, as_of: dt.date, note: str) -> None:
    runs = open_runs(job.settings.storage, job.data_dir)
    model = log_churn(runs, result, job.settings, job.tables.versions((*LINEAGE, TOKENS)), as_of)
    scores = result.scores.withColumn("model", F.lit(model))
    replace_date(job, as_of, (CHURN_METRICS, result.metrics, None), (CHURN_SCORES, scores, note))
    job.publish()
    promote_published(job, CHURN_SCORES, as_of)


def summary_lines(metrics: pd.DataFrame, horizon: int) -> list[str]:
    """One line per population: the AUC on the later period beside recency alone, and whether that is a difference."""
    known = metrics[(metrics["slice"] == TEST) & (metrics["metric"] == "auc")].set_index("population")
    lines: list[str] = []
    for population in (ALL, ACTIVE):
        row = known.loc[population]
        said = f"churn, {population} accounts: {row['churned']:,} of {row['accounts']:,} silent for {horizon} months"
        if pd.isna(row["value"]):
            lines.append(f"{said}; {row['reason']}")
            continue
        verdict = "better than" if row["better_low"] > 0 else "not shown to be better than"
        said += f"; AUC {row['value']:.2f} ({row['low']:.2f} - {row['high']:.2f}) on later months, {verdict} recency "
        lines.append(f"{said}alone ({row['recency']:.2f})" + (f"; {row['reason']}" if row["reason"] else ""))
    return lines


JOB = JobSpec("churn", "how likely every account is to fall silent", add_as_of, churn, tracks=True)
