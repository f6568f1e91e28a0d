"""events -> activity (only the months that changed) -> token features -> account features -> basetable."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor

from pyspark.sql import DataFrame

from segmentation.arguments import add_as_of, given_path
from segmentation.basetable.build import build_basetable
from segmentation.basetable.imputation import LOGS, basetable_features, prepare_activity
from segmentation.basetable.labels import count_accounts, count_dropped, label_accounts, labels_of_nobody
from segmentation.checkpoint import settled
from segmentation.errors import InputProblem
from segmentation.features.accounts import account_features
from segmentation.features.activity import mask_words
from segmentation.features.tokens import LACKING, main_accounts, token_features
from segmentation.jobs.activity_months import update_activity
from segmentation.jobs.built import Built, built_of, digest_of, note_with
from segmentation.jobs.dimensions import event_names_of_cube, update_tokens
from segmentation.jobs.plans import require_same_key
from segmentation.jobs.reach import reached_date, silent_sources
from segmentation.jobs.stored_categories import categories_of
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import (
    ACCOUNT_FEATURES,
    ACCOUNTS,
    ACTIVITY,
    BASETABLE,
    TOKEN_FEATURES,
    TOKENS,
)
from segmentation.settings import BasetableSettings
from segmentation.stores.accounts_file import file_hash, read_accounts
from segmentation.stores.secrets import key_fingerprint, read_key
from segmentation.table import Table, of_date


def add_basetable_arguments(parser: argparse.ArgumentParser) -> None:
    """--accounts, --account-column and --label."""
    parser.add_argument(
        "--accounts", type=given_path, metavar="PATH", help="CSV, one line per account (default: the stored table)"
    )
    parser.add_argument("--account-column", default="account", metavar="NAME", help="its column with the account")
    parser.add_argument("--label", default="industry", metavar="COLUMN", help="its column with the label")


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_basetable_arguments(parser)
    add_as_of(parser)


def build(job: Job) -> None:
    """Bring the cube up to date, then build the basetable; says so when nothing it depends on has changed.

    Where tokens and cube do not agree, both are made anew from `events`, and it begins again.
    """
    try:
        _build(job, anew=False)
    except Exception as problem:
        if LACKING not in str(problem):
            raise
        job.say(f"{LACKING}: computing both anew from the events")
        job.tables.refresh()
        update_tokens(job, None)
        _build(job, anew=True)


def _build(job: Job, anew: bool) -> None:
    tables = job.tables  # before the threads, which share it
    # side by side, as each is mostly Delta looking through its own log; of several problems the first here is told
    with ThreadPoolExecutor(2) as pool:
        same_key, read = pool.submit(require_same_key, job), pool.submit(_accounts, job)
        dated = pool.submit(reached_date, job, job.settings.basetable.as_of)
        named = pool.submit(event_names_of_cube, job)
        same_key.result()
        (accounts, storing), as_of, (names, more_bits) = read.result(), dated.result(), named.result()
    job.as_of = as_of  # later steps of the same run speak for the same date
    updated = update_activity(job, names, storing, anew or more_bits)
    categories = categories_of(names)
    columns = basetable_features(categories, job.settings.basetable.imputation)
    made_from, before = digest_of(job, as_of, columns, job.args.label), built_of(job, as_of)
    if not job.args.force and before and before.made_from == made_from:
        job.publish()
        job.show(f"basetable as of {as_of}: nothing has changed, kept as it is")
        return
    groups = job.settings.model_dump(mode="json")["basetable"]["label_groups"]
    note = note_with(job, as_of, Built(job.args.label, groups, made_from, job.now.isoformat()))
    cube = prepare_activity(tables.read(ACTIVITY), as_of, job.settings.basetable.imputation)
    owners = main_accounts(cube, tables.read(TOKENS), as_of)
    with ThreadPoolExecutor(2) as pool:
        # whatever fails later, the months need no second scan
        publishing = pool.submit(job.publish if updated else _nothing)
        owners = settled(owners)  # several steps join it: cut the plan here instead of computing it in each of them
        publishing.result()
        features, stored = _build_features(job, as_of, cube, owners, names, categories, pool)
        _build_basetable(job, as_of, features, cube, owners, settled(accounts), categories, note, pool, stored)
    job.publish()


def _accounts(job: Job) -> tuple[DataFrame, Callable[[], None]]:
    """The accounts, and what stores them: they come from the file, or the stored table stays as it is."""
    tables = job.tables
    if job.args.accounts is None:
        if not tables.exists(ACCOUNTS):
            raise InputProblem("no accounts are stored yet: give --accounts, a CSV with one line per account")
        return _with_label(job, tables.read(ACCOUNTS)), _nothing
    key = read_key(job.settings.privacy)
    # what earlier releases stored of the same file, they had trimmed otherwise
    content = f"{file_hash(job.args.accounts)} by {job.args.account_column}, ids as in logs"
    content += f" under key {key_fingerprint(key)}" if key else ""
    if tables.note(ACCOUNTS) == content:
        return _with_label(job, tables.read(ACCOUNTS)), _nothing
    accounts = _with_label(job, read_accounts(job.spark, job.args.accounts, job.args.account_column, key))
    return accounts, lambda: tables.replace(accounts, ACCOUNTS, note=content)


def _with_label(job: Job, accounts: DataFrame) -> DataFrame:
    """The accounts as they are; a misspelt --label, or a label in two groups, is told before an hour of work."""
    label_accounts(accounts, job.args.label, job.settings.basetable.label_groups)
    return accounts


def _nothing() -> None:
    """Done as it is."""


def _build_features(
    job: Job,
    as_of: dt.date,
    cube: DataFrame,
    owners: DataFrame,
    names: DataFrame,
    categories: Sequence[str],
    pool: Executor,
) -> tuple[DataFrame, Future[None]]:
    """The account features, and what stores them; the token features are stored while they are computed."""
    words, sketch = mask_words(names)
    with job.stage("token features"):
        of_tokens, storing = _keep(job, token_features(cube, owners, as_of, words, sketch), TOKEN_FEATURES, as_of, pool)
    with job.stage("account features"):
        wide = account_features(of_tokens, cube, owners, as_of, categories)
        kept = _keep(job, wide, ACCOUNT_FEATURES, as_of, pool)
        storing.result()
    return kept


def _keep(job: Job, frame: DataFrame, table: Table, as_of: dt.date, pool: Executor) -> tuple[DataFrame, Future[None]]:
    """The rows at hand, and what stores them meanwhile: to read them back costs queries of Delta's log."""
    kept = settled(frame)
    storing = pool.submit(job.tables.replace, kept, table, where=of_date(as_of))
    if kept is frame:  # nothing keeps rows here (serverless): better read back than computed by every later step
        storing.result()
        kept = job.tables.read(table).where(of_date(as_of)).select(*frame.columns)
    return kept, storing


def _build_basetable(
    job: Job,
    as_of: dt.date,
    features: DataFrame,
    cube: DataFrame,
    owners: DataFrame,
    accounts: DataFrame,
    categories: Sequence[str],
    note: str,
    pool: Executor,
    stored: Future[None],
) -> None:
    """The basetable stored and told of; beside it the features are `stored`."""
    tables, settings = job.tables, job.settings.basetable
    labelled = label_accounts(accounts, job.args.label, settings.label_groups)
    built = build_basetable(features, cube, owners, accounts, as_of, job.args.label, categories, settings)
    with job.stage("basetable"):
        # whoever owns a token has features: no need to look at the wide rows
        counting = pool.submit(count_accounts, owners.select("account_id").distinct(), labelled)
        silent = pool.submit(silent_sources, job, as_of)
        tables.replace(built.frame, BASETABLE, where=of_date(as_of), note=note)
        counts = counting.result()
        stored.result()
    dropped, dropped_labelled = count_dropped(built.dropped, labelled) if settings.imputation == LOGS else (0, 0)
    _require_some(counts.with_features - dropped, dropped, settings)
    width = len(built.frame.columns) - len(BASETABLE.columns)
    job.show(
        f"basetable as of {as_of}: {counts.with_features - dropped:,} accounts x {width} features, "
        f"{counts.labelled - dropped_labelled:,} labelled by {job.args.label!r}"
    )
    job.show(
        f"  left out: {counts.in_file_without_usage:,} accounts of the file without usage of their own (none, or only "
        f"of licences that other accounts used more), {dropped:,} missing more than {settings.max_missing_share:.0%}; "
        f"{counts.not_in_file:,} accounts of the logs are not in the file"
    )
    for line in silent.result():
        job.show(f"  {line}")
    if unknown := labels_of_nobody(accounts, job.args.label, settings.label_groups):
        job.show(f"  basetable.label_groups names labels that no account has: {', '.join(map(repr, unknown))}")


def _require_some(left: int, dropped: int, settings: BasetableSettings) -> None:
    if dropped and not left:
        raise InputProblem(
            f"all {dropped:,} accounts miss more than {settings.max_missing_share:.0%} of their values: raise "
            "basetable.max_missing_share, or choose another basetable.imputation"
        )


JOB = JobSpec("basetable", "events to one wide row per account, with label and fold", _arguments, build)
