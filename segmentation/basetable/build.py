"""The basetable: account features, label and fold in one row per account, nothing missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.basetable.folds import assign_folds
from segmentation.basetable.imputation import LOGS, basetable_features, filled_shares
from segmentation.basetable.labels import label_accounts
from segmentation.basetable.missing import fill_declared, fill_typical, split_by_missing
from segmentation.features.catalogue import catalogue
from segmentation.features.months import check_as_of
from segmentation.settings import BasetableSettings


class Basetable(NamedTuple):
    """The basetable, and the accounts left out of it for missing too much."""

    frame: DataFrame
    #: one row per account left out: as_of, account_id, missing_share; empty under policy `basetable`
    dropped: DataFrame


def build_basetable(
    account_features: DataFrame,
    prepared: DataFrame,
    accounts_of_tokens: DataFrame,
    accounts: DataFrame,
    as_of: dt.date,
    label_column: str,
    categories: Sequence[str],
    settings: BasetableSettings,
) -> Basetable:
    """BASETABLE: one row per account with features; its columns, then the features in catalogue order.

    `account_features` has the columns that the function of that name gives for these categories, no others; it may hold
    other as_of too. Keep it (`settled`, or read it from its table): policy `logs` reads it several times.
    `prepared` is the cube that `prepare_activity` gave. Numbers are doubles, free of null and NaN; categories are
    text. An account that the accounts file does not list has no label; one without events has no row.
    """
    rows = account_features.where(F.col("as_of") == F.lit(check_as_of(as_of)))
    filled, dropped = _complete(rows, prepared, accounts_of_tokens, as_of, categories, settings)
    labels = label_accounts(accounts, label_column, settings.label_groups)
    labelled = filled.select("account_id").join(labels, on="account_id", how="left")
    folded = assign_folds(labelled, settings.folds, settings.test_share, settings.fold_seed)
    # folds are dealt on two columns: hundreds of them through a shuffle and two windows were dear. They stand on the
    # left, so that the join gives the columns in order: naming four hundred took Python seconds
    named = F.broadcast(folded).join(filled.drop("as_of"), on="account_id", how="inner")
    return Basetable(named.select(F.lit(as_of).alias("as_of"), "*"), dropped)


def _complete(
    rows: DataFrame,
    prepared: DataFrame,
    accounts_of_tokens: DataFrame,
    as_of: dt.date,
    categories: Sequence[str],
    settings: BasetableSettings,
) -> tuple[DataFrame, DataFrame]:
    """(the accounts kept, nothing missing; the accounts dropped) under the policy of the settings."""
    measured = catalogue(categories)
    if settings.imputation != LOGS:
        nobody = rows.limit(0).select("as_of", "account_id", F.lit(0.0).alias("missing_share"))
        return fill_declared(rows, measured), nobody
    kept, dropped = split_by_missing(rows, measured, settings.max_missing_share)
    # a share over no rows at all is 0: an account without rows in the year had nothing filled
    shares = filled_shares(prepared, accounts_of_tokens, as_of)
    joined = fill_typical(kept, measured).join(shares, on="account_id", how="left")
    return fill_declared(joined, basetable_features(categories, LOGS)), dropped
