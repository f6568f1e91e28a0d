"""How each invented account uses the software: its segment's profile, a spread of its own, its industry's shift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segmentation.arrays import Floats, Ints
from segmentation.settings import SyntheticSettings
from segmentation.synthetic import profiles as P

ERROR_RATE = 0.03


@dataclass(frozen=True)
class Usage:
    """How each account uses the software, one entry (or one row of a matrix) per account; all logs are natural."""

    level: Floats  # log of rows per month, relative to other accounts
    mix: Floats  # accounts x categories, shares that add up to 1
    duration: Floats  # accounts x categories, shift of the log of the mean duration
    value: Floats  # accounts x categories, the same of the value
    errors: Floats  # share of rows with status error, in a category of average proneness
    weekend: Floats  # log of use on a weekend day relative to a working day
    summer: Floats  # log of use in July and August relative to the other months
    breadth: Floats  # part of the event names that the account ever uses, 0 to 1
    products: Floats  # accounts x products, log weights
    systems: Floats  # accounts x operating systems, log weights


def build_usage(rng: np.random.Generator, settings: SyntheticSettings, segment: Ints, industry: Ints) -> Usage:
    """Segment's profile + spread of accounts (noise) + shift of the industry (signal)."""
    accounts = len(segment)
    wide = len(P.CATEGORIES)
    segments, industries = P.SEGMENTS, P.INDUSTRIES

    def spread(size: float, columns: int | None = None) -> Floats:
        return settings.noise * size * rng.standard_normal(accounts if columns is None else (accounts, columns))

    def shift(values: Sequence[float] | Floats) -> Floats:
        return settings.signal * np.asarray(values, dtype=np.float64)[industry]

    mix = np.log([[s.mix[c] for c in P.CATEGORIES] for s in segments])[segment] + spread(0.2, wide)
    mix = np.exp(mix + shift(_table([i.mix for i in industries], P.CATEGORIES)))
    breadth = 1.2 + spread(0.4) + shift([i.breadth for i in industries])
    products = _table([s.products for s in segments], P.PRODUCTS)[segment]
    systems = np.array([P.SYSTEM_WEIGHTS[s] for s in P.SYSTEMS])
    return Usage(
        level=np.array([s.level for s in segments])[segment] + spread(0.35),
        mix=mix / mix.sum(axis=1, keepdims=True),
        duration=spread(0.3, wide) + shift(_table([i.duration for i in industries], P.CATEGORIES)),
        value=spread(0.3, wide) + shift(_table([i.value for i in industries], P.CATEGORIES)),
        errors=ERROR_RATE * np.exp(spread(0.3) + shift([i.errors for i in industries])),
        weekend=np.array([s.weekend for s in segments])[segment] + spread(0.3) + shift([i.weekend for i in industries]),
        summer=-0.15 + spread(0.2) + shift([i.summer for i in industries]),
        breadth=1.0 / (1.0 + np.exp(-breadth)),
        products=products + shift(_table([i.products for i in industries], P.PRODUCTS)),
        systems=systems + shift(_table([i.systems for i in industries], P.SYSTEMS)),
    )


def _table(rows: Sequence[Mapping[str, float]], columns: Sequence[str]) -> Floats:
    """Mappings as a matrix; what a mapping does not name is 0."""
    return np.array([[row.get(column, 0.0) for column in columns] for row in rows])
