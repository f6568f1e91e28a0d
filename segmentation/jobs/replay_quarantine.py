"""Quarantined rows of `events` through today's rules again: a mended rule or source file brings them in."""

from __future__ import annotations

import argparse

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.events.duplicates import mark_copies
from segmentation.events.identifiers import key_frame, open_sealed
from segmentation.events.replay import as_raw, belong
from segmentation.events.revisions import SUPERSEDED, VERSION, supersede
from segmentation.jobs.batches import build_rows, recount, update_dimensions
from segmentation.jobs.ingest_events import finish, rules_of
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import DROPPED, EVENTS, KEPT, LEDGER, QUARANTINED
from segmentation.settings import SourceSettings
from segmentation.stores.conf import load_source
from segmentation.stores.secrets import read_key


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", required=True, metavar="NAME", help="whose rows: a file in conf/sources, or a path")
    parser.add_argument("--rule", action="append", metavar="NAME", help="only rows taken out by this rule; repeatable")


def replay(job: Job) -> None:
    """Decide the source's quarantined rows again; what is kept now enters with the row's own file and batch."""
    source = load_source(job.args.source)
    finish(job)
    files = _files(job, source)
    condition = _condition(job, files)
    events = job.tables.read(EVENTS)
    before = {row["rule"]: row["count"] for row in events.where(condition).groupBy("rule").count().collect()}
    if not before:
        job.show(f"nothing to replay: no row of {source.name!r} is quarantined" + _of_rules(job))
        return
    rows = _decide_again(job, files, condition).localCheckpoint()
    after = {(r["disposition"], r["rule"]): r["count"] for r in rows.groupBy("disposition", "rule").count().collect()}
    changed = {(QUARANTINED, rule): count for rule, count in before.items()} != after
    if changed:
        _store(job, source, rows, condition, [row["batch_id"] for row in files])
    kinds = {kind: sum(n for (d, _), n in after.items() if d == kind) for kind in (KEPT, QUARANTINED, DROPPED)}
    job.show(
        f"replayed {sum(before.values()):,} quarantined rows of {source.name!r}: now "
        + ", ".join(f"{kind} {count:,}" for kind, count in kinds.items())
        + ("" if changed else "; nothing has changed")
    )


def _of_rules(job: Job) -> str:
    return f" by {', '.join(job.args.rule)}" if job.args.rule else ""


def _files(job: Job, source: SourceSettings) -> list[Row]:
    """The ledger's entries of the source's files that hold quarantined rows."""
    ledger = job.tables.read(LEDGER)
    of_source = ledger.where((F.col("source") == source.name) & (F.col("status") == "read"))
    if of_source.isEmpty():
        names = sorted(row["source"] for row in ledger.select("source").distinct().collect())
        raise InputProblem(f"no file of source {source.name!r} has been ingested (there are {', '.join(names)})")
    return of_source.where(F.col("quarantined") > 0).orderBy("file_id").collect()


def _condition(job: Job, files: list[Row]) -> str:
    """SQL that holds for exactly the rows to be decided again."""
    batches = ", ".join(f"'{batch_id}'" for batch_id in sorted({row["batch_id"] for row in files})) or "''"
    rules = ", ".join("'{}'".format(rule.replace("'", "")) for rule in job.args.rule or ())
    return f"disposition = '{QUARANTINED}' AND batch_id IN ({batches})" + (f" AND rule IN ({rules})" if rules else "")


def _decide_again(job: Job, files: list[Row], condition: str) -> DataFrame:
    source, events = load_source(job.args.source), job.tables.read(EVENTS)
    stored, parts = events.where(condition), []
    if key := read_key(job.settings.privacy):
        stored = open_sealed(stored, key_frame(job.spark, key))
    known = events.where(f"NOT ({condition})").select("row_hash", "disposition", "rule")
    for layout in sorted({row["layout"] for row in files}, key=str):
        ids = [row["file_id"] for row in files if row["layout"] == layout]
        raw = as_raw(stored.where(F.col("file_id").isin(ids)), layout).localCheckpoint()
        marked = mark_copies(raw, known if source.duplicates == "drop" else None, drop=source.duplicates == "drop")
        built = build_rows(job, rules_of(job, source), marked, layout, "", job.now)
        parts.append(belong(built, [(row["file_id"], row["batch_id"]) for row in files]))
    rows = parts[0]
    for part in parts[1:]:
        rows = rows.unionByName(part)
    return rows


def _store(job: Job, source: SourceSettings, rows: DataFrame, condition: str, batches: list[str]) -> None:
    """One commit of the rows as they are decided now, then everything that counts them."""
    tables, where = job.tables, condition
    if source.event_id is not None:
        kept = tables.read(EVENTS).where(F.col("disposition") == KEPT)
        rows, overtaken = supersede(rows, kept.select(*VERSION))
        ids = [row["event_id_hash"] for row in overtaken.collect()] if overtaken is not None else []
        if ids:
            losers = kept.where(F.col("event_id_hash").isin(ids))
            rows = rows.unionByName(losers.withColumns({"disposition": F.lit(DROPPED), "rule": F.lit(SUPERSEDED)}))
            where = f"({where}) OR (disposition = '{KEPT}' AND event_id_hash IN ({', '.join(map(str, ids))}))"
            batches = []
    with job.stage("stored the replayed rows and counted again"):
        tables.exchange(rows, EVENTS, where, f"replay of {source.name} by rules {rules_of(job, source).hash()[:16]}")
        recount(job, sorted(set(batches)) or None)
        named = tables.read(EVENTS).where(F.col("batch_id").isin(batches)) if batches else tables.read(EVENTS)
        update_dimensions(job, None, named, rules_of(job, source))
        job.publish()


JOB = JobSpec("replay", "decide quarantined rows again, after a rule was mended", _arguments, replay)
