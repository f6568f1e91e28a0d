"""Erase an account from every table, and the files in which earlier versions of the tables still hold it.

Its log rows stay counted as `dropped: erased`, so that the balance of every file still closes. A run that was killed
is made good by giving the command again.
"""

from __future__ import annotations

import argparse
from typing import Any

import pandas as pd
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.events.build import lay_out
from segmentation.events.erasure import belongs_to, erase, redact, speaks_of
from segmentation.events.identifiers import ACCOUNT, key_frame, keyed_id, open_sealed, seal
from segmentation.events.layout import SCHEMA
from segmentation.events.lines import any_of
from segmentation.events.spelling import spelled_id
from segmentation.jobs.activity_months import refresh_activity
from segmentation.jobs.batches import recount
from segmentation.jobs.dimensions import update_tokens
from segmentation.jobs.ingest_events import finish
from segmentation.jobs.rows import table_rows
from segmentation.local_rows import local_frame
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import (
    ACTIVITY,
    EVENTS,
    HEAVY_HITTERS,
    INGEST_PLANS,
    LEDGER,
    SEGMENT_INDUSTRIES,
    SEGMENT_PROFILES,
    SEGMENT_SUMMARIES,
    SEGMENTS,
    TABLES,
    TOKEN_FEATURES,
    TOKENS,
)
from segmentation.segments.describing import resized
from segmentation.shown import listed
from segmentation.stores.secrets import read_key
from segmentation.table import Table

#: tables with a row or more per account; events keep theirs, emptied, and tokens are derived from events again
_PER_ACCOUNT = tuple(one for one in TABLES if "account_id" in one.columns.names and one not in (EVENTS, TOKENS))
#: so many of the accounts that have tokens with it are named
NAMED = 5


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", required=True, metavar="ID", help="the account's id, as the logs write it")


def forget(job: Job) -> None:
    """Erase, publish, purge; says how many rows of which table were concerned."""
    finish(job)
    plain = spelled_id(job.args.account)
    if not plain:
        raise InputProblem("--account is empty: give the account's id as the logs write it")
    key = read_key(job.settings.privacy)
    account_id = keyed_id(key, ACCOUNT, plain) if key else plain
    with job.stage("erased it from the tables"):
        owned, shared = _tokens(job, account_id)
        counts, by_text = _erase(job, account_id, plain, owned)
    with job.stage("purged the files that earlier versions needed"):
        job.tables.purge()
    found = [f"{name} {rows:,}" for name, rows in counts.items() if rows]
    job.show(f"erased {job.args.account!r}: " + (", ".join(found) or "no table had a row of it"))
    if by_text:
        job.show(f"{by_text:,} of the events by their text alone: damaged rows, in which no column says whose they are")
    if shared:
        job.show(_told(shared))
    job.show("its rows in the raw logs and in the accounts file are not touched: delete them there too")
    job.show("reports, their CSV files and exports made before may name it: delete them, and make them again")


def _told(shared: list[Row]) -> str:
    """What stays of tokens that other accounts have too."""
    accounts, tokens = sorted({row["account_id"] for row in shared}), {row["token_key"] for row in shared}
    return (
        f"{len(tokens):,} of its tokens are others' too and stay with what others have of them, "
        f"{sum(row['rows'] for row in shared):,} rows of {listed(accounts, NAMED)}: "
        "if that is the same customer by another name, forget it too"
    )


def _erase(job: Job, account_id: str, plain: str, owned: list[Row]) -> tuple[dict[str, int], int]:
    """Take the account out of every table and publish them together.

    Returns the number of its rows by table, and how many of the events were told by their text alone.
    """
    tables, counts, by_text, names = job.tables, dict[str, int](), 0, [row["token"] for row in owned]
    keys, texts = [row["token_key"] for row in owned], [plain]
    if not job.settings.privacy.hash_ids:
        texts += names
    if tables.exists(EVENTS):
        counts[EVENTS.name], by_text = _erase_events(job, account_id, keys, texts)
    _resize_segments(job, account_id)
    for table in _PER_ACCOUNT:
        counts[table.name] = _delete(job, table, F.col("account_id") == F.lit(account_id))
    # as of an earlier date a token may have been another account's
    of_token = (F.col("account_key") == F.xxhash64(F.lit(account_id))) | F.col("token_key").isin(keys)
    counts[TOKEN_FEATURES.name] = _delete(job, TOKEN_FEATURES, of_token)
    counts[HEAVY_HITTERS.name] += _delete(job, HEAVY_HITTERS, (F.col("kind") == "token") & F.col("name").isin(names))
    _redact_files(job, texts)
    tables.take_back_unfinished()
    if tables.exists(ACTIVITY):
        refresh_activity(job)  # last, because it publishes
    job.publish()
    return counts, by_text


def _tokens(job: Job, account_id: str) -> tuple[list[Row], list[Row]]:
    """(token_key and token of the account's own tokens; what others have of its other ones, by token and account).

    A token is its own when no row names it with another account: then rows that name only the token are the account's
    as well. What others have a row with may be a placeholder, a test licence, or have moved from one to the other.
    """
    if not job.tables.exists(EVENTS):
        return [], []
    events = job.tables.read(EVENTS).where("token_key IS NOT NULL AND account_id IS NOT NULL")
    own = F.col("account_id") == F.lit(account_id)
    seen = events.where(own).select("token_key", "token").distinct()
    others = events.where(~own).join(F.broadcast(seen.select("token_key")), on="token_key", how="left_semi")
    shared = others.groupBy("token_key", "account_id").agg(F.count(F.lit(1)).alias("rows")).collect()
    keys = {row["token_key"] for row in shared}
    return [row for row in seen.orderBy("token").collect() if row["token_key"] not in keys], shared


def _erase_events(job: Job, account_id: str, token_keys: list[int], texts: list[str]) -> tuple[int, int]:
    """Empty the account's rows month by month in one commit, and count again what was counted from them.

    Returns their number, and of how many it was their text alone that told.
    """
    tables, key = job.tables, read_key(job.settings.privacy)
    events = tables.read(EVENTS)
    if key:
        events = open_sealed(events, key_frame(job.spark, key))
    named = belongs_to(account_id, token_keys)
    concerned = named | speaks_of(texts)
    counted = F.count(F.lit(1)).alias("rows"), F.count_if(~named).alias("by_text")
    where = events.where(concerned).groupBy("event_month", "batch_id").agg(*counted).collect()
    if not where:
        return 0, 0
    months = {row["event_month"] for row in where}
    condition = " OR ".join(
        "event_month IS NULL" if month is None else f"event_month = DATE '{month}'" for month in sorted(months, key=str)
    )
    # whether a row is concerned is told from its legible bytes, and what is stored are the sealed ones
    marked = events.select("*", concerned.alias("_concerned")).where(condition)
    emptied = erase(marked, "_concerned")
    if key:
        emptied = seal(emptied, key_frame(job.spark, key))
    tables.replace(lay_out(emptied), EVENTS, where=condition, note="erasure")
    recount(job, sorted({row["batch_id"] for row in where}))
    update_tokens(job, None)
    return sum(row["rows"] for row in where), sum(row["by_text"] for row in where)


def _resize_segments(job: Job, account_id: str) -> None:
    """Count the account's segments without it; to be called while it is still in them.

    The other figures of these stay those of the training; of a segment that was the account alone they are its own, and
    go.
    """
    tables = job.tables
    if not (tables.exists(SEGMENTS) and tables.exists(SEGMENT_SUMMARIES)):
        return
    placed, own, run = tables.read(SEGMENTS), F.col("account_id") == F.lit(account_id), ["as_of", "method"]
    others = F.count_if(~own).alias("others")
    counted = placed.join(placed.where(own).select(*run), on=run, how="left_semi").groupBy(*run, "segment").agg(others)
    sizes: dict[tuple[Any, ...], dict[int, int]] = {}
    for row in counted.collect():
        sizes.setdefault((row["as_of"], row["method"]), {})[row["segment"]] = row["others"]
    if not sizes:
        return
    stored = tables.read(SEGMENT_SUMMARIES).toPandas()
    parts = [resized(part, sizes[at], is_earlier=False) if at in sizes else part for at, part in stored.groupby(run)]
    rows = table_rows(pd.concat(parts), SEGMENT_SUMMARIES)
    tables.replace(rows, SEGMENT_SUMMARIES, note=tables.note(SEGMENT_SUMMARIES))
    alone = [(*at, segment) for at, known in sizes.items() for segment, others in known.items() if not others]
    if not alone:
        return
    gone = local_frame(job.spark, alone, "as_of date, method string, segment int")
    for table in (SEGMENT_PROFILES, SEGMENT_INDUSTRIES):
        if tables.exists(table):
            kept = tables.read(table).join(F.broadcast(gone), on=gone.columns, how="left_anti")
            tables.replace(kept, table, note=tables.note(table))


def _delete(job: Job, table: Table, concerned: Column) -> int:
    """Rewrite a small table without the rows; a DELETE would write its condition, and so the id, into Delta's log."""
    if not job.tables.exists(table):
        return 0
    rows = job.tables.read(table)
    gone = rows.where(concerned).count()
    if gone:
        job.tables.replace(rows.where(~F.coalesce(concerned, F.lit(False))), table, note=job.tables.note(table))
    return gone


def _redact_files(job: Job, texts: list[str]) -> None:
    """Logs may be delivered per customer, so that a path names one; a file without a header has a row for columns."""
    tables = job.tables
    if tables.exists(LEDGER):
        ledger = tables.read(LEDGER)
        changed = {name: redact(F.col(name), texts) for name in ("path", "reason")}
        # of Parquet it is a schema, in which a number is a type's
        is_schema = F.startswith("layout", F.lit(SCHEMA))
        changed["layout"] = F.when(is_schema, F.col("layout")).otherwise(redact(F.col("layout"), texts))
        changed |= {n: F.transform(n, lambda one: redact(one, texts)) for n in ("new_columns", "absent_columns")}
        if _differs(ledger, changed):
            tables.replace(ledger.withColumns(changed), LEDGER, note=tables.note(LEDGER))
    plans = tables.read_latest(INGEST_PLANS)
    # no plan is open any more, so nobody reads its files again
    changed = {name: F.when(redact(F.col(name), texts) == F.col(name), F.col(name)) for name in ("files", "reason")}
    changed["files"] = F.coalesce(changed["files"], F.lit("{}"))
    if plans is not None and _differs(plans, changed):
        tables.replace_ahead(plans.withColumns(changed), INGEST_PLANS)


def _differs(rows: DataFrame, changed: dict[str, Column]) -> bool:
    """Whether any row would have another value in one of the columns."""
    return not rows.where(any_of([~value.eqNullSafe(F.col(name)) for name, value in changed.items()])).isEmpty()


JOB = JobSpec("forget", "erase an account from every table and purge what older files hold of it", _arguments, forget)
