"""Log rows of one chunk: a pure function of world, settings, event names and chunk, whatever else is being made."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from segmentation.settings import SyntheticSettings
from segmentation.synthetic import profiles as P
from segmentation.synthetic.mess import add_mess
from segmentation.synthetic.names import NameTables
from segmentation.synthetic.plan import Chunk, MonthRows
from segmentation.synthetic.rows import Rows, Words, version_of
from segmentation.synthetic.world import World, generator

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
#: one in so many rows of a token with a second account turns up there
SECOND_ACCOUNT_EVERY = 16
_DURATION_SPREAD = 0.8
_VALUE_SPREAD = 0.9
#: how prone to errors a category is, in the order of profiles.CATEGORIES
_PRONE = np.array([0.7, 1.0, 0.6, 0.8, 1.3, 1.2, 1.6, 0.5])
_WARNING, _CANCELLED = 0.06, 0.015
_HOURS = {
    "office": [0, 0, 0, 0, 0, 0.2, 1, 4, 8, 10, 10, 9, 6, 8, 10, 10, 8, 5, 2, 1, 0.5, 0.3, 0.1, 0],
    "shifts": [2, 1, 1, 1, 2, 4, 6, 7, 7, 7, 7, 7, 6, 7, 7, 7, 6, 6, 5, 5, 5, 4, 3, 2],
    "round the clock": [5, 5, 5, 4, 4, 4, 4, 5, 6, 6, 6, 6, 5, 6, 6, 6, 6, 5, 5, 5, 5, 5, 5, 5],
}
_FINE = 1024  # steps of the lookup tables that turn random bits into categories and hours


@dataclass(frozen=True)
class Maker:
    """Everything that all chunks of a drop share, looked up instead of computed anew."""

    world: World
    settings: SyntheticSettings
    names: NameTables
    words: Words
    categories: NDArray[np.int8]  # tokens x _FINE: the token's categories in proportion
    hours: NDArray[np.int8]  # segments x _FINE: hours of the day in proportion


@dataclass(frozen=True)
class ChunkTruth:
    """What was put into some rows: rows per kind, accounts that appear, tokens seen under their second account."""

    counts: Counter[str]
    accounts: NDArray[np.int32]
    strayed_tokens: NDArray[np.int32]

    @staticmethod
    def joined(truths: Sequence[ChunkTruth]) -> ChunkTruth:
        """The truth of several chunks together."""
        counts: Counter[str] = Counter()
        for truth in truths:
            counts.update(truth.counts)
        return ChunkTruth(
            counts,
            np.unique(np.concatenate([truth.accounts for truth in truths])),
            np.unique(np.concatenate([truth.strayed_tokens for truth in truths])),
        )


def maker(world: World, settings: SyntheticSettings, names_by_category: Mapping[str, Sequence[str]]) -> Maker:
    """Prepare the tables for a drop. Raises InputProblem if a category of the profiles has no event names."""
    names = NameTables.build(settings, names_by_category)
    rhythm = np.array([_HOURS[segment.rhythm] for segment in P.SEGMENTS])
    return Maker(
        world=world,
        settings=settings,
        names=names,
        words=Words.build(world, names.names),
        categories=_steps(world.usage.mix)[world.tokens.account],
        hours=_steps(rhythm / rhythm.sum(axis=1, keepdims=True)),
    )


def make_chunk(make: Maker, rows: MonthRows, chunk: Chunk) -> tuple[pa.Table, ChunkTruth]:
    """The log rows of a chunk (one row is one event, columns as in rows.COLUMNS), mess included and counted.

    `rows` are those of the chunk's month. Rows stand roughly in order of time, as they would reach a server.
    """
    rng = generator(make.settings, 2, chunk.number)
    first = rows.first + int(rows.counts[:, : chunk.first_day].sum())
    genuine = _genuine(rng, make, rows, chunk)
    messy, counts = add_mess(rng, make.settings, make.names, genuine, first)
    accounts = np.unique(messy.account[messy.account >= 0])
    return messy.table(make.words), ChunkTruth(counts, accounts, np.unique(genuine.token[genuine.strayed]))


def _genuine(rng: np.random.Generator, make: Maker, rows: MonthRows, chunk: Chunk) -> Rows:
    """Rows without mess, in order of token and time; a token never has two rows at the same millisecond."""
    world, usage, tokens = make.world, make.world.usage, make.world.tokens
    counts = rows.counts[:, chunk.first_day : chunk.end_day]
    token, time = _times(rng, make, counts, chunk)
    account = tokens.account[token]
    seen = _seen_account(make, rows, chunk, token, account)
    bits = rng.integers(0, 1 << 63, len(token), dtype=np.int64)
    category = make.categories[token, bits & (_FINE - 1)]
    name = make.names.draw(world.segment[account], category, usage.breadth[account], bits >> 10)
    month = world.months[chunk.month]
    return Rows(
        time=time,
        arrival=time + ((bits >> 30) & 0x7FFF),
        bad_time=np.zeros(len(token), dtype=np.int8),
        token=token.astype(np.int32),
        account=seen.astype(np.int32),
        strayed=seen != account,
        name=name,
        product=tokens.product[token, chunk.month],
        version=version_of(make.words, month, tokens.lag[token]),
        system=tokens.system[token, chunk.month],
        state=np.zeros(len(token), dtype=np.int8),
        status=_status(usage.errors[account] * _PRONE[category], rng.random(len(token))),
        duration=_amounts(rng, make.names.duration[name], usage.duration[account, category], _DURATION_SPREAD, 3),
        value=_amounts(rng, make.names.value[name], usage.value[account, category], _VALUE_SPREAD, 1),
    )


def _times(
    rng: np.random.Generator, make: Maker, counts: NDArray[np.int64], chunk: Chunk
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token and time (milliseconds since 1970, UTC) of each row, by token and time."""
    days = chunk.end_day - chunk.first_day
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    token, day = np.divmod(cell, days)
    bits = rng.integers(0, 1 << 63, len(cell), dtype=np.int64)
    hour = make.hours[make.world.segment[make.world.tokens.account[token]], bits & (_FINE - 1)].astype(np.int64)
    # A day is squeezed by its last minute, so that moving equal times apart never crosses midnight.
    within = day * DAY_MS + (hour * HOUR_MS + (bits >> 10) % HOUR_MS) * 1439 // 1440
    keys = np.sort((token << 32) | within)
    # Equal times of a token move apart by a millisecond each: distances of at least one become running maxima.
    place = np.arange(len(keys))
    keys = np.maximum.accumulate(keys - place) + place
    start = dt.datetime.combine(make.world.months[chunk.month], dt.time(), dt.UTC) + dt.timedelta(chunk.first_day)
    return keys >> 32, (keys & 0xFFFFFFFF) + round(start.timestamp()) * 1000


def _seen_account(
    make: Maker, rows: MonthRows, chunk: Chunk, token: NDArray[np.int64], account: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The account that the log names: the holder, or for every 16th row of a few tokens a second account."""
    second = make.world.tokens.second_account[token]
    start = np.searchsorted(token, np.arange(len(rows.counts)))
    before = rows.counts[:, : chunk.first_day].sum(axis=1)
    rank = np.arange(len(token)) + (before - start)[token]
    return np.where((second >= 0) & (rank % SECOND_ACCOUNT_EVERY == SECOND_ACCOUNT_EVERY // 2), second, account)


def _status(errors: NDArray[np.float64], luck: NDArray[np.float64]) -> NDArray[np.int8]:
    """Position in profiles.STATUSES."""
    bounds = np.stack([errors, errors + _WARNING, errors + _WARNING + _CANCELLED])
    code = (luck >= bounds).sum(axis=0)
    status: NDArray[np.int8] = np.array([2, 1, 3, 0], dtype=np.int8)[code]
    return status


def _amounts(
    rng: np.random.Generator, typical: NDArray[np.float64], shift: NDArray[np.float64], spread: float, digits: int
) -> NDArray[np.float64]:
    """Lognormal amounts around each row's typical one; not a number where the event carries none."""
    amounts = np.full(len(typical), np.nan)
    has = np.flatnonzero(~np.isnan(typical))
    drawn = np.exp(np.log(typical[has]) + shift[has] + spread * rng.standard_normal(len(has)))
    amounts[has] = np.round(drawn, digits)
    return amounts


def _steps(shares: NDArray[np.float64]) -> NDArray[np.int8]:
    """Rows of shares as rows of _FINE class numbers in those proportions."""
    bounds = np.cumsum(shares, axis=1)[:, :-1]
    points = (np.arange(_FINE) + 0.5) / _FINE
    codes = np.zeros((len(shares), _FINE), dtype=np.int8)
    for column in bounds.T:
        codes += (points >= column[:, None]).astype(np.int8)
    return codes
