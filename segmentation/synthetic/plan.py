"""Which rows fall where: months, files and chunks, and how many rows each token has on each day."""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from segmentation.settings import SyntheticSettings
from segmentation.synthetic import profiles as P
from segmentation.synthetic.world import World, generator, months_of

#: about so many rows are made at a time, whatever the size of a file, to bound the memory of a process
CHUNK_ROWS = 1_000_000
_SATURDAY = 5
_WEEKDAYS = np.array([0.97, 1.05, 1.06, 1.03, 0.89])


@dataclass(frozen=True)
class Chunk:
    """Some whole days of one month, made in one go; `file` counts within the month, days from 0, the last excluded."""

    number: int
    month: int
    file: int
    first_day: int
    end_day: int


@dataclass(frozen=True)
class MonthRows:
    """Rows of a month without the extra copies: `counts` tokens x days; `first` rows stand before this month."""

    counts: NDArray[np.int64]
    first: int


def chunks_of(settings: SyntheticSettings) -> tuple[Chunk, ...]:
    """Every chunk of a drop, in order."""
    pieces = math.ceil(settings.rows / settings.months / settings.files_per_month / CHUNK_ROWS)
    chunks: list[Chunk] = []
    for month, first in enumerate(months_of(settings)):
        days = calendar.monthrange(first.year, first.month)[1]
        files = _cuts(0, days, settings.files_per_month)
        for file, (start, end) in enumerate(files):
            parts = _cuts(start, end, min(pieces, end - start))
            chunks += [Chunk(len(chunks) + n, month, file, *part) for n, part in enumerate(parts)]
    return tuple(chunks)


def genuine_rows(settings: SyntheticSettings) -> int:
    """Rows of a drop without the extra copies."""
    return settings.rows - round(settings.rows * settings.duplicate_share)


def month_rows(world: World, settings: SyntheticSettings, month: int) -> MonthRows:
    """How many rows each token has on each day of a month; the months add up to `genuine_rows` exactly."""
    shares = np.concatenate(([0.0], np.cumsum(world.tokens.weight.sum(axis=0))))
    first, end = np.rint(shares[month : month + 2] / shares[-1] * genuine_rows(settings)).astype(np.int64).tolist()
    rng = generator(settings, 1, month)
    days = _day_weights(rng, world, settings, month)
    cells = days * (world.tokens.weight[:, month] / days.sum(axis=1))[:, None]
    # One running total cut into whole numbers: each cell is within one row of its share and none is lost.
    steps = np.cumsum(cells.ravel())
    total = max(float(steps[-1]), 1e-300)
    bounds = np.floor(steps / total * (end - first) + rng.random()).astype(np.int64)
    bounds[steps >= steps[-1]] = end - first
    counts = np.diff(np.minimum(bounds, end - first), prepend=0)
    return MonthRows(counts.reshape(cells.shape), first)


def _day_weights(
    rng: np.random.Generator, world: World, settings: SyntheticSettings, month: int
) -> NDArray[np.float64]:
    """Tokens x days: how a token's rows of a month spread over its days; a day without use has next to nothing."""
    first = world.months[month]
    days = calendar.monthrange(first.year, first.month)[1]
    weekday = (first.weekday() + np.arange(days)) % 7
    working = np.where(weekday < _SATURDAY, _WEEKDAYS[np.minimum(weekday, _SATURDAY - 1)], 0.0)
    account = world.tokens.account
    active = np.array([segment.active for segment in P.SEGMENTS])[world.segment[account]]
    weekend = np.exp(world.usage.weekend[account])[:, None] * (weekday >= _SATURDAY)
    used = rng.random((len(account), days)) < np.where(weekday < _SATURDAY, active[:, None], np.sqrt(active)[:, None])
    busy = np.exp(min(settings.noise, 1.0) * 0.5 * rng.standard_normal(used.shape))
    # Not nought: a token without a single active day keeps its rows, and a quiet day has the odd row.
    weights: NDArray[np.float64] = (working + weekend) * np.where(used, busy, 1e-4)
    return weights


def _cuts(start: int, end: int, parts: int) -> list[tuple[int, int]]:
    bounds = [start + (end - start) * part // parts for part in range(parts + 1)]
    return list(pairwise(bounds))
