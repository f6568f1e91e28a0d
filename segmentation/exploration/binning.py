"""Bins of a histogram: the same for a column of Spark and for one of pandas."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F

from segmentation.arrays import Floats, Ints

LINEAR, LOG1P = "linear", "log1p"
#: from here on the largest value dwarfs the upper quartile, and equal bins would show one column
_DWARFED = 20.0
COLUMNS = ["column_name", "bin", "low", "high", "rows", "scale"]


@dataclass(frozen=True)
class Bins:
    """Bins of equal width from `low` to `high`, on the values or on their log1p; one bin for a constant."""

    low: float
    high: float
    count: int
    scale: str

    def edges(self) -> Floats:
        """count + 1 values, rising."""
        if self.scale == LOG1P:
            inner = np.expm1(np.linspace(math.log1p(self.low), math.log1p(self.high), self.count + 1))
        else:
            inner = np.linspace(self.low, self.high, self.count + 1)
        inner[0], inner[-1] = self.low, self.high
        return inner

    def of(self, values: Floats) -> Ints:
        """The bin of each value, from 0."""
        low, width = self._span()
        # multiplied first: 29 / 50 * 50 is below 29
        scaled = np.log1p(values) if self.scale == LOG1P else values
        return np.clip(np.floor((scaled - low) * self.count / width), 0, self.count - 1).astype(np.int64)

    def column(self, value: Column) -> Column:
        """The same in Spark; null for null."""
        low, width = self._span()
        scaled = F.log1p(value) if self.scale == LOG1P else value
        place = F.floor((scaled - F.lit(low)) * F.lit(float(self.count)) / F.lit(width))
        # least and greatest pass over nulls
        return F.when(value.isNotNull(), F.least(F.greatest(place, F.lit(0)), F.lit(self.count - 1)).cast("int"))

    def table(self, name: str, rows: Ints) -> pd.DataFrame:
        """Table column_histograms less as_of and source: one row per bin, empty ones included."""
        edges = self.edges()
        return pd.DataFrame(
            {
                "column_name": name,
                "bin": np.arange(self.count, dtype=np.int32),
                "low": edges[:-1],
                "high": edges[1:],
                "rows": rows,
                "scale": self.scale,
            }
        )

    def _span(self) -> tuple[float, float]:
        low, high = (math.log1p(self.low), math.log1p(self.high)) if self.scale == LOG1P else (self.low, self.high)
        return low, (high - low) or 1.0


def choose_bins(low: float, high: float, q75: float, count: int) -> Bins:
    """`count` bins between the extremes, on a logarithmic scale where nothing is negative and few values are large."""
    if low == high:
        return Bins(low, high, 1, LINEAR)
    heavy = low >= 0.0 and high > _DWARFED * max(q75, 1.0)
    return Bins(low, high, count, LOG1P if heavy else LINEAR)
