"""The training accounts with their folds, and who weighs how much in which fit.

All of it is small and lives on the driver; a fit sees an account when its weight is above zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Bools, Floats, Ints
from segmentation.basetable.folds import TRAIN, assign_folds
from segmentation.industries.labels import Labels
from segmentation.settings import IndustrySettings

#: keeps the seeds of the repeats away from the basetable's own, which would deal the same folds again
SEED_STEP = 1_000_003
#: kinds of fits
FOLD, ALL, SHARE, HALF = "fold", "all", "share", "half"


@dataclass(frozen=True)
class Known:
    """The labelled training accounts of the learnable industries, in order of account_id."""

    accounts: tuple[str, ...]
    #: class index of each
    actual: Ints
    #: fold of each in each repeat (repeats x accounts); repeat 0 is that of the basetable
    folds: Ints

    @property
    def number_of_folds(self) -> int:
        """Folds per repeat."""
        return int(self.folds.max()) + 1

    @property
    def held_out(self) -> list[tuple[int, int]]:
        """Every repeat with each fold that has accounts: dealt anew, few accounts may leave one without any."""
        return [(repeat, int(fold)) for repeat, folds in enumerate(self.folds) for fold in np.unique(folds)]


def known_accounts(frame: DataFrame, accounts: pd.DataFrame, labels: Labels, repeats: int, seed: int) -> Known:
    """The training accounts of `accounts` (account_id, industry, split, fold; all of the basetable).

    `frame` holds at least account_id and industry: the folds of further repeats are dealt by the basetable's rule.
    """
    learnable = accounts["industry"].isin(labels.industries) & (accounts["split"] == TRAIN)
    train = accounts[learnable].sort_values("account_id")
    place = {industry: number for number, industry in enumerate(labels.industries)}
    folds = [train["fold"].to_numpy(dtype=np.int64)]
    rows = frame.where(F.col("industry").isin(list(labels.industries)) & (F.col("split") == TRAIN))
    for repeat in range(1, repeats):
        dealt = assign_folds(rows.select("account_id", "industry"), labels.folds, 0.0, seed + SEED_STEP * repeat)
        fold_of = dealt.select("account_id", "fold").toPandas().set_index("account_id")["fold"]
        folds.append(fold_of.loc[train["account_id"]].to_numpy(dtype=np.int64))
    actual: Ints = np.asarray(train["industry"].map(place), dtype=np.int64)
    return Known(tuple(train["account_id"]), actual, np.stack(folds))


def class_weights(actual: Ints, seen: Bools, cap: float) -> Floats:
    """Weight of each account in a fit that sees the accounts `seen`; 0 for the others.

    An industry weighs so many times more than the largest as it has fewer accounts among those seen, but at most
    `cap` times: unbounded weights would let a handful of accounts rule the fit. Calibration takes back what they do
    to the probabilities.
    """
    counts = np.bincount(actual[seen], minlength=int(actual.max(initial=0)) + 1)
    factor = np.minimum(cap, counts.max(initial=1) / np.maximum(counts, 1))
    weights: Floats = np.where(seen, factor[actual], 0.0)
    return weights


def sampled(accounts: Sequence[str], actual: Ints, among: Bools, share: float, seed: int) -> Bools:
    """A share of the accounts `among`, the same share of every industry and at least one account of each.

    By hash of the account id: another order of accounts, or a larger share, keeps those that were drawn.
    """
    hashed = pd.util.hash_array(np.array(accounts, dtype=object), hash_key=f"{seed % 10**16:016d}")
    frame = pd.DataFrame({"actual": actual, "hash": hashed, "account": accounts})[among]
    ordered = frame.sort_values(["actual", "hash", "account"])
    rank = ordered.groupby("actual").cumcount() + 1
    size = ordered.groupby("actual")["hash"].transform("size")
    # halves up: of 3 accounts a share of one half is 2
    taken = ordered.index[rank <= np.maximum(1, np.floor(size * share + 0.5))]
    drawn = np.zeros(len(actual), dtype=np.bool_)
    drawn[taken] = True
    return drawn


@dataclass(frozen=True)
class Fits:
    """Every fit that will be made, by its name, and what each account weighs in it."""

    #: accounts x fits
    weights: Floats
    #: names of the fits, in the order of the columns of `weights`: FOLD, repeat, fold; ALL; SHARE, share, fold of
    #: repeat 0; HALF, resample
    names: tuple[tuple[str | int | float, ...], ...]

    def place(self, *name: str | int | float) -> int:
        """Column of that fit."""
        return self.names.index(name)


def plan_fits(known: Known, settings: IndustrySettings) -> Fits:
    """Who is seen by which fit: without a fold, all, a share of those outside a fold, half of all.

    Shares and halves are drawn within every industry by hash of the account id.
    """
    everybody = np.ones(len(known.actual), dtype=np.bool_)
    seen: dict[tuple[str | int | float, ...], Bools] = {}
    for repeat, fold in known.held_out:
        seen[FOLD, repeat, fold] = known.folds[repeat] != fold
    seen[(ALL,)] = everybody
    for share in settings.learning_shares:
        for fold in range(known.number_of_folds):
            among = known.folds[0] != fold
            seen[SHARE, share, fold] = sampled(known.accounts, known.actual, among, share, settings.seed)
    for number in range(settings.resamples):
        drawn = sampled(known.accounts, known.actual, everybody, 0.5, settings.seed + 1 + number)
        seen[HALF, number] = drawn
    columns = [class_weights(known.actual, one, settings.class_weight_cap) for one in seen.values()]
    return Fits(np.stack(columns, axis=1), tuple(seen))
