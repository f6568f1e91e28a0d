"""events -> activity (only the months that changed) -> token features -> account features -> basetable."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.basetable.build import build_basetable
from segmentation.basetable.imputation import LOGS, prepare_activity
from segmentation.basetable.labels import count_accounts, label_accounts
from segmentation.checkpoint import settled
from segmentation.errors import InputProblem
from segmentation.features.accounts import account_features
from segmentation.features.activity import build_activity, mask_words, merge_activity
from segmentation.features.months import last_as_of, months_before
from segmentation.features.staleness import Stale, kept_rows, stale_months
from segmentation.features.tokens import main_accounts, token_features
from segmentation.jobs.keys import require_same_key
from segmentation.jobs.stored_categories import categories_of
from segmentation.runtime import Job, JobSpec, add_as_of
from segmentation.schemas import (
    ACCOUNT_FEATURES,
    ACCOUNTS,
    ACTIVITY,
    ACTIVITY_FILES,
    BASETABLE,
    EVENT_NAMES,
    EVENTS,
    PLATFORMS,
    ROW_BALANCE,
    TOKEN_FEATURES,
    TOKENS,
)
from segmentation.stores.accounts_file import file_hash, read_accounts
from segmentation.stores.secrets import key_fingerprint, read_key


def add_basetable_arguments(parser: argparse.ArgumentParser) -> None:
    """--accounts, --account-column and --label."""
    parser.add_argument(
        "--accounts", type=Path, metavar="PATH", help="CSV, one line per account (default: the stored table)"
    )
    parser.add_argument("--account-column", default="account", metavar="NAME", help="its column with the account")
    parser.add_argument("--label", default="industry", metavar="COLUMN", help="its column with the label")


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_basetable_arguments(parser)
    add_as_of(parser)


def build(job: Job) -> None:
    """Bring the cube up to date, then build the basetable; says so when nothing it depends on has changed."""
    tables = job.tables  # before the threads, which share it
    # side by side, as each is mostly Delta looking through its own log; of several problems the first here is told
    with ThreadPoolExecutor(2) as pool:
        same_key, read = pool.submit(require_same_key, job), pool.submit(_accounts, job)
        dated, named = pool.submit(_as_of, job), pool.submit(_event_names, job)
        same_key.result()
        (accounts, storing), as_of, names = read.result(), dated.result(), named.result()
    job.as_of = as_of  # later steps of the same run speak for the same date
    updated = _update_activity(job, storing, names)
    note = _note(job, as_of)
    if not job.args.force and tables.note(BASETABLE) == note:
        job.publish()
        job.show(f"basetable as of {as_of}: nothing has changed, kept as it is")
        return
    cube = prepare_activity(tables.read(ACTIVITY), as_of, job.settings.basetable.imputation)
    owners = main_accounts(cube, tables.read(TOKENS), as_of)
    with ThreadPoolExecutor(1) as pool:
        # whatever fails later, the months need no second scan
        publishing = pool.submit(job.publish if updated else _nothing)
        owners = settled(owners)  # several steps join it: cut the plan here instead of computing it in each of them
        publishing.result()
    categories = categories_of(names)
    features = _build_features(job, as_of, cube, owners, names, categories)
    _build_basetable(job, as_of, features, cube, owners, accounts, categories, note)
    job.publish()


def _accounts(job: Job) -> tuple[DataFrame, Callable[[], None]]:
    """The accounts, and what stores them: they come from the file, or the stored table stays as it is."""
    tables = job.tables
    if job.args.accounts is None:
        if not tables.exists(ACCOUNTS):
            raise InputProblem("no accounts are stored yet: give --accounts, a CSV with one line per account")
        return settled(tables.read(ACCOUNTS)), _nothing
    key = read_key(job.settings.privacy)
    content = f"{file_hash(job.args.accounts)} by {job.args.account_column}"
    content += f" under key {key_fingerprint(key)}" if key else ""
    if tables.note(ACCOUNTS) == content:
        return settled(tables.read(ACCOUNTS)), _nothing
    accounts = read_accounts(job.spark, job.args.accounts, job.args.account_column, key)
    label_accounts(accounts, job.args.label, {})  # a misspelt --label is told before an hour of work
    return accounts, lambda: tables.replace(accounts, ACCOUNTS, note=content)


def _nothing() -> None:
    """Done as it is."""


def _event_names(job: Job) -> DataFrame:
    """The few rows of the stored table, kept: each look at a stored table costs queries of its log as well."""
    return settled(job.tables.read(EVENT_NAMES))


def refresh_activity(job: Job) -> None:
    """Bring the months up to date whose kept rows the cube does not hold, touch no other, and publish them."""
    if _update_activity(job, _nothing, _event_names(job)):
        job.publish()


def _update_activity(job: Job, beside: Callable[[], None], names: DataFrame) -> bool:
    """Whether any month of the cube did not hold its kept rows; those are brought up to date, not yet published.

    `names` are the stored event names.
    `beside` is done meanwhile: another table that needs nothing of the cube, since a commit is mostly waiting. So is
    the list of files that the cube was computed from: should only one of the two be committed, it is never published,
    and the next job takes it back.
    """
    tables = job.tables
    kept = kept_rows(tables.read(ROW_BALANCE))
    known = tables.read(ACTIVITY_FILES) if tables.exists(ACTIVITY_FILES) else kept.limit(0)
    with ThreadPoolExecutor(1) as pool:
        others = [pool.submit(beside)]
        stale = stale_months(kept, known)
        if stale.months:
            with job.stage(f"activity: {len(stale.again)} months computed, {len(stale.grown)} added to"):
                others.append(pool.submit(tables.replace, kept, ACTIVITY_FILES))
                cells = _months_of_cube(job, stale, names)
                tables.replace(cells, ACTIVITY, where=_in(stale.months))
        for other in others:
            other.result()
    return bool(stale.months)


def _months_of_cube(job: Job, stale: Stale, names: DataFrame) -> DataFrame:
    """The stale months of the cube, as they should be."""
    events, platforms = job.tables.read(EVENTS), job.tables.read(PLATFORMS)
    words, sketch = mask_words(names)
    again = build_activity(events.where(_in(stale.again)), names, platforms, words, sketch) if stale.again else None
    if not stale.grown:
        assert again is not None  # asked for only when a month is stale
        return again
    arrived = job.spark.createDataFrame(list(stale.arrived), "event_month date, batch_id string, file_id string")
    # the batches for themselves, as they tell which files of the table need not be opened
    batches = events.where(_in(stale.grown)).where(F.col("batch_id").isin(*{batch for _, batch, _ in stale.arrived}))
    late = batches.join(F.broadcast(arrived), on=arrived.columns, how="left_semi")
    stored = job.tables.read(ACTIVITY).where(_in(stale.grown))
    parts = stored.unionByName(build_activity(late, names, platforms, words, sketch))
    merged = merge_activity(parts, words, sketch)
    return merged if again is None else again.unionByName(merged)


def _in(months: Sequence[dt.date]) -> str:
    dates = ", ".join(f"DATE '{month}'" for month in months)
    return f"event_month IN ({dates})"


def _as_of(job: Job) -> dt.date:
    given = job.settings.basetable.as_of
    # dates are taken in Spark: a collected timestamp would be in the machine's time zone
    first, last = F.to_date(F.min("first_seen")).alias("first"), F.to_date(F.max("last_seen")).alias("last")
    span = job.tables.read(TOKENS).agg(first, last).first()
    if span is None or span["last"] is None:
        raise InputProblem("no row of the logs was kept, so there is nothing to build from; look at the row balance")
    as_of = given or last_as_of(span["last"])
    if as_of <= span["first"]:
        raise InputProblem(f"the logs begin on {span['first']}, so nothing happened before --as-of {as_of}")
    if as_of > months_before(span["last"], -1):
        raise InputProblem(
            f"the logs end on {span['last']}: --as-of {as_of} would take months nobody saw for quiet ones"
        )
    return as_of


def _note(job: Job, as_of: dt.date) -> str:
    """What the basetable depends on; equal notes mean equal basetables."""
    settings = job.settings.model_dump(mode="json", include={"basetable", "features"})
    versions = job.tables.versions([ACTIVITY, ACCOUNTS, TOKENS])
    return json.dumps({"as_of": str(as_of), "label": job.args.label, **versions, **settings}, sort_keys=True)


def _build_features(
    job: Job, as_of: dt.date, cube: DataFrame, owners: DataFrame, names: DataFrame, categories: Sequence[str]
) -> DataFrame:
    """Account features, kept and not stored yet; the token features are stored while these are computed."""
    only = f"as_of = DATE '{as_of}'"
    words, sketch = mask_words(names)
    with job.stage("token features"):
        of_tokens = settled(token_features(cube, owners, as_of, words, sketch))
    with job.stage("account features"), ThreadPoolExecutor(1) as pool:
        storing = pool.submit(job.tables.replace, of_tokens, TOKEN_FEATURES, where=only)
        wide = settled(account_features(of_tokens, cube, owners, as_of, categories))
        storing.result()
    return wide


def _build_basetable(
    job: Job,
    as_of: dt.date,
    features: DataFrame,
    cube: DataFrame,
    owners: DataFrame,
    accounts: DataFrame,
    categories: Sequence[str],
    note: str,
) -> None:
    tables, only, settings = job.tables, f"as_of = DATE '{as_of}'", job.settings.basetable
    labelled = label_accounts(accounts, job.args.label, settings.label_groups)
    built = build_basetable(features, cube, owners, accounts, as_of, job.args.label, categories, settings)
    with job.stage("basetable"), ThreadPoolExecutor(2) as pool:
        storing = pool.submit(tables.replace, features, ACCOUNT_FEATURES, where=only)
        # whoever owns a token has features: no need to look at the wide rows
        counting = pool.submit(count_accounts, owners.select("account_id").distinct(), labelled)
        tables.replace(built.frame, BASETABLE, where=only, note=note)
        counts = counting.result()
        storing.result()
    dropped = built.dropped.count() if settings.imputation == LOGS else 0
    width = len(built.frame.columns) - len(BASETABLE.columns)
    job.show(
        f"basetable as of {as_of}: {counts.with_features - dropped:,} accounts x {width} features, "
        f"{counts.labelled:,} labelled by {job.args.label!r}"
    )
    job.show(
        f"  left out: {counts.in_file_without_usage:,} accounts of the file without usage, {dropped:,} missing more "
        f"than {settings.max_missing_share:.0%}; {counts.not_in_file:,} accounts of the logs are not in the file"
    )


JOB = JobSpec("basetable", "events to one wide row per account, with label and fold", _arguments, build)
