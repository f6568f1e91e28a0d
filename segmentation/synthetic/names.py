"""Event names as numbers: how often each is used and which of them carry a duration or a value."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segmentation.errors import InputProblem
from segmentation.settings import SyntheticSettings
from segmentation.synthetic import profiles as P
from segmentation.synthetic.world import generator

_FINE = 4096  # steps of the lookup table that turns random bits into names
_UNKNOWN = 25
_DURATION_RANGE = (8.0, 24.0)  # typical seconds
_VALUE_RANGE = (8.0, 24.0)  # typical pages, square decimetres or hits


@dataclass(frozen=True)
class NameTables:
    """All event names, known ones first; `duration` and `value` are typical amounts, not a number where none is due.

    `table` is segments x categories x _FINE: positions in `names`, from the most used name of that segment to the
    least, each in proportion to its use.
    """

    names: tuple[str, ...]
    known: int
    table: NDArray[np.int32]
    duration: NDArray[np.float64]
    value: NDArray[np.float64]

    @classmethod
    def build(cls, settings: SyntheticSettings, names_by_category: Mapping[str, Sequence[str]]) -> NameTables:
        """Tables for these names. Raises InputProblem if a category of the profiles has none."""
        missing = [category for category in P.CATEGORIES if not names_by_category.get(category)]
        if missing:
            raise InputProblem(f"no event names for the categories {missing}: nothing to generate rows from")
        known = tuple(name for category in P.CATEGORIES for name in names_by_category[category])
        sizes = [len(names_by_category[category]) for category in P.CATEGORIES]
        names = known + tuple(f"legacy.hook.{number:02d}" for number in range(_UNKNOWN))
        category = np.repeat(np.arange(len(sizes)), sizes)
        return cls(
            names=names,
            known=len(known),
            table=_use(settings, sizes),
            duration=_typical(known, category, P.CARRY_DURATION, _DURATION_RANGE, "duration"),
            value=_typical(known, category, P.CARRY_VALUE, _VALUE_RANGE, "value"),
        )

    def draw(
        self,
        segment: NDArray[np.int64],
        category: NDArray[np.int8],
        breadth: NDArray[np.float64],
        bits: NDArray[np.int64],
    ) -> NDArray[np.int32]:
        """A name per row; accounts of little breadth only ever use the head of the list."""
        step = ((bits & (_FINE - 1)) * breadth).astype(np.int64)
        drawn: NDArray[np.int32] = self.table[segment, category, step]
        return drawn


def _use(settings: SyntheticSettings, sizes: Sequence[int]) -> NDArray[np.int32]:
    """Every segment has its own favourites within a category; use falls with the rank."""
    rng = generator(settings, 3)
    table = np.empty((len(P.SEGMENTS), len(sizes), _FINE), dtype=np.int32)
    points = (np.arange(_FINE) + 0.5) / _FINE
    starts = np.cumsum([0, *sizes[:-1]])
    for column, (start, size) in enumerate(zip(starts.tolist(), sizes, strict=True)):
        use = np.cumsum((np.arange(size) + 2.0) ** -0.9)
        rank = np.searchsorted(use / use[-1], points)
        for row in range(len(P.SEGMENTS)):
            table[row, column] = start + rng.permutation(size)[rank]
    return table


def _typical(
    names: Sequence[str],
    category: NDArray[np.int64],
    carry: Mapping[str, float],
    bounds: tuple[float, float],
    salt: str,
) -> NDArray[np.float64]:
    """The typical amount per name, from a hash of the name itself: a new name does not change the others."""
    amounts = np.full(len(names), np.nan)
    low, high = np.log(bounds)
    for number, name in enumerate(names):
        share = zlib.crc32(f"{salt}:{name}".encode()) / 2**32
        limit = carry.get(P.CATEGORIES[category[number]], 0.0)
        if share < limit:
            amounts[number] = np.exp(low + (high - low) * share / limit)
    return amounts
