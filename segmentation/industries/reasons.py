"""Why an account was given its industry: the features that speak most for the first choice against the second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from pyspark.ml.feature import VectorSlicer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Floats, Ints
from segmentation.features.feature import Feature
from segmentation.features.words import spoken
from segmentation.industries.fitting import collect_values
from segmentation.models.preparation import SCALED

#: reasons per account, and accounts whose values are on the driver at the same time
SHOWN, CHUNK = 3, 20_000
#: what moves the odds by less than a tenth is no reason
SMALLEST = 0.1
KEPT = "kept_vector"


def contributions(values: Floats, matrix: Floats, first: Ints, second: Ints) -> Floats:
    """What each feature adds to the log-odds of the first choice against the second, accounts x features.

    (coefficient of the first - coefficient of the second) x standardised value, so that an account like the average
    one has none. `values` is accounts x features, `matrix` classes x features.
    """
    speaking: Floats = (matrix[first] - matrix[second]) * values
    return speaking


def worded(names: Sequence[str], features: Sequence[Feature]) -> list[str]:
    """Names of places of the scaled vector for readers: `duration mean of Document`, `dominant os = Mac`."""
    words = spoken(features)
    parts = [name.partition(" = ") for name in names]
    return [words.get(base, base.replace("_", " ")) + equals + value for base, equals, value in parts]


def in_words(values: Floats, speaking: Floats, names: Sequence[str]) -> list[list[str]]:
    """Per account up to SHOWN features that speak for its first choice, strongest first, each in words.

    `names` as `worded` gives them; `high` and `low` are against the mean of the training accounts.
    """
    order = np.argsort(-speaking, axis=1, kind="stable")[:, :SHOWN]
    return [
        [_said(names[place], values[account, place]) for place in places if speaking[account, place] >= SMALLEST]
        for account, places in enumerate(order)
    ]


def _said(name: str, value: float) -> str:
    words, _, category = name.partition(" = ")
    if category:
        return f"{words} is {'' if value > 0 else 'not '}{category}"
    return f"{'high' if value > 0 else 'low'} {words}"


def reasons(
    frame: DataFrame, matrix: Floats, names: Sequence[str], choices: pd.DataFrame, industries: Sequence[str]
) -> pd.Series:
    """account_id -> reasons (list of str), for the accounts of `choices` (account_id, industry, second).

    `frame` has account_id and SCALED of the same accounts. Only the features that a linear model uses are collected,
    CHUNK accounts at a time, dealt by hash of their id.
    """
    used = np.flatnonzero((matrix != 0).any(axis=0))
    place = {industry: number for number, industry in enumerate(industries)}
    chosen = choices.set_index("account_id")
    found: dict[str, list[str]] = {account: [] for account in choices["account_id"]}
    for accounts, values in _chunks(frame, used, len(choices)) if len(used) else ():
        rows = chosen.loc[accounts]
        first: Ints = np.asarray(rows["industry"].map(place), dtype=np.int64)
        second: Ints = np.asarray(rows["second"].map(place), dtype=np.int64)
        speaking = contributions(values, matrix[:, used], first, second)
        said = in_words(values, speaking, [names[number] for number in used.tolist()])
        found |= dict(zip(accounts, said, strict=True))
    return pd.Series(found, dtype=object)


def _chunks(frame: DataFrame, used: Ints, size: int) -> Iterator[tuple[list[str], Floats]]:
    """Accounts and their values of the used features."""
    number = -(-size // CHUNK)
    slicer = VectorSlicer(inputCol=SCALED, outputCol=KEPT, indices=used.tolist())
    sliced = slicer.transform(frame.select("account_id", SCALED)).select("account_id", F.col(KEPT).alias(SCALED))
    for chunk in range(number):
        accounts, values = collect_values(sliced.where(F.pmod(F.xxhash64("account_id"), F.lit(number)) == chunk))
        if accounts:
            yield accounts, values
