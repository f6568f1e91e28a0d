"""The small tables beside `events` brought up to date: tokens, event names, platforms."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import DataFrame

from segmentation.checkpoint import settled
from segmentation.events.dimensions import (
    could_have_bits,
    give_bits,
    kept_names,
    merge_event_names,
    merge_platforms,
    merge_tokens,
    refuse_collisions,
)
from segmentation.events.rule_set import RuleSet
from segmentation.runtime import Job
from segmentation.schemas import EVENT_NAMES, EVENTS, PLATFORMS, TOKENS
from segmentation.table import Table


def update_tokens(job: Job, arrived: DataFrame | None) -> None:
    """Tokens after the rows that arrived; None: counted anew from all events, since counts that shrink do not merge."""
    tables = job.tables
    known = tables.read(TOKENS) if arrived is not None and tables.exists(TOKENS) else None
    _replace_named(job, merge_tokens(known, tables.read(EVENTS) if arrived is None else arrived), TOKENS, "token")


def update_names(job: Job, rows: DataFrame, rules: RuleSet) -> None:
    """Event names and platforms after some rows of `events`, which may be known already; the rows are read once."""
    named = settled(kept_names(rows))
    with ThreadPoolExecutor(1) as pool:
        platforms = pool.submit(_update_platforms, job, named)
        known = job.tables.read(EVENT_NAMES) if job.tables.exists(EVENT_NAMES) else None
        names = merge_event_names(known, named, rules.categories, rules.max_names)
        _replace_named(job, names, EVENT_NAMES, "event_name")
        platforms.result()


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


def _update_platforms(job: Job, named: DataFrame) -> None:
    known = job.tables.read(PLATFORMS) if job.tables.exists(PLATFORMS) else None
    _replace_named(job, merge_platforms(known, named), PLATFORMS, "product")


def _replace_named(job: Job, rows: DataFrame, table: Table, name: str) -> None:
    """Replace a table of names by key; raises KeyCollision when two names in it share one."""
    (key,) = table.unique_by
    job.tables.replace(rows, table)
    refuse_collisions(job.tables.read(table), key, name)
