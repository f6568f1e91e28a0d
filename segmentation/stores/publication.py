"""What readers see of the tables, as the latest publication says."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.local_rows import local_rows
from segmentation.schemas import PUBLISHED
from segmentation.stores.delta import DeltaTable
from segmentation.table import faults


class PublicationConflict(RuntimeError):  # noqa: N818  # it names what happened
    """Another job has published since this one began; whoever catches it calls `refresh` and starts again."""


@dataclass(frozen=True)
class Published:
    """What readers see of one table."""

    version: int
    note: str | None
    job: str
    at: dt.datetime


def read_publication(log: DeltaTable, others: Callable[[], Sequence[str]]) -> tuple[dict[str, Published], int]:
    """(what readers see, by table name; the publication's number) from the table `published`; ({}, 0) before any.

    `others` names the tables that are there beside it. InputProblem where `published` alone is missing: whoever took
    that for a new beginning would take back all that was ever published.
    """
    version = log.version()
    if version < 0 and (there := others()):
        version = log.version()  # a job may have begun between the two looks
        if version < 0:
            raise InputProblem(
                f"{log.location} is missing though other tables are there ({', '.join(there)}): restore it; if no job "
                "has ever finished there, delete them"
            )
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


def begin_publications(log: DeltaTable) -> None:
    """Make `published`, empty, where it is not there: before any other table, so that its loss can be told."""
    if log.version() < 0:
        log.create(PUBLISHED.columns)


def write_publication(log: DeltaTable, state: Mapping[str, Published], sequence: int, job: str) -> None:
    """Show readers the tables of `state`, in one commit; PublicationConflict when another job's came first."""
    rows = [(name, p.version, p.note, sequence, p.job, p.at) for name, p in sorted(state.items())]
    local = local_rows(rows, PUBLISHED.columns)
    before, mine = log.version(), uuid.uuid4().hex
    log.write(local, "overwrite", {"txnAppId": "published", "txnVersion": str(sequence), "userMetadata": mine})
    if mine not in log.notes(before):  # Delta skips a second commit of one number in silence
        raise PublicationConflict(f"another job has published while {job} was at work")
