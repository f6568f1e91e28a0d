"""The months of the cube that do not hold what is kept of the logs, brought up to date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.code_digest import code_digest
from segmentation.errors import InputProblem
from segmentation.features.activity import build_activity, mask_words, merge_activity
from segmentation.features.staleness import Stale, kept_rows, stale_months
from segmentation.local_rows import local_frame
from segmentation.runtime import Job
from segmentation.schemas import ACTIVITY, ACTIVITY_FILES, EVENT_NAMES, EVENTS, PLATFORMS, ROW_BALANCE
from segmentation.shown import listed

#: months that a message names
NAMED = 5


def refresh_activity(job: Job) -> None:
    """Bring the stale months up to date, touch no other, and publish what was written if there was any."""
    if update_activity(job, job.tables.read(EVENT_NAMES), lambda: None):
        job.publish()


def update_activity(job: Job, names: DataFrame, beside: Callable[[], None], anew: bool = False) -> bool:
    """Whether any month of the cube did not hold its kept rows; those are brought up to date, not yet published.

    With `anew`, and where other code than today's computed the cube, every month is computed, whatever the list of
    files says.
    `names` are the stored event names; nobody looks at them when no month is stale.
    `beside` is done meanwhile: another table that needs nothing of the cube, since a commit is mostly waiting. So is
    the list of files that the cube was computed from: should only one of the two be committed, it is never published,
    and the next job takes it back.
    """
    tables, code = job.tables, code_digest(["segmentation.features"], only="activity.py")
    if tables.exists(ACTIVITY_FILES) and tables.note(ACTIVITY_FILES) != code:
        anew = True
        job.say("activity was computed by another release's code: computing every month anew")
    kept = kept_rows(tables.read(ROW_BALANCE))
    known = tables.read(ACTIVITY_FILES) if tables.exists(ACTIVITY_FILES) and not anew else kept.limit(0)
    with ThreadPoolExecutor(1) as pool:
        others = [pool.submit(beside)]
        stale = stale_months(kept, known)
        if stale.months:
            with job.stage(f"activity: {len(stale.again)} months computed, {len(stale.grown)} added to"):
                others.append(pool.submit(tables.replace, kept, ACTIVITY_FILES, note=code))
                cells = months_of_cube(job, stale, names)
                tables.replace(cells, ACTIVITY, where=None if anew else _in(stale.months))
        for other in others:
            other.result()
    return bool(stale.months)


def require_current_activity(job: Job, as_of: dt.date) -> None:
    """Raise InputProblem where a month before as_of has rows that the cube does not hold, or holds other ones.

    For jobs that read the cube as it is: a month that nobody brought in would look like silence.
    """
    if changed := changed_since(job, as_of):
        raise InputProblem(f"{changed}: give `segmentation basetable` first, then this command again")


def changed_since(job: Job, as_of: dt.date) -> str | None:
    """Which months before as_of have rows that the cube does not hold, or holds other ones of; None where none has."""
    tables = job.tables
    if not (tables.exists(ROW_BALANCE) and tables.exists(ACTIVITY_FILES)):
        return None
    stale = stale_months(kept_rows(tables.read(ROW_BALANCE)), tables.read(ACTIVITY_FILES))
    months = [f"{month:%Y-%m}" for month in stale.months if month < as_of]
    return f"rows of {listed(months, NAMED)} came or changed since the cube was computed" if months else None


def months_of_cube(job: Job, stale: Stale, names: DataFrame) -> DataFrame:
    """The stale months of the cube, as they should be."""
    events, platforms = job.tables.read(EVENTS), job.tables.read(PLATFORMS)
    words, sketch = mask_words(names)
    again = build_activity(events.where(_in(stale.again)), names, platforms, words, sketch) if stale.again else None
    if not stale.grown:
        assert again is not None  # asked for only when a month is stale
        return again
    arrived = local_frame(job.spark, stale.arrived, "event_month date, batch_id string, file_id string")
    # the batches for themselves, as they tell which files of the table need not be opened
    batches = events.where(_in(stale.grown)).where(F.col("batch_id").isin(*{batch for _, batch, _ in stale.arrived}))
    late = batches.join(F.broadcast(arrived), on=arrived.columns, how="left_semi")
    stored = job.tables.read(ACTIVITY).where(_in(stale.grown))
    parts = stored.unionByName(build_activity(late, names, platforms, words, sketch))
    merged = merge_activity(parts, words, sketch)
    return merged if again is None else again.unionByName(merged)


def _in(months: Sequence[dt.date]) -> str:
    dates = ", ".join(f"DATE '{month}'" for month in months)
    return f"event_month IN ({dates})"
