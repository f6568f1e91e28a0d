"""The small tables beside `events` brought up to date: tokens, event names, platforms."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.checkpoint import settled
from segmentation.events.dimensions import (
    could_have_bits,
    give_bits,
    merge_event_names,
    merge_platforms,
    merge_tokens,
    refuse_collisions,
)
from segmentation.events.revisions import SUPERSEDED
from segmentation.events.rule_set import RuleSet
from segmentation.runtime import Job
from segmentation.schemas import EVENT_NAMES, EVENTS, KEPT, PLATFORMS, TOKENS
from segmentation.table import Table


def update_tokens(job: Job, arrived: DataFrame | None) -> None:
    """Tokens after the rows that arrived; None: counted anew from all events, since counts that shrink do not merge."""
    tables = job.tables
    known = tables.read(TOKENS) if arrived is not None and tables.exists(TOKENS) else None
    _replace_named(job, merge_tokens(known, tables.read(EVENTS) if arrived is None else arrived), TOKENS, "token")


def update_event_names(job: Job, named: DataFrame, rules: RuleSet) -> None:
    """Event names after the rows of `named`, which may be known already."""
    known = job.tables.read(EVENT_NAMES) if job.tables.exists(EVENT_NAMES) else None
    names = merge_event_names(known, _once_kept(named), rules.categories, rules.max_names)
    _replace_named(job, names, EVENT_NAMES, "event_name")


def event_names_of_cube(job: Job) -> tuple[DataFrame, bool]:
    """The few rows of the stored table, kept, and whether the cube must be computed anew for them.

    Each look at a stored table costs queries of its log as well. It is anew where the number of names counted exactly
    was raised: then names that had come too late for a bit are given one.
    """
    names, limit = settled(job.tables.read(EVENT_NAMES)), job.settings.features.max_names_per_category
    if not could_have_bits(names, limit):
        return names, False
    job.say(f"features.max_names_per_category was raised to {limit}: computing the cube anew from the events")
    job.tables.replace(give_bits(names, limit), EVENT_NAMES)
    return settled(job.tables.read(EVENT_NAMES)), True


def update_platforms(job: Job, named: DataFrame) -> None:
    """Platforms after the rows of `named`, which may be known already."""
    known = job.tables.read(PLATFORMS) if job.tables.exists(PLATFORMS) else None
    _replace_named(job, merge_platforms(known, _once_kept(named)), PLATFORMS, "product")


def _once_kept(rows: DataFrame) -> DataFrame:
    """The rows, overtaken ones as kept: whether they had been depends on how files were split into batches."""
    kept = F.when(F.col("rule") == SUPERSEDED, F.lit(KEPT)).otherwise(F.col("disposition"))
    return rows.withColumn("disposition", kept)


def _replace_named(job: Job, rows: DataFrame, table: Table, name: str) -> None:
    """Replace a table of names by key; raises KeyCollision when two names in it share one."""
    (key,) = table.unique_by
    job.tables.replace(rows, table)
    refuse_collisions(job.tables.read(table), key, name)
