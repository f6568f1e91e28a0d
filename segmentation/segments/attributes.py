"""The accounts file's other columns, read for profiles: which are numbers, which are categories, which say nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from segmentation.arrays import Floats

#: a column of text shows so many of its values at most, the most frequent ones, each held by at least so many accounts
MOST_VALUES, FEWEST_ACCOUNTS = 12, 5
#: a column in which more of the known values than this are different from all others identifies accounts
IDENTIFYING = 0.5
#: of a column of numbers at least so many known values are: the others are words for unknown, such as n/a
NUMBERS = 0.9
#: dates look like this, whatever follows
DATE = r"\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{2,4}"

#: what stands before the name of a column that is called like a feature: the two would be told as one
SOURCE = "accounts file: "


@dataclass(frozen=True)
class Number:
    """An attribute with a number for each account, NaN where unknown."""

    name: str
    values: Floats


@dataclass(frozen=True)
class Category:
    """An attribute with a word for each account, None where unknown."""

    name: str
    values: tuple[str | None, ...]
    #: the values worth a row
    shown: tuple[str, ...]


def read_attributes(
    attributes: pd.DataFrame | None, accounts: Sequence[object], features: Collection[str] = ()
) -> list[Number | Category]:
    """The usable columns of `attributes` (one row per account, text, index or column account_id), for `accounts`.

    Numbers are columns of numbers, but for few words, with more different values than categories show. Left out are
    dates, whole numbers and words that identify accounts, and columns with a single value. An account without a row
    has no values. A column that is called like one of the `features` is told by another name (SOURCE).
    """
    if attributes is None:
        return []
    if "account_id" in attributes.columns:
        attributes = attributes.set_index("account_id")
    placed = attributes[~attributes.index.duplicated()].reindex(pd.Index(accounts))
    read = [_read(str(name), placed[name]) for name in placed.columns]
    known = [one for one in read if one is not None]
    return [replace(one, name=f"{SOURCE}{one.name}") if one.name in features else one for one in known]


def _read(name: str, column: pd.Series) -> Number | Category | None:
    text = column.astype("string").str.strip()
    text = text.mask(text == "")
    known = text.dropna()
    counts = known.value_counts()
    if len(counts) < 2 or known.str.match(DATE).mean() > IDENTIFYING:  # noqa: PLR2004  # one value tells nothing
        return None
    # as floats, since of pandas' own numbers isfinite passes over what is missing
    numbers = pd.to_numeric(known, errors="coerce").astype("float64")
    numbers = numbers[np.isfinite(numbers)]
    unique = bool((counts == 1).sum() > IDENTIFYING * len(known))
    if len(numbers) >= NUMBERS * len(known) and len(counts) > MOST_VALUES:
        whole = bool((numbers == numbers.round()).all())
        placed: Floats = np.asarray(numbers.reindex(text.index), dtype=np.float64)
        return None if whole and numbers.is_unique else Number(name, placed)
    if unique:
        return None
    # Frequent first, then by name: equal counts come in no order of their own.
    ranked = sorted(counts.items(), key=lambda pair: (-int(pair[1]), str(pair[0])))
    shown = tuple(str(value) for value, count in ranked if int(count) >= FEWEST_ACCOUNTS)[:MOST_VALUES]
    values = tuple(None if pd.isna(value) else str(value) for value in text)
    return Category(name, values, shown) if shown else None
