"""Quarantined rows of `events` through today's rules again: a mended rule or source file brings them in."""

from __future__ import annotations

import argparse
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from segmentation.checkpoint import settled
from segmentation.errors import InputProblem
from segmentation.events.build import lay_out
from segmentation.events.duplicates import KNOWN, mark_copies
from segmentation.events.identifiers import key_frame, open_sealed, seal
from segmentation.events.layout import format_of
from segmentation.events.lines import any_of
from segmentation.events.replay import as_raw, belong, lost_columns
from segmentation.events.revisions import SUPERSEDED, VERSION, supersede
from segmentation.events.rule_set import RuleSet
from segmentation.jobs.batches import build_rows, recount
from segmentation.jobs.dimensions import update_names, update_tokens
from segmentation.jobs.ingest_events import finish, rules_of
from segmentation.jobs.plans import record_replay
from segmentation.jobs.source_faults import naming_the_key, require_constants
from segmentation.jobs.trial import find_fault
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import DROPPED, EVENTS, KEPT, LEDGER, QUARANTINED, READ
from segmentation.settings import SourceSettings
from segmentation.stores.conf import ConfError, load_source, source_path
from segmentation.stores.content import content_hash
from segmentation.stores.secrets import read_key

#: events that one commit can name, some megabytes of SQL
MOST_OVERTAKEN = 100_000


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", required=True, metavar="NAME", help="whose rows: a file in conf/sources, or a path")
    parser.add_argument("--rule", action="append", metavar="NAME", help="only rows taken out by this rule; repeatable")


def replay(job: Job) -> None:
    """Decide the source's quarantined rows again; what is kept now enters with the row's own file and batch."""
    source = load_source(job.args.source)
    finish(job)
    with naming_the_key(job.args.source, source):
        _replay(job, source)


def _replay(job: Job, source: SourceSettings) -> None:
    files = _files(job, source)
    condition = _condition(job, files)
    events = job.tables.read(EVENTS)
    before = events.where(condition).count()
    if not before:
        job.show(f"nothing to replay: no row of {source.name!r} is quarantined" + _of_rules(job))
        return
    rules = rules_of(job, source)
    require_constants(job.spark, rules, source_path(job.args.source))
    for layout in sorted({row["layout"] for row in files}, key=str):
        if fault := find_fault(job, _read_as(format_of(layout), rules), layout):
            paths = ", ".join(row["path"] for row in files if row["layout"] == layout)
            raise ConfError(f"{source_path(job.args.source)}: {fault} (rows of {paths})")
    rows, overtaken = _decide_again(job, rules, files, condition), None
    if source.event_id is not None:
        rows, overtaken = supersede(rows, events.where(F.col("disposition") == KEPT).select(*VERSION))
    rows = settled(rows)
    changed = content_hash(rows, EVENTS) != content_hash(events.where(condition), EVENTS)
    kinds = {row["disposition"]: row["count"] for row in rows.groupBy("disposition").count().collect()}
    if changed:
        ids = _ids(overtaken)
        kinds_of_files = {format_of(row["layout"]): row["batch_id"] for row in files}
        record_replay(job, {batch_id: _read_as(kind, rules) for kind, batch_id in kinds_of_files.items()})
        _store(job, rules, rows, ids, condition, [row["batch_id"] for row in files])
    job.show(
        f"replayed {before:,} quarantined rows of {source.name!r}: now "
        + ", ".join(f"{kind} {kinds.get(kind, 0):,}" for kind in (KEPT, QUARANTINED, DROPPED))
        + ("" if changed else "; nothing has changed")
    )


def _of_rules(job: Job) -> str:
    return f" by {', '.join(job.args.rule)}" if job.args.rule else ""


def _files(job: Job, source: SourceSettings) -> list[Row]:
    """The ledger's entries of the source's files that hold quarantined rows."""
    ledger = job.tables.read(LEDGER)
    of_source = ledger.where((F.col("source") == source.name) & (F.col("status") == READ))
    if of_source.isEmpty():
        names = sorted(row["source"] for row in ledger.select("source").distinct().collect())
        raise InputProblem(f"no file of source {source.name!r} has been ingested (there are {', '.join(names)})")
    return of_source.where(F.col("quarantined") > 0).orderBy("file_id").collect()


def _condition(job: Job, files: list[Row]) -> str:
    """SQL that holds for exactly the rows to be decided again."""
    batches = ", ".join(f"'{batch_id}'" for batch_id in sorted({row["batch_id"] for row in files})) or "''"
    rules = ", ".join("'{}'".format(rule.replace("'", "")) for rule in job.args.rule or ())
    return f"disposition = '{QUARANTINED}' AND batch_id IN ({batches})" + (f" AND rule IN ({rules})" if rules else "")


def _decide_again(job: Job, rules: RuleSet, files: list[Row], condition: str) -> DataFrame:
    events, drop = job.tables.read(EVENTS), rules.source.duplicates == "drop"
    stored, parts, key = events.where(condition), [], read_key(job.settings.privacy)
    if key:
        stored = open_sealed(stored, key_frame(job.spark, key))
    known = events.where(f"NOT ({condition})").select(*KNOWN) if drop else None
    groups, raws = _read_alike(files), []
    for rank, layouts in enumerate(groups):
        ids = [file_id for of_layout in layouts.values() for file_id in of_layout]
        of_files, first = stored.where(F.col("file_id").isin(ids)), next(iter(layouts))
        if format_of(first) == "parquet" and (lost := _lost(job, of_files, str(first), files)) is not None:
            left = of_files.where(lost)
            parts.append(seal(left, key_frame(job.spark, key)) if key else left)
            of_files = of_files.where(~lost)
        raws.append(settled(as_raw(of_files, first, rank)))
    for layouts, marked in zip(groups, mark_copies(raws, known, drop=drop), strict=True):
        for layout, of_layout in layouts.items():
            own, of_these = _read_as(format_of(layout), rules), marked.where(F.col("_file_id").isin(of_layout))
            built = build_rows(job, own, of_these, layout, "", job.now)
            parts.append(belong(built, [(row["file_id"], row["batch_id"]) for row in files]))
    return reduce(DataFrame.unionByName, parts)


def _lost(job: Job, stored: DataFrame, layout: str, files: list[Row]) -> Column | None:
    """Whether a Parquet row cannot be read back from its bytes; None where all can. Says which, by file and column."""
    columns = lost_columns(layout)
    lost = any_of(list(columns.values()))
    held = [F.max(column).alias(f"_{number}") for number, column in enumerate(columns.values())]
    counted = stored.where(lost).groupBy("file_id").agg(F.count(F.lit(1)).alias("rows"), *held).collect()
    paths = {row["file_id"]: row["path"] for row in files}
    for row in sorted(counted, key=lambda row: paths[row["file_id"]]):
        names = ", ".join(name for number, name in enumerate(columns) if row[f"_{number}"])
        job.show(
            f"{paths[row['file_id']]}: {row['rows']:,} rows stay as they are: what they hold of {names} does not fit "
            "the type that the ledger has for it; to decide them anew give them in another file"
        )
    return lost if counted else None


def _read_as(kind: str, rules: RuleSet) -> RuleSet:
    return rules.model_copy(update={"source": rules.source.model_copy(update={"format": kind})})


def _read_alike(files: list[Row]) -> list[dict[str | None, list[str]]]:
    """File ids by layout, in groups within which copies are looked for: text in one, each Parquet layout in another."""
    text: dict[str | None, list[str]] = {}
    groups = [text]
    for layout in sorted({row["layout"] for row in files}, key=str):
        ids = [row["file_id"] for row in files if row["layout"] == layout]
        if format_of(layout) == "parquet":
            groups.append({layout: ids})
        else:
            text[layout] = ids
    return [group for group in groups if group]


def _ids(overtaken: DataFrame | None) -> list[int]:
    """Hashes of the stored events that are overtaken; their commit names each of them."""
    if overtaken is None:
        return []
    ids = [row["event_id_hash"] for row in overtaken.limit(MOST_OVERTAKEN + 1).collect()]
    if len(ids) > MOST_OVERTAKEN:
        raise InputProblem(f"more than {MOST_OVERTAKEN:,} stored events would be overtaken: replay fewer by --rule")
    return ids


def _store(job: Job, rules: RuleSet, rows: DataFrame, overtaken: list[int], condition: str, batches: list[str]) -> None:
    """One commit of the rows as they are decided now, then everything that counts them."""
    tables, where = job.tables, condition
    if overtaken:
        losers = f"disposition = '{KEPT}' AND event_id_hash IN ({', '.join(map(str, overtaken))})"
        changed = {"disposition": F.lit(DROPPED), "rule": F.lit(SUPERSEDED)}
        rows = rows.unionByName(tables.read(EVENTS).where(losers).withColumns(changed))
        where, batches = f"({where}) OR ({losers})", []
    with job.stage("stored the replayed rows and counted again"):
        note = f"replay of {rules.source.name} by rules {rules.hash()[:16]}"
        tables.exchange(lay_out(rows), EVENTS, where, note)
        recount(job, sorted(set(batches)) or None)
        named = tables.read(EVENTS).where(F.col("batch_id").isin(batches)) if batches else tables.read(EVENTS)
        update_tokens(job, None)
        update_names(job, named, rules)
        job.publish()


JOB = JobSpec("replay", "decide quarantined rows again, after a rule was mended", _arguments, replay)
