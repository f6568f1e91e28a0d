"""The categories that a basetable speaks of: those of conf, then those that the logs bring along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame

from segmentation.events.categories import category_names
from segmentation.features.catalogue import catalogue
from segmentation.runtime import Job
from segmentation.schemas import EVENT_NAMES
from segmentation.settings import CategorySettings
from segmentation.stores.conf import load_categories


def stored_categories(job: Job) -> tuple[str, ...]:
    """The categories of conf in its order; logs with categories of their own add theirs behind."""
    return categories_of(job.tables.read(EVENT_NAMES))


def categories_of(event_names: DataFrame) -> tuple[str, ...]:
    """The same of a table of event names that is at hand."""
    return _with_those_of_conf(_stored(event_names))


def require_columns(job: Job, own: Sequence[CategorySettings]) -> None:
    """InputProblem where a log's categories, those of conf and those stored would give equal columns.

    Asked before it is ingested: a row that is stored keeps its category, and no basetable could be built any more.
    """
    stored = _stored(job.tables.read(EVENT_NAMES)) if job.tables.exists(EVENT_NAMES) else set()
    catalogue(_with_those_of_conf(stored.union(category_names(own))))


def _stored(event_names: DataFrame) -> set[str]:
    return {row["category"] for row in event_names.select("category").distinct().collect()}


def _with_those_of_conf(own: Iterable[str]) -> tuple[str, ...]:
    names = category_names(load_categories())
    return (*names, *sorted(set(own) - set(names)))
