"""What is in the tables, how fresh it is, and what waits for somebody."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import functions as F

from segmentation.events.categories import UNMATCHED
from segmentation.events.refusals import Entry, waiting
from segmentation.failures import explain
from segmentation.jobs.plans import unfinished_plans
from segmentation.jobs.reach import last_day
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import (
    BASETABLE,
    EVENT_NAMES,
    LEDGER,
    QUARANTINED,
    READ,
    ROW_BALANCE,
    TABLES,
    TOKENS,
)
from segmentation.settings.logs import FALLBACK
from segmentation.shown import FILES_TOLD
from segmentation.stores.conf import ConfError, load_source
from segmentation.stores.locks import holder

#: unmatched event names told, the newest ones
NAMES_SHOWN = 5


def _arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def show_status(job: Job) -> None:
    """Every table, the last batch, open quarantine, refused files, unmatched names, and what a killed job left.

    A table that cannot be read is no reason to be silent about the others; the first one's problem comes last.
    """
    problems: list[Exception] = []
    _ = job.tables  # without what is published there is nothing to tell
    for section in (lambda job: _tables(job, problems), _reach, _last_batch, _open, _unmatched, _unfinished):
        try:
            lines = section(job)
        except Exception as problem:  # whatever it is, the sections after it still have to be told
            problems.append(problem)
            continue
        if lines:
            job.show("\n".join(lines))
    if problems:
        raise problems[0]


def _tables(job: Job, problems: list[Exception]) -> list[str]:
    tables, lines = (
        job.tables,
        ["{:<20}{:>8}{:>16}  {:<10}{}".format("table", "version", "rows", "job", "published (UTC)")],
    )
    for table in TABLES:
        state = tables.published.get(table.name)
        if state is None:
            continue
        rows, wrong = "?", ""
        try:
            rows = f"{tables.count(table):,}"
            if faults := tables.faults(table):
                wrong = (
                    f"of another release, and refused by jobs: {'; '.join(faults)}; "
                    "use that release, or ingest the logs into another --data-dir"
                )
        except Exception as problem:  # as above
            problems.append(problem)
            wrong = explain(problem, job.data_dir)[0]
        lines.append(f"{table.name:<20}{state.version:>8}{rows:>16}  {state.job:<10}{state.at:%Y-%m-%d %H:%M:%S}")
        if wrong:
            lines.append(f"    {wrong}")
    if len(lines) == 1:
        lines.append("nothing is published yet: run `segmentation ingest` or `segmentation run`")
    return lines


def _reach(job: Job) -> list[str]:
    """The last day that the logs reach, and the dates for which a basetable speaks."""
    tables, lines = job.tables, []
    if tables.exists(TOKENS):
        lines.append(f"logs reach      {last_day(tables.read(TOKENS))}")
    if tables.exists(BASETABLE):
        lines.append(f"basetable       as of {', '.join(map(str, tables.dates(BASETABLE)))}")
    return lines


def _last_batch(job: Job) -> list[str]:
    if not job.tables.exists(LEDGER):
        return []
    read = job.tables.read(LEDGER).where(F.col("status") == READ)
    at = F.col("ingested_at").cast("string").alias("at")
    batches = read.groupBy("batch_id", "source", at).agg(
        F.count(F.lit(1)).alias("files"), *(F.sum(n).alias(n) for n in ("rows_in", "kept", "quarantined", "dropped"))
    )
    row = batches.orderBy(F.desc("at"), "batch_id").first()
    if row is None:
        return []
    parts = " + ".join(f"{kind} {row[kind]:,}" for kind in ("kept", "quarantined", "dropped"))
    return [
        f"last batch      {row['batch_id']} of {row['source']}, {row['at'][:19]}: {row['files']:,} files, "
        f"rows in {row['rows_in']:,} = {parts}"
    ]


def _open(job: Job) -> list[str]:
    """Quarantined rows by rule, and files that could not be taken in."""
    tables, lines = job.tables, list[str]()
    if not tables.exists(LEDGER):
        return lines
    ledger = tables.read(LEDGER)
    refused = _refused([Entry(*row) for row in ledger.select(*Entry._fields).collect()])
    if not tables.exists(ROW_BALANCE):  # no file has been taken in yet
        return refused
    balance = tables.read(ROW_BALANCE).where(F.col("disposition") == QUARANTINED)
    of_source = balance.join(ledger.select("batch_id", "file_id", "source"), on=["batch_id", "file_id"])
    by_rule = of_source.groupBy("source", "rule").agg(F.sum("rows").alias("rows"))
    for row in by_rule.orderBy(F.desc("rows"), "source", "rule").collect():
        command = job.command(shlex.join(["replay", "--source", _source(row["source"]), "--rule", row["rule"]]))
        lines.append(f"quarantined     {row['rows']:>12,} of {row['source']} by {row['rule']}: {command}")
    return lines + refused


def _refused(entries: Sequence[Entry]) -> list[str]:
    """The refused files that wait; of those that are where they were no longer the number is enough."""
    refused = waiting(entries)
    there = [one for one in refused if _is_there(one.path)]
    lines = [f"refused         {one.path}: {one.reason}" for one in there[:FILES_TOLD]]
    if more := len(there) - len(lines):
        lines.append(f"refused         {more:,} more at their paths (see {LEDGER.name})")
    if gone := len(refused) - len(there):
        lines.append(
            f"refused         {gone:,} more, never taken in and not to be found at their paths (see {LEDGER.name})"
        )
    return lines


def _is_there(path: str) -> bool:
    """Whether there is such a file, as far as this machine may look."""
    try:
        return Path(path).exists()
    except OSError:
        return True


def _unmatched(job: Job) -> list[str]:
    """Event names that no category knew when they came, nor has known since, the newest by name.

    The table does not say of which source a name is: what one knows later counts for all.
    """
    if not job.tables.exists(EVENT_NAMES):
        return []
    stored, is_unmatched = job.tables.read(EVENT_NAMES), F.col("rule") == UNMATCHED
    known = stored.where(~is_unmatched).groupBy("event_name").agg(F.max("first_seen").alias("known"))
    both = stored.where(is_unmatched).join(known, on="event_name", how="left")
    names = both.where(F.col("known").isNull() | (F.col("known") <= F.col("first_seen")))
    number = names.count()
    if not number:
        return []
    rows = names.orderBy(F.desc("first_seen"), "event_name").limit(NAMES_SHOWN).collect()
    newest = ", ".join(repr(row["event_name"]) for row in rows)
    more = ", ..." if number > NAMES_SHOWN else ""
    return [
        f"unmatched       {number:>12,} event names that no category knew went to {FALLBACK}, the newest: "
        f"{newest}{more} (table {EVENT_NAMES.name}, rule {UNMATCHED})"
    ]


def _source(name: str) -> str:
    """The source as --source takes it; of one that was given as a path the tables only know the name."""
    try:
        return load_source(name).name
    except ConfError:
        return f"PATH/{name}.yml"


def _unfinished(job: Job) -> list[str]:
    lines = []
    if by := holder(job.data_dir):
        lines.append(f"being written   by {by}")
    else:
        plans, left = unfinished_plans(job), job.tables.unfinished()
        behind = [table.name for table in left if job.tables.is_ours(table)]
        lines += [
            f"in the way      {job.tables.location(table)} is not a table of this project: name another "
            "storage.schema_name, or drop it"
            for table in left
            if table.name not in behind
        ]
        resume = job.command("ingest --resume")
        lines += [
            f"unfinished      batch {p.batch_id} of {p.rules.source.name}, {len(p.files):,} files: {resume}"
            for p in plans
        ]
        if behind and not plans:
            lines.append(f"unfinished      {', '.join(behind)}: a job was killed or failed; give its command again")
    return lines


JOB = JobSpec(
    "status", "versions, rows, freshness, open quarantine, unfinished work", _arguments, show_status, writes=False
)
