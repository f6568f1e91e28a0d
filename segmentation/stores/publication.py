"""What readers see of the tables, as the latest publication says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.schemas import PUBLISHED
from segmentation.stores.delta import DeltaTable
from segmentation.table import faults


@dataclass(frozen=True)
class Published:
    """What readers see of one table."""

    version: int
    note: str | None
    job: str
    at: dt.datetime


def read_publication(log: DeltaTable) -> tuple[dict[str, Published], int]:
    """(what readers see, by table name; the publication's number) from the table `published`; ({}, 0) before any."""
    version = log.version()
    if version < 0:
        return {}, 0
    stored = log.read(version)
    if wrong := faults(stored.schema, PUBLISHED):
        raise InputProblem(
            f"{log.location} is not this project's table of publications ({'; '.join(wrong)}): name another "
            "--data-dir, or with a catalog another storage.schema_name"
        )
    # as text: Python would take a collected timestamp for one in the machine's zone
    rows = stored.withColumn("published_at", F.col("published_at").cast("string")).collect()
    state = {
        row["table_name"]: Published(
            row["version"], row["note"], row["job"], dt.datetime.fromisoformat(row["published_at"] + "+00:00")
        )
        for row in rows
    }
    return state, max((int(row["sequence"]) for row in rows), default=0)
