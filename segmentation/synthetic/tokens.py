"""The licences of the invented accounts: who holds which, when each is used and with what."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.arrays import Bools, Floats, Ints
from segmentation.settings import SyntheticSettings
from segmentation.synthetic.usage import Usage

Texts = NDArray[np.str_]

#: rows that a token should have in its fullest month to be sure to turn up under its second account, if it has one
SECOND_ACCOUNT_ROWS = 24
#: use by calendar month: a summer dip, a busy autumn, a short December
_SEASON = np.array([0.95, 0.98, 1.06, 1.0, 1.0, 1.0, 1.0, 1.0, 1.06, 1.12, 1.12, 0.8])
#: months of logs from which on tokens start late, stop and churn
LONG_HISTORY = 6
_LATE_SHARE = 0.05
_STOP_SHARE = 0.02
_MOVE_SHARE = 0.06


@dataclass(frozen=True)
class Tokens:
    """One entry per token, or one row of a matrix tokens x months.

    `account` is the holder's position in the world's accounts; `second_account` another one under which a few of its
    rows turn up, or -1. `weight` is the expected share of all rows that falls to the token in that month (adds up to
    1; 0 before it starts and after it stops). `product` and `system` are positions in profiles.PRODUCTS and SYSTEMS
    in that month; `lag` is how many quarters behind the newest version it runs.
    """

    name: Texts
    account: Ints
    second_account: Ints
    weight: Floats
    product: NDArray[np.int8]
    system: NDArray[np.int8]
    lag: Ints


def build_tokens(
    rng: np.random.Generator,
    settings: SyntheticSettings,
    *,
    months: Sequence[dt.date],
    usage: Usage,
    dormant: Bools,
    churned: Bools,
) -> Tokens:
    """All tokens of the accounts that `usage`, `dormant` and `churned` describe, one entry each per account."""
    account = _holders(rng, settings)
    held = np.bincount(account, minlength=settings.accounts)
    # An account with many licences is larger, but not so many times larger: its segment is to stay recognisable.
    size = usage.level[account] - 0.85 * np.log(held[account])
    size += settings.noise * 0.4 * rng.standard_normal(len(account))
    size[dormant[account]] = -np.inf
    summer = np.array([month.month in (7, 8) for month in months])
    season = _SEASON[[month.month - 1 for month in months]]
    weight = np.exp(size[:, None] + usage.summer[account][:, None] * summer) * season
    weight *= np.exp(settings.noise * 0.2 * rng.standard_normal(weight.shape))
    weight *= _in_use(rng, churned[account], len(months))
    weight /= weight.sum()
    return Tokens(
        name=_names(rng, len(account)),
        account=account,
        second_account=_second_accounts(rng, settings, account, weight, np.flatnonzero(~dormant)),
        weight=weight,
        product=_moving(rng, usage.products[account], len(months)),
        system=_moving(rng, usage.systems[account], len(months)),
        lag=rng.choice(4, len(account), p=[0.55, 0.25, 0.15, 0.05]),
    )


def _holders(rng: np.random.Generator, settings: SyntheticSettings) -> Ints:
    """The account of each token: one each, the remaining ones by heavy-tailed luck."""
    # Rounded first, because 1500 * 2.11 is a hair above 3165 in floating point.
    wanted = math.ceil(round(settings.accounts * settings.tokens_per_account, 6))
    appetite = rng.lognormal(0.0, 1.6, settings.accounts)
    extra = rng.multinomial(wanted - settings.accounts, appetite / appetite.sum())
    return np.repeat(np.arange(settings.accounts), 1 + extra)


def _in_use(rng: np.random.Generator, churned: Bools, months: int) -> Bools:
    """Tokens x months: whether the token is in use. Too short a history knows neither late starts nor stops."""
    tokens = len(churned)
    if months < LONG_HISTORY:
        return np.ones((tokens, months), dtype=np.bool_)
    start = np.where(rng.random(tokens) < _LATE_SHARE, rng.integers(1, months // 3 + 1, tokens), 0)
    stop = rng.integers(2 * months // 3, months - 1, tokens)
    stops = churned | (rng.random(tokens) < _STOP_SHARE)
    month = np.arange(months)
    return (month >= start[:, None]) & ((month < stop[:, None]) | ~stops[:, None])


def _moving(rng: np.random.Generator, weights: Floats, months: int) -> NDArray[np.int8]:
    """Tokens x months: a choice per token by log weight; a few tokens move to another choice at some month."""
    tokens, choices = weights.shape

    def draw() -> Ints:
        gumbel = -np.log(-np.log(rng.uniform(1e-12, 1.0, (tokens, choices))))
        choice: Ints = np.argmax(weights + gumbel, axis=1)
        return choice

    before, after = draw(), draw()
    moves = np.where(rng.random(tokens) < _MOVE_SHARE, rng.integers(0, months, tokens), months)
    return np.where(np.arange(months) < moves[:, None], before[:, None], after[:, None]).astype(np.int8)


def _second_accounts(
    rng: np.random.Generator, settings: SyntheticSettings, account: Ints, weight: Floats, live: Ints
) -> Ints:
    """For a share of the tokens another account, preferring tokens busy enough for it to show; -1 for the others."""
    second = np.full(len(account), -1, dtype=np.int64)
    wanted = round(settings.two_account_token_share * len(account))
    if wanted == 0 or len(live) == 1:
        return second
    busy = weight.max(axis=1) * settings.rows
    order = np.lexsort((rng.random(len(account)), -np.minimum(busy, SECOND_ACCOUNT_ROWS)))
    chosen = order[:wanted]
    place = np.searchsorted(live, account[chosen]) + rng.integers(1, len(live), wanted)
    second[chosen] = live[place % len(live)]
    return second


def _names(rng: np.random.Generator, size: int) -> Texts:
    """Names that look random and are distinct: an odd multiplier permutes the 40-bit numbers."""
    offset = int(rng.integers(1 << 40))
    numbers = (np.arange(size, dtype=np.int64) * 0x5DEECE66D + offset) & ((1 << 40) - 1)
    return np.array([f"T{number:010X}" for number in numbers.tolist()])
