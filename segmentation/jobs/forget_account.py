"""Erase an account from every table, and the files in which earlier versions of the tables still hold it.

Its log rows stay counted as `dropped: erased`, so that the balance of every file still closes. A run that was killed
is made good by giving the command again.
"""

from __future__ import annotations

import argparse
import unicodedata

from pyspark.sql import Column
from pyspark.sql import functions as F

from segmentation.events.build import lay_out
from segmentation.events.erasure import ERASED, belongs_to, erase, speaks_of
from segmentation.events.identifiers import ACCOUNT, key_frame, keyed_id, open_sealed, seal
from segmentation.jobs.batches import rebuild_tokens, recount
from segmentation.jobs.build_basetable import refresh_activity
from segmentation.jobs.ingest_events import finish
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import (
    ACCOUNT_FEATURES,
    ACCOUNTS,
    ACTIVITY,
    BASETABLE,
    EVENTS,
    INDUSTRY_SCORES,
    INGEST_PLANS,
    LEDGER,
    SEGMENTS,
    TABLES,
    TOKEN_FEATURES,
    TOKENS,
)
from segmentation.stores.secrets import read_key
from segmentation.table import Table

#: tables with a row or more per account, by the column that names it
_PER_ACCOUNT = (ACCOUNT_FEATURES, ACCOUNTS, BASETABLE, SEGMENTS, INDUSTRY_SCORES)


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--account", required=True, metavar="ID", help="the account's id, as the logs write it")


def forget(job: Job) -> None:
    """Erase, publish, purge; says how many rows of which table were concerned."""
    finish(job)
    plain = unicodedata.normalize("NFC", job.args.account.strip())
    key = read_key(job.settings.privacy)
    account_id = keyed_id(key, ACCOUNT, plain) if key else plain
    with job.stage("erased it from the tables"):
        counts = {"events": _erase_events(job, account_id, plain)}
        for table in _PER_ACCOUNT:
            counts[table.name] = _delete(job, table, F.col("account_id") == F.lit(account_id))
        number = F.xxhash64(F.lit(account_id))
        counts[TOKEN_FEATURES.name] = _delete(job, TOKEN_FEATURES, F.col("account_key") == number)
        _redact_paths(job, plain)
        job.publish()
    with job.stage("purged the files that earlier versions needed"):
        for table in TABLES:
            job.tables.purge(table)
    found = [f"{name} {rows:,}" for name, rows in counts.items() if rows]
    job.show(f"erased {job.args.account!r}: " + (", ".join(found) or "no table had a row of it"))
    job.show("its rows in the raw logs and in the accounts file are not touched: delete them there too")


def _erase_events(job: Job, account_id: str, plain: str) -> int:
    """Empty the account's rows month by month in one commit, and count again what was counted from them."""
    tables = job.tables
    if not tables.exists(EVENTS):
        return 0
    owned = tables.read(TOKENS).where(F.col("account_id") == F.lit(account_id)).select("token_key", "token").collect()
    events, key, texts = tables.read(EVENTS), read_key(job.settings.privacy), [plain]
    if key:
        events = open_sealed(events, key_frame(job.spark, key))
    else:
        texts += [row["token"] for row in owned]
    concerned = belongs_to(account_id, [row["token_key"] for row in owned]) | speaks_of(texts)
    where = events.where(concerned).groupBy("event_month", "batch_id").count().collect()
    if not where:
        return 0
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
    rebuild_tokens(job)
    if tables.exists(ACTIVITY):
        refresh_activity(job)
    return sum(int(row["count"]) for row in where)


def _delete(job: Job, table: Table, concerned: Column) -> int:
    """Rewrite a small table without the rows; a DELETE would write its condition, and so the id, into Delta's log."""
    if not job.tables.exists(table):
        return 0
    rows = job.tables.read(table)
    gone = rows.where(concerned).count()
    if gone:
        job.tables.replace(rows.where(~F.coalesce(concerned, F.lit(False))), table, note=job.tables.note(table))
    return gone


def _redact_paths(job: Job, plain: str) -> None:
    """Logs may be delivered per customer, so that a path names one."""
    name = F.lit(plain)
    ledger = job.tables.read(LEDGER) if job.tables.exists(LEDGER) else None
    if ledger is not None and not ledger.where(F.contains("path", name)).isEmpty():
        job.tables.replace(ledger.withColumn("path", F.replace("path", name, F.lit(ERASED))), LEDGER)
    plans = job.tables.read_latest(INGEST_PLANS)
    if plans is not None and not plans.where(F.contains("files", name)).isEmpty():
        job.tables.replace_ahead(plans.withColumn("files", F.replace("files", name, F.lit(ERASED))), INGEST_PLANS)


JOB = JobSpec("forget", "erase an account from every table and purge what older files hold of it", _arguments, forget)
