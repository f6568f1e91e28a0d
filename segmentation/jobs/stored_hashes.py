"""The hashes of stored rows that a batch is looked up in: of its own months alone, where that is sure and pays."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.events.duplicates import KNOWN
from segmentation.events.rule_set import RuleSet
from segmentation.events.times import event_months
from segmentation.jobs.layouts import by_layout, parse_layout
from segmentation.jobs.plans import Plan, rules_of_stored
from segmentation.runtime import Job
from segmentation.schemas import EVENTS, LEDGER, READ
from segmentation.stores.drops import read_drop

#: stored rows from which on, and times the batch's rows from which on, it pays to read the batch's times beforehand:
#: a million rows of Parquet take .8 seconds of two cores (of CSV longer), to look through a million stored ones .3
MANY, MANY_TIMES = 10_000_000, 5


def stored_hashes(job: Job, plan: Plan) -> tuple[DataFrame | None, int]:
    """`row_hash`, `disposition` and `rule` of stored rows that may equal one of the batch; None when none are stored.

    With it how many they are where all are looked through, 0 where they are those of a few months.

    Equal rows are of equal times, so other months need no look, unless stored rows of the source got theirs by rules
    that differ in it. Rows without a month always do.
    """
    if not job.tables.exists(EVENTS):
        return None, 0
    known, stored = job.tables.read(EVENTS).select("event_month", *KNOWN), _stored_rows(job)
    if stored >= max(MANY, MANY_TIMES * sum(file.rows for file in plan.files)) and _are_timed_alike(job, plan.rules):
        with job.stage("found the months of the batch, to look for copies in these alone"):
            months = _months(job, plan)
        # as texts: a date of the first years, as junk may hold, cannot be handed to Spark
        dates = "".join(f" OR event_month = DATE '{month}'" for month in sorted(months))
        known, stored = known.where(f"event_month IS NULL{dates}"), 0
    return known.select(*KNOWN), stored


def _stored_rows(job: Job) -> int:
    """Of all sources: nothing in a stored row tells which one it came from."""
    entries = job.tables.read(LEDGER).where(F.col("status") == READ)
    stored = entries.agg(F.coalesce(F.sum("rows_in"), F.lit(0)).alias("rows")).first()
    assert stored is not None  # an aggregate of everything has one row
    return int(stored["rows"])


def _are_timed_alike(job: Job, rules: RuleSet) -> bool:
    """Whether these rules give every stored row of the source that has a time the same one."""
    stored = rules_of_stored(job, rules.source.name, ())
    return all(one is not None and rules.keeps_times_of(one) for _, one in stored)


def _months(job: Job, plan: Plan) -> set[dt.date]:
    """The months, in UTC, of the batch's rows."""
    source, months = plan.rules.source, set()
    for same in by_layout(plan.files):
        parsed, _ = parse_layout(read_drop(job.spark, same, source), plan.rules, same[0].layout)
        months |= {row["event_month"] for row in event_months(parsed, source.time).collect()}
    return months
