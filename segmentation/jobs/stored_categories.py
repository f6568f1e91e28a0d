"""The categories that a basetable speaks of: those of conf, then those that the logs bring along."""

from __future__ import annotations

from pyspark.sql import DataFrame

from segmentation.events.categories import category_names
from segmentation.runtime import Job
from segmentation.schemas import EVENT_NAMES
from segmentation.stores.conf import load_categories


def stored_categories(job: Job) -> tuple[str, ...]:
    """The categories of conf in its order; logs with categories of their own add theirs behind."""
    return categories_of(job.tables.read(EVENT_NAMES))


def categories_of(event_names: DataFrame) -> tuple[str, ...]:
    """The same of a table of event names that is at hand."""
    names = category_names(load_categories())
    stored = {row["category"] for row in event_names.select("category").distinct().collect()}
    return (*names, *sorted(stored - set(names)))
