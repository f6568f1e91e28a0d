"""What is in the tables, how fresh it is, and what waits for somebody."""

from __future__ import annotations

import argparse

from pyspark.sql import functions as F

from segmentation.jobs.plans import unfinished_plans
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import (
    BASETABLE,
    INGEST_PLANS,
    LEDGER,
    PUBLISHED,
    QUARANTINED,
    ROW_BALANCE,
    TABLES,
    TOKENS,
)
from segmentation.stores.locks import holder

#: written ahead of everything else, so that they are never behind
_AHEAD = (PUBLISHED, INGEST_PLANS)


def _arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def show_status(job: Job) -> None:
    """Every table, the last batch, open quarantine by rule, refused files, and what a killed job left."""
    lines = [*_tables(job), *_reach(job), *_last_batch(job), *_open(job), *_unfinished(job)]
    job.show("\n".join(lines))


def _tables(job: Job) -> list[str]:
    tables, lines = (
        job.tables,
        ["{:<20}{:>8}{:>16}  {:<10}{}".format("table", "version", "rows", "job", "published (UTC)")],
    )
    for table in TABLES:
        state = tables.published.get(table.name)
        if state is not None:
            rows = tables.read(table).count()
            lines.append(f"{table.name:<20}{state.version:>8}{rows:>16,}  {state.job:<10}{state.at:%Y-%m-%d %H:%M:%S}")
    if len(lines) == 1:
        lines.append("nothing is published yet: run `segmentation ingest` or `segmentation run`")
    return lines


def _reach(job: Job) -> list[str]:
    """The last day that the logs reach, and the dates for which a basetable speaks."""
    tables, lines = job.tables, []
    if tables.exists(TOKENS):
        row = tables.read(TOKENS).agg(F.to_date(F.max("last_seen")).alias("last")).first()
        lines.append(f"logs reach      {row['last'] if row else None}")
    if tables.exists(BASETABLE):
        dates = sorted(row["as_of"] for row in tables.read(BASETABLE).select("as_of").distinct().collect())
        lines.append(f"basetable       as of {', '.join(map(str, dates))}")
    return lines


def _last_batch(job: Job) -> list[str]:
    if not job.tables.exists(LEDGER):
        return []
    read = job.tables.read(LEDGER).where(F.col("status") == "read")
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
    tables, lines = job.tables, []
    if tables.exists(ROW_BALANCE):
        rows = tables.read(ROW_BALANCE).where(F.col("disposition") == QUARANTINED)
        for row in rows.groupBy("rule").agg(F.sum("rows").alias("rows")).orderBy(F.desc("rows"), "rule").collect():
            lines.append(
                f"quarantined     {row['rule']:<28}{row['rows']:>12,}   segmentation replay --rule {row['rule']}"
            )
    if tables.exists(LEDGER):
        refused = tables.read(LEDGER).where(F.col("status") == "refused").orderBy("path").collect()
        lines += [f"refused         {row['path']}: {row['reason']}" for row in refused]
    return lines


def _unfinished(job: Job) -> list[str]:
    lines = []
    if by := holder(job.data_dir):
        lines.append(f"being written   by {by}")
    else:
        plans, behind = unfinished_plans(job), job.tables.hidden_by([t for t in TABLES if t not in _AHEAD])
        lines += [f"unfinished      batch {plan.batch_id}: segmentation ingest --resume" for plan in plans]
        if behind and not plans:
            lines.append(f"unfinished      {', '.join(behind)}: a job was killed; run it again")
    return lines


JOB = JobSpec(
    "status", "versions, rows, freshness, open quarantine, unfinished work", _arguments, show_status, writes=False
)
