"""Raw drop -> events (every row, with its disposition), tokens, event_names, ledger, row balance."""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.events.balance import FileCounts, audit, balance_lines, count_by_file, row_balance
from segmentation.events.build import build_events, lay_out
from segmentation.events.dimensions import merge_event_names, merge_tokens, refuse_collisions
from segmentation.events.duplicates import mark_copies
from segmentation.events.parse import identify, parse
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import EVENT_NAMES, EVENTS, KEPT, LEDGER, ROW_BALANCE, TOKENS
from segmentation.settings import SourceSettings
from segmentation.stores.conf import load_categories, load_source
from segmentation.stores.drops import RawFile, list_drop, read_drop


def add_ingest_arguments(parser: argparse.ArgumentParser) -> None:
    """--source and --input."""
    parser.add_argument("--source", required=True, metavar="NAME", help="a file in conf/sources, or a path to one")
    parser.add_argument("--input", required=True, type=Path, metavar="PATH", help="a log file, or a folder of them")
    parser.add_argument(
        "--format", choices=("csv", "jsonl", "parquet"), help="of the files, where the source's differs"
    )


def ingest(job: Job) -> None:
    """Bring every file that is not in the ledger yet; says so when there is none."""
    source = load_source(job.args.source)
    if job.args.format:
        source = source.model_copy(update={"format": job.args.format})
    with job.stage(f"looked through {job.args.input}"):
        found = list_drop(job.args.input, source)
    _remove_unfinished(job)
    files = _new_files(job, found)
    if not files:
        job.show(f"nothing to ingest: all {len(found)} files are in the ledger")
        return
    batch_id = hashlib.sha256("".join(sorted(file.file_id for file in files)).encode()).hexdigest()[:16]
    with job.stage(f"wrote {sum(file.rows for file in files):,} rows of {len(files)} files to events"):
        job.tables.append(lay_out(_events(job, files, source, batch_id)), EVENTS)
    _account_for(job, files, source, batch_id)


def _new_files(job: Job, found: Sequence[RawFile]) -> list[RawFile]:
    """Files whose content is in no ledger entry; of equal ones in the drop the first."""
    known: set[str] = set()
    if job.tables.exists(LEDGER):
        known = {row["file_id"] for row in job.tables.read(LEDGER).select("file_id").collect()}
    new = {file.file_id: file for file in reversed(found) if file.file_id not in known}
    if len(new) < len(found):
        job.say(f"{len(found) - len(new)} of {len(found)} files hold what is already there, skipped")
    return sorted(new.values(), key=lambda file: file.path)


def _remove_unfinished(job: Job) -> None:
    """Take out what a killed or refused run left: batches that have no entry in the ledger, which is written last."""
    tables = job.tables
    if not tables.exists(EVENTS):
        return
    stored = {row["batch_id"] for row in tables.read(EVENTS).select("batch_id").distinct().collect()}
    if tables.exists(LEDGER):
        stored -= {row["batch_id"] for row in tables.read(LEDGER).select("batch_id").distinct().collect()}
    if not stored:
        return
    job.say(f"an earlier ingest did not finish: its {len(stored)} batches are taken out again")
    unfinished = " OR ".join(f"batch_id = '{batch_id}'" for batch_id in sorted(stored))
    for table in (EVENTS, ROW_BALANCE):
        if tables.exists(table):
            tables.delete(table, unfinished)
    # it may have been counted into tokens already; event names keep their bits, used or not
    tables.replace(merge_tokens(None, tables.read(EVENTS)), TOKENS)


def _events(job: Job, files: Sequence[RawFile], source: SourceSettings, batch_id: str) -> DataFrame:
    """The rows of all files; files of different columns are parsed apart."""
    categories = load_categories(source)
    known = None
    if source.duplicates == "drop" and job.tables.exists(EVENTS):
        known = job.tables.read(EVENTS).where(F.col("disposition") == KEPT)
    identified = identify(read_drop(job.spark, files, source), files)
    marked = mark_copies(identified, known, drop=source.duplicates == "drop")
    parts: list[DataFrame] = []
    for columns in sorted({file.columns for file in files}):
        ids = [file.file_id for file in files if file.columns == columns]
        of_these = marked if len(ids) == len(files) else marked.where(F.col("_file_id").isin(ids))
        parsed = parse(of_these, source, columns or source.columns)
        parts.append(build_events(parsed, source, categories, job.settings.ingest, batch_id, job.now.isoformat(" ")))
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.unionByName(part)
    return rows


def _account_for(job: Job, files: Sequence[RawFile], source: SourceSettings, batch_id: str) -> None:
    """Count what was stored, hold it against the files, update the dimensions, write the ledger last."""
    batch = job.tables.read(EVENTS).where(F.col("batch_id") == batch_id)
    with job.stage("counted every row"):
        balance = [row.asDict() for row in row_balance(batch).collect()]
        stored = count_by_file(balance)
        audit({file.file_id: (str(file.path), file.rows) for file in files}, stored)
    with job.stage("updated tokens and event names"):
        _update_dimensions(job, batch, source)
    now = job.now.replace(tzinfo=dt.UTC)  # a bare time would be taken for the machine's local one
    ledger = [
        (batch_id, f.file_id, str(f.path), source.name, f.bytes, f.rows, s.kept, s.quarantined, s.dropped, now)
        for f in files
        for s in [stored.get(f.file_id, FileCounts(0, 0, 0))]
    ]
    job.tables.append(job.spark.createDataFrame(balance, ROW_BALANCE.columns), ROW_BALANCE)
    job.tables.append(job.spark.createDataFrame(ledger, LEDGER.columns), LEDGER)
    job.show("\n".join(balance_lines(balance)))


def _update_dimensions(job: Job, batch: DataFrame, source: SourceSettings) -> None:
    tables = job.tables
    tokens = tables.read(TOKENS) if tables.exists(TOKENS) else None
    tables.replace(merge_tokens(tokens, batch), TOKENS)
    refuse_collisions(tables.read(TOKENS), "token_key", "token")
    names = tables.read(EVENT_NAMES) if tables.exists(EVENT_NAMES) else None
    limit = job.settings.features.max_names_per_category
    tables.replace(merge_event_names(names, batch, load_categories(source), limit), EVENT_NAMES)
    refuse_collisions(tables.read(EVENT_NAMES), "event_key", "event_name")


JOB = JobSpec("ingest", "bring raw logs into the table events, every row accounted for", add_ingest_arguments, ingest)
