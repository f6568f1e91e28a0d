"""What earlier runs of the segments left in the tables: whose ids go on, and who has moved since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.jobs.kept_models import other_columns
from segmentation.models.columns import filled_columns
from segmentation.runtime import Job
from segmentation.schemas import SEGMENT_MOVES, SEGMENT_PROFILES, SEGMENT_SUMMARIES, SEGMENTS
from segmentation.segments.evolution import Decomposed, keep_history, moves, previous_run
from segmentation.segments.matching import ENDED, FIRST, Previous
from segmentation.segments.scoring import SEGMENT
from segmentation.stores.registry import RUN
from segmentation.stores.runs import Runs
from segmentation.stores.segment_runs import load_earlier


@dataclass(frozen=True)
class History:
    """What stands in the tables when a run begins."""

    as_of: dt.date
    #: method -> the run whose ids go on: the one of the same as_of, else the latest before, else the first after
    reference: Mapping[str, dt.date]
    #: method -> the latest as_of before, from which moves are counted
    earlier: Mapping[str, dt.date]
    previous: Mapping[str, Previous]
    #: rows of segment_summaries of this as_of, about to be replaced
    replaced: pd.DataFrame


def read_history(job: Job, as_of: dt.date) -> History:
    """The runs that the tables hold, for a run that speaks for `as_of`; empty before the first."""
    if not all(job.tables.exists(table) for table in (SEGMENTS, SEGMENT_SUMMARIES, SEGMENT_PROFILES)):
        return History(as_of, {}, {}, {}, pd.DataFrame(columns=[field.name for field in SEGMENT_SUMMARIES.columns]))
    segments, summaries = job.tables.read(SEGMENTS), job.tables.read(SEGMENT_SUMMARIES)
    given = segments.select("method", "as_of", "segment").unionByName(summaries.select("method", "as_of", "segment"))
    runs = segments.select("method", "as_of").distinct().toPandas().groupby("method")["as_of"].agg(list).to_dict()
    highest = given.groupBy("method").agg(F.max("segment").alias("highest")).toPandas()
    ids = dict(zip(highest["method"], highest["highest"], strict=True))
    reference = {str(method): _nearest(dates, as_of) for method, dates in runs.items()}
    before = {str(method): [date for date in dates if date < as_of] for method, dates in runs.items()}
    profiles = job.tables.read(SEGMENT_PROFILES)
    # of a method that was not trained again for its only date the ids alone are left
    of_ids_alone = {method: Previous("", {}, {}, {}, int(last)) for method, last in ids.items() if method not in runs}
    return History(
        as_of,
        reference,
        {method: max(dates) for method, dates in before.items() if dates},
        of_ids_alone
        | {
            method: previous_run(
                _of(segments, method, date).select("account_id", "segment", "name").toPandas(),
                _of(profiles, method, date).select("segment", "feature", "centre").toPandas(),
                date.isoformat(),
                int(ids[method]),
            )
            for method, date in reference.items()
        },
        summaries.where(F.col("as_of") == F.lit(as_of)).toPandas(),
    )


def with_history(summaries: pd.DataFrame, history: History) -> pd.DataFrame:
    """One method's new summaries, told against the run before even where they replace others of the same as_of."""
    [method] = summaries["method"].unique()
    date = history.reference.get(method)
    if date is None or date < history.as_of:
        return summaries
    if date > history.as_of:  # going back in time: what comes later has not happened yet
        living = summaries[summaries["change"] != ENDED]
        return living.assign(change=FIRST, previous=living["previous"].map(lambda ids: ids[:0]))
    stored = history.replaced[history.replaced["method"] == method]
    return keep_history(summaries, stored[list(summaries.columns)])


def moves_since(
    job: Job, runs: Runs, history: History, basetable: DataFrame, now: DataFrame
) -> DataFrame | pd.DataFrame:
    """Table `segment_moves` for every method that ran before with a model that is still there.

    Methods of scikit-learn and the consensus have no model that could be applied to other data, so nobody can say
    what moved their accounts; their ids survive all the same.
    """
    stored = job.tables.read(SEGMENTS) if history.earlier else None
    filled = filled_columns(basetable) if history.earlier else set()
    found = []
    for method, date in sorted(history.earlier.items()):
        assert stored is not None  # there is something earlier
        rows = _of(stored, method, date)
        name = rows.agg(F.max("model")).collect()[0][0]
        model = load_earlier(runs, name)
        why = _not_applicable(name, model, basetable, filled)
        if model is None or why:
            job.say(f"moves of {method} since {date} are not counted: {why}")
            continue
        scored = model.transform(basetable).select("account_id", F.col(SEGMENT).alias("segment"))
        found.append(moves(rows, scored.withColumn("method", F.lit(method)), now))
    if not found:
        return pd.DataFrame(columns=SEGMENT_MOVES.columns.names)
    return reduce(DataFrame.unionByName, found)


def _not_applicable(name: str, model: PipelineModel | None, basetable: DataFrame, filled: set[str]) -> str | None:
    """Why an earlier model, as a table names it, says nothing of the basetable; None where it can be applied."""
    if model is None:
        return "it has no model to apply again" if name.startswith(RUN) else f"{name} is not in MLflow any more"
    try:
        told = other_columns(name, basetable, filled, unread=filled)
    except InputProblem as problem:
        return str(problem)
    return f"{name} reads features that the basetable does not have any more ({told})" if told else None


def moves_in_words(one: Decomposed) -> str:
    """One line for the screen."""
    return (
        f"{one.method} since {one.previous_as_of}: of {one.accounts:,} accounts {one.by_customers:,} moved by "
        f"themselves, {one.by_retraining:,} by retraining; {one.moved:,} are elsewhere now"
    )


def _nearest(dates: list[dt.date], as_of: dt.date) -> dt.date:
    past = [date for date in dates if date <= as_of]
    return max(past) if past else min(dates)


def _of(rows: DataFrame, method: str, as_of: dt.date) -> DataFrame:
    return rows.where((F.col("method") == method) & (F.col("as_of") == F.lit(as_of)))
