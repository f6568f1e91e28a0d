"""Carry out a planned batch: one commit of all its rows, counted against the files, then everything derived from them.

Nothing here is shown to readers before the job publishes. A batch whose rows a killed run had committed already is
taken up where that run left it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.checkpoint import settled
from segmentation.errors import InputProblem
from segmentation.events.balance import FileCounts, audit, count_by_file, row_balance
from segmentation.events.build import build_events, lay_out
from segmentation.events.drift import drift
from segmentation.events.duplicates import mark_copies
from segmentation.events.identifiers import hash_identifiers, hash_row_hash, key_frame, seal
from segmentation.events.parse import identify
from segmentation.events.revisions import SUPERSEDED, VERSION, supersede
from segmentation.events.rule_set import RuleSet
from segmentation.events.spelling import composed_by_java, composed_by_python
from segmentation.jobs.dimensions import update_names, update_tokens
from segmentation.jobs.layouts import by_layout, parse_layout
from segmentation.jobs.plans import Plan
from segmentation.jobs.stored_hashes import stored_hashes
from segmentation.local_rows import LocalRows, local_frame, local_rows
from segmentation.runtime import Job
from segmentation.schemas import EVENTS, KEPT, LEDGER, READ, ROW_BALANCE
from segmentation.shown import FILES_TOLD, listed
from segmentation.stores.capabilities import calls_java, scan_parallelism, setting_if_allowed
from segmentation.stores.drops import read_drop
from segmentation.stores.inspection import RawFile
from segmentation.stores.secrets import read_key

#: some 300 MB of a task's memory, with which a core of 1.5 GB needs no files to find copies
HASHES_PER_TASK = 3_000_000
#: what one task takes of Parquet: a million rows or so, which it sorts in half a gigabyte. Spark's 128 MB, packed to a
#: tenth, would be eleven million, and sorting them through files took most of the time. Of text they are a million
PARQUET_PER_TASK = ("spark.sql.files.maxPartitionBytes", "16m")


class FileChanged(InputProblem):  # it names what happened
    """Files are not what they were when the batch was planned; the message names the first of them."""

    def __init__(self, paths: Collection[Path]) -> None:
        named = listed([*map(str, paths)], FILES_TOLD)
        super().__init__(f"{named} changed after the batch was planned: run the same command when nobody writes there")
        self.paths = set(paths)


def carry_out(job: Job, plan: Plan) -> list[dict[str, object]]:
    """Write the batch to all tables, ready to be published; returns its row balance.

    Raises FileChanged when a file was touched before its rows were committed, BalanceError when rows went missing.
    """
    overtaken = False
    if job.tables.adopt(EVENTS, _note(job, plan)):
        # a file may have changed while the killed run read it; one that is gone since is left to the audit
        _require_unchanged([file for file in plan.files if file.path.exists()])
        job.say(f"the rows of batch {plan.batch_id} are there already")
        overtaken = plan.rules.source.event_id is not None
    else:
        _require_unchanged(plan.files)
        wrote = f"wrote {sum(f.rows for f in plan.files):,} rows of {len(plan.files)} files to events"
        is_parquet = plan.rules.source.format == "parquet"
        # rows are told by their place among the tasks that read them, twice: both times the same
        alike = setting_if_allowed(job.spark, "spark.sql.files.minPartitionNum", scan_parallelism(job.spark))
        cut = setting_if_allowed(job.spark, *PARQUET_PER_TASK) if is_parquet else nullcontext()
        with job.stage(wrote), alike, cut:
            overtaken = _write_events(job, plan)
        _require_unchanged(plan.files)
    batch = job.tables.read(EVENTS).where(F.col("batch_id") == plan.batch_id)
    # tables that do not need each other, and a commit is mostly waiting; nobody is shown one before all are done
    with job.stage("counted every row, updated tokens and event names"), ThreadPoolExecutor(3) as pool:
        counted = pool.submit(_count, job, plan, overtaken)
        others = [
            pool.submit(update_tokens, job, None if overtaken else batch),
            pool.submit(update_names, job, batch, plan.rules),
        ]
        balance = counted.result()
        for other in others:
            other.result()
    return balance


def _note(job: Job, plan: Plan) -> str:
    """What the commit of a plan's rows carries.

    Copies and overtaken rows were looked for in what was published then: made from anything else than what is
    published now, by this job before another one published or by one that was killed, it is not taken up.
    """
    base = job.tables.published.get(EVENTS.name)
    return f"{plan.note} on {f'version {base.version}' if base else 'nothing'}"


def _count(job: Job, plan: Plan, overtaken: bool) -> list[dict[str, object]]:
    """Hold what is stored against what the files hold, then enter the files into the ledger."""
    balance = recount(job, None) if overtaken else _enter(job, plan.batch_id)
    own = [row for row in balance if row["batch_id"] == plan.batch_id]
    stored = count_by_file(own)
    audit({file.file_id: (str(file.path), file.rows) for file in plan.files}, stored)
    job.tables.append(_ledger(plan, stored), LEDGER)
    return own


def _enter(job: Job, batch_id: str) -> list[dict[str, object]]:
    """Count the rows of a batch that no count holds yet, into `row_balance`; returns the counts."""
    balance, rows = _counted(job, f"batch_id = '{batch_id}'")
    job.tables.append(rows, ROW_BALANCE)  # to replace, Delta would look for what there is
    return balance


def recount(job: Job, batch_ids: Sequence[str] | None) -> list[dict[str, object]]:
    """Count the rows of some batches (None: of all) again, into `row_balance` and the ledger; returns the counts."""
    where = f"batch_id IN ({', '.join(map(repr, batch_ids))})" if batch_ids is not None else None
    balance, rows = _counted(job, where)
    job.tables.replace(rows, ROW_BALANCE, where=where)
    if job.tables.exists(LEDGER):
        _correct_ledger(job, count_by_file(balance), where)
    return balance


def _counted(job: Job, where: str | None) -> tuple[list[dict[str, object]], LocalRows]:
    """The row balance of some rows of `events`, None: of all; by name, and as the table has them."""
    events = job.tables.read(EVENTS)
    balance = [row.asDict() for row in row_balance(events.where(where) if where else events).collect()]
    rows = [[row[name] for name in ROW_BALANCE.columns.names] for row in balance]
    return balance, local_rows(rows, ROW_BALANCE.columns)


def _require_unchanged(files: Sequence[RawFile]) -> None:
    if changed := [file.path for file in files if not file.is_unchanged()]:
        raise FileChanged(changed)


def _write_events(job: Job, plan: Plan) -> bool:
    """One commit of all rows; returns whether rows of earlier batches were overtaken in it."""
    tables, rows, overtaken = job.tables, batch_events(job, plan), None
    if plan.rules.source.event_id is not None:
        stored = None
        if tables.exists(EVENTS):
            stored = tables.read(EVENTS).where(F.col("disposition") == KEPT).select(*VERSION)
        rows, overtaken = supersede(rows, stored)
        if overtaken is not None:
            overtaken = settled(overtaken)
    if overtaken is None or overtaken.isEmpty():
        tables.append(lay_out(rows), EVENTS, _note(job, plan))
        return False
    change = {"disposition": "'dropped'", "rule": f"'{SUPERSEDED}'"}
    tables.append_and_change(lay_out(rows), EVENTS, overtaken, "old.disposition = 'kept'", change, _note(job, plan))
    return True


def batch_events(job: Job, plan: Plan) -> DataFrame:
    """The rows of all files as rows of `events`; files of different columns are parsed apart."""
    source, files = plan.rules.source, plan.files
    known, looked_through = stored_hashes(job, plan) if source.duplicates == "drop" else (None, 0)
    # each layout is read apart: what Parquet's merged schema would make of it changes the hashes of equal rows
    groups = by_layout(files)
    identified = [identify(read_drop(job.spark, group, source), files, source) for group in groups]
    if key := read_key(job.settings.privacy):
        keys = key_frame(job.spark, key)
        identified = [hash_row_hash(rows, keys, "_row_hash") for rows in identified]
    dealt = hash_partitions(job.spark, looked_through + sum(file.rows for file in files))
    parts = []
    for group, marked in zip(groups, mark_copies(identified, known, source.duplicates == "drop", dealt), strict=True):
        parts.append(build_rows(job, plan.rules, marked, group[0].layout, plan.batch_id, plan.planned_at))
    return reduce(DataFrame.unionByName, parts)


def hash_partitions(spark: SparkSession, rows: int) -> int | None:
    """Into how many parts to deal the hashes of so many rows; None where Spark's own number is enough."""
    needed, own = -(-rows // HASHES_PER_TASK), str(spark.conf.get("spark.sql.shuffle.partitions"))
    # what Databricks calls auto is counted from the rows anyway
    return needed if own.isdecimal() and needed > int(own) else None


def build_rows(
    job: Job, rules: RuleSet, marked: DataFrame, layout: str | None, batch_id: str, now: dt.datetime
) -> DataFrame:
    """Rows of files of one layout to rows of `events`; `now` is UTC, and what is later lies in the future."""
    parsed, source = parse_layout(marked, rules, layout)
    compose = composed_by_java if calls_java(job.spark) else composed_by_python
    events = build_events(parsed, source, rules.categories, rules.ingest, batch_id, now.isoformat(" "), compose)
    if key := read_key(job.settings.privacy):
        keys = key_frame(job.spark, key)
        events = seal(hash_identifiers(events, keys), keys)
    return events


def _ledger(plan: Plan, stored: dict[str, FileCounts]) -> LocalRows:
    now, source = plan.planned_at.replace(tzinfo=dt.UTC), plan.rules.source
    rows: list[tuple[object, ...]] = []
    for file in plan.files:
        counts = stored.get(file.file_id, FileCounts(0, 0, 0))
        found = drift(file.columns or source.columns, source)
        rows.append(
            (plan.batch_id, file.file_id, str(file.path), source.name, READ, None, file.bytes, file.rows, counts.kept,
             counts.quarantined, counts.dropped, list(found.new) or None, list(found.absent) or None, file.layout, now)
        )  # fmt: skip
    return local_rows(rows, LEDGER.columns)


def _correct_ledger(job: Job, counts: dict[str, FileCounts], where: str | None) -> None:
    """Bring kept, quarantined and dropped of recounted files up to date; rows_in never changes."""
    ledger = job.tables.read(LEDGER)
    stored = ledger.where(where) if where else ledger
    new = [(file_id, c.kept, c.quarantined, c.dropped) for file_id, c in counts.items()]
    kinds = ("kept", "quarantined", "dropped")
    recounted = local_frame(job.spark, new, "file_id string, _kept long, _quarantined long, _dropped long")
    joined = stored.join(F.broadcast(recounted), on="file_id", how="left")
    columns = [
        # the same content may have been refused before the source was mended: that entry counts nothing
        F.when(F.col("status") == READ, F.coalesce(f"_{name}", name)).otherwise(F.col(name)).alias(name)
        if name in kinds
        else F.col(name)
        for name in LEDGER.columns.names
    ]
    if not stored.isEmpty():
        job.tables.replace(joined.select(*columns), LEDGER, where=where)
