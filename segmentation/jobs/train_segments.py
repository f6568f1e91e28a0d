"""basetable -> segments of every method, what they are, how they changed; their models in MLflow."""

from __future__ import annotations

import datetime as dt
from functools import reduce

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arguments import add_as_of
from segmentation.column_names import quoted
from segmentation.jobs.built import labels_of
from segmentation.jobs.freshness import LINEAGE, promote_published, read_basetable, tell_if_behind, training_note
from segmentation.jobs.rows import replace_date
from segmentation.jobs.segment_history import History, moves_in_words, moves_since, read_history, with_history
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import (
    ACCOUNT_FEATURES,
    ACCOUNT_POSITIONS,
    ACCOUNT_RFM,
    ACCOUNTS,
    SEGMENT_MOVES,
    SEGMENT_PROFILES,
    SEGMENT_SUMMARIES,
    SEGMENTS,
)
from segmentation.segments.evolution import decompose, with_ended
from segmentation.segments.importance import surrogate
from segmentation.segments.matching import BORN, ENDED, MERGED, SPLIT
from segmentation.segments.placing import CONSENSUS
from segmentation.segments.result import SegmentationRun
from segmentation.segments.rfm import account_rfm
from segmentation.segments.training import train_segments as train
from segmentation.stores.runs import open_runs
from segmentation.stores.segment_runs import log_segments
from segmentation.table import of_date

#: changes worth a line on the screen
TOLD = (BORN, SPLIT, MERGED, ENDED)


def train_segments(job: Job) -> None:
    """Train every method of the settings, log the runs, store every account's segment and what is to be said of it."""
    as_of, basetable, features = read_basetable(job)
    tell_if_behind(job, as_of, features)
    note = training_note(job, as_of, "segments", task="segments")
    if not job.args.force and job.tables.note(SEGMENTS) == note:
        job.show(f"segments as of {as_of}: nothing has changed, kept as they are")
        promote_published(job, SEGMENTS, as_of)
        return
    settings = job.settings
    history = read_history(job, as_of)
    with job.stage(f"segments: {', '.join(settings.segments.methods)} trained"):
        told = _attributes(job, as_of), _measured(job, as_of)
        run = train(basetable, features, settings.segments, settings.models, history.previous, *told)
    with job.stage("segments: logged and stored"):
        _store(job, as_of, basetable, run, history, note)
        promote_published(job, SEGMENTS, as_of)
    _show(job, as_of, run)


def _store(job: Job, as_of: dt.date, basetable: DataFrame, run: SegmentationRun, history: History, note: str) -> None:
    """Runs and models in MLflow, six tables in one publication."""
    runs = open_runs(job.settings.storage, job.data_dir)
    clustered = run.values.drop(columns=list(run.held_out))
    seed = job.settings.segments.seed
    surrogates = {one.method: surrogate(clustered, one.sampled, seed) for one in run.results}
    models = log_segments(runs, run, surrogates, job.settings, job.tables.versions(LINEAGE), as_of)
    rows = [one.assignments.withColumn("model", F.lit(models[one.method])) for one in run.results]
    summaries = pd.concat([with_history(one.summaries, history) for one in run.results])
    summaries = with_ended(summaries, history.replaced, lambda method: _why_ended(method, run))
    profiles = pd.concat([one.profile.assign(method=one.method) for one in run.results])
    segments = reduce(DataFrame.unionByName, rows)
    replace_date(job, as_of, (SEGMENTS, segments, note), (SEGMENT_SUMMARIES, summaries, None))
    now = job.tables.read(SEGMENTS).where(of_date(as_of))
    moved = moves_since(job, runs, history, basetable, now)
    replace_date(job, as_of, (SEGMENT_PROFILES, profiles, None), (SEGMENT_MOVES, moved, None),
                 (ACCOUNT_RFM, account_rfm(basetable), None), (ACCOUNT_POSITIONS, run.positions(), None))  # fmt: skip
    job.publish()


def _why_ended(method: str, run: SegmentationRun) -> str:
    """Of a segment of the same date that a training done again does not have."""
    if method in run.skipped:
        return f"its method found no segments this time, as {run.skipped[method]}"
    if method in {one.method for one in run.results}:
        return "the training that was done again for this date has other segments"
    if method == CONSENSUS:
        return "fewer than two methods found segments this time"
    return "its method was not trained again for this date"


def _attributes(job: Job, as_of: dt.date) -> pd.DataFrame | None:
    """The accounts file's columns without the label, which segments never see; None where it has no others."""
    accounts = job.tables.read(ACCOUNTS)
    others = [name for name in accounts.columns if name not in {"account_id", *labels_of(job, as_of)}]
    return accounts.select("account_id", *(F.col(quoted(name)) for name in others)).toPandas() if others else None


def _measured(job: Job, as_of: dt.date) -> DataFrame | None:
    """The account features, null where there is nothing to measure; None where none are stored."""
    if not job.tables.exists(ACCOUNT_FEATURES):
        return None
    return job.tables.read(ACCOUNT_FEATURES).where(of_date(as_of))


def _show(job: Job, as_of: dt.date, run: SegmentationRun) -> None:
    for result in run.results:
        job.show(f"{result.method}: {result.k} segments, {result.reason}")
        told = [f"{one.segment} {one.kind}" for one in result.changes if one.kind in TOLD]
        if told:
            job.show(f"  since the run before: segment {', segment '.join(told)}")
    for method, why in run.skipped.items():
        job.show(f"{method}: no segments, {why}")
    job.show(f"{run.outliers:,} outlying accounts, {run.outlier_rule}")
    for one in decompose(job.tables.read(SEGMENT_MOVES).where(of_date(as_of))):
        job.show(moves_in_words(one))


JOB = JobSpec("segments", "find segments of similar accounts", add_as_of, train_segments, tracks=True)
