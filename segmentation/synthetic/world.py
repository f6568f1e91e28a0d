"""The invented customer base: who the accounts and tokens are and how each of them uses the software."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.arrays import Bools, Floats, Ints
from segmentation.settings import SyntheticSettings
from segmentation.synthetic import profiles as P
from segmentation.synthetic.tokens import LONG_HISTORY, Tokens, build_tokens
from segmentation.synthetic.usage import Usage, build_usage

Texts = NDArray[np.str_]

_DORMANT_SHARE = 0.01
_CHURN_SHARE = 0.05


@dataclass(frozen=True)
class World:
    """Accounts and tokens of one invented customer base, as arrays.

    One entry per account: `account` (its name), `segment` and `industry` (positions in profiles.SEGMENTS and
    INDUSTRIES), `learnable` (the industry shows in usage, at this signal), `labelled` (the accounts file tells the
    industry), `country`, `since` (customer since, a date), `dormant` (never logs a row), `churned` (all its tokens
    stop), `usage`. One entry per token: the arrays of `tokens`. `months` holds the first day of each month of logs.
    """

    months: tuple[dt.date, ...]
    account: Texts
    segment: Ints
    industry: Ints
    learnable: Bools
    labelled: Bools
    country: Texts
    since: NDArray[np.datetime64]
    dormant: Bools
    churned: Bools
    usage: Usage
    tokens: Tokens


def generator(settings: SyntheticSettings, *stream: int) -> np.random.Generator:
    """A random generator of its own for every stream of one seed, so that order and processes cannot matter."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(settings.seed, spawn_key=stream)))


def build_world(settings: SyntheticSettings) -> World:
    """The customer base of these settings; the same settings give the same world."""
    rng = generator(settings, 0)
    months = months_of(settings)
    accounts = settings.accounts
    segment = _quota(rng, accounts, [s.share for s in P.SEGMENTS])
    minority = 1.0 - settings.majority_share
    industry = _quota(rng, accounts, [settings.majority_share, *(minority * i.share for i in P.MINORITIES)])
    usage = build_usage(rng, settings, segment, industry)
    dormant = _chosen(rng, accounts, round(accounts * _DORMANT_SHARE))
    churned = _chosen(rng, accounts, round(accounts * _CHURN_SHARE)) & ~dormant & (len(months) >= LONG_HISTORY)
    history = rng.integers(30, 5500, accounts)
    names = rng.permutation(accounts) + 10 ** max(5, len(str(accounts)))
    return World(
        months=months,
        account=np.char.add("A", names.astype(np.str_)),
        segment=segment,
        industry=industry,
        learnable=np.array([i.learnable for i in P.INDUSTRIES])[industry] & (settings.signal > 0),
        labelled=_labelled(rng, industry, settings.labelled_share),
        country=rng.choice(np.array(P.COUNTRIES), accounts, p=_falling(len(P.COUNTRIES))),
        since=np.datetime64(months[0]) - history,
        dormant=dormant,
        churned=churned,
        usage=usage,
        tokens=build_tokens(
            generator(settings, 1), settings, months=months, usage=usage, dormant=dormant, churned=churned
        ),
    )


def months_of(settings: SyntheticSettings) -> tuple[dt.date, ...]:
    """The first day of each month of logs: whole months that end the day before `end`."""
    last = settings.end.year * 12 + settings.end.month - 1
    return tuple(dt.date(n // 12, n % 12 + 1, 1) for n in range(last - settings.months, last))


def _quota(rng: np.random.Generator, size: int, shares: Sequence[float]) -> Ints:
    """Class numbers in random order whose counts follow the shares as closely as whole numbers can."""
    bounds = np.rint(np.cumsum(shares) / np.sum(shares) * size).astype(np.int64)
    return rng.permutation(np.repeat(np.arange(len(shares)), np.diff(bounds, prepend=0)))


def _chosen(rng: np.random.Generator, size: int, count: int) -> Bools:
    flags = np.zeros(size, dtype=np.bool_)
    flags[rng.choice(size, count, replace=False)] = True
    return flags


def _labelled(rng: np.random.Generator, industry: Ints, share: float) -> Bools:
    """The same share of every industry, so that even a small one has a label where the numbers allow it."""
    order = np.lexsort((rng.random(len(industry)), industry))
    steps = np.floor(np.arange(len(industry) + 1) * share + 0.5)
    flags = np.zeros(len(industry), dtype=np.bool_)
    flags[order] = np.diff(steps) > 0
    return flags


def _falling(size: int) -> Floats:
    weights = 1.0 / np.arange(1, size + 1, dtype=np.float64)
    shares: Floats = weights / weights.sum()
    return shares
