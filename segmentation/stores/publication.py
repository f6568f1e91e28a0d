"""What readers see of the tables, as the latest publication says."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import functions as F

from segmentation.stores.delta import DeltaTable


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
    # as text: Python would take a collected timestamp for one in the machine's zone
    at = F.col("published_at").cast("string")
    rows = log.read(version).withColumn("published_at", at).collect() if version >= 0 else []
    state = {
        row["table_name"]: Published(
            row["version"], row["note"], row["job"], dt.datetime.fromisoformat(row["published_at"] + "+00:00")
        )
        for row in rows
    }
    return state, max((int(row["sequence"]) for row in rows), default=0)
