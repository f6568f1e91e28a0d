"""Small column functions behind the features. Columns and plain values in, a Column out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

from pyspark.sql import Column
from pyspark.sql import functions as F

DAY = 86_400_000_000  #: microseconds


def total(columns: Sequence[Column]) -> Column:
    """Sum of columns that are never null."""
    return reduce(add, columns)


def ratio(part: Column, whole: Column) -> Column:
    """part / whole as a double; null when whole is 0 or either is null, where ANSI mode would raise."""
    return F.try_divide(part.cast("double"), whole.cast("double"))


def days_in(masks: Sequence[Column]) -> Column:
    """Number of days set in day masks of different months."""
    return total([F.bit_count(mask) for mask in masks])


def estimate(sketch: Column) -> Column:
    """Distinct values in a HyperLogLog sketch, from what it holds alone; null for null.

    A sketch that was never united estimates by the order in which values came (4 % apart for the same values);
    united with itself, it is told by its registers (`HIP` and `composite` in Apache DataSketches).
    """
    return F.hll_sketch_estimate(F.hll_union(sketch, sketch))


def days_until(epoch: int, moment: Column) -> Column:
    """Calendar days (UTC) from a timestamp to the midnight `epoch` (seconds): an event the day before gives 1.

    Written on microseconds, as turning a timestamp into a date depends on the session's time zone.
    """
    return F.ceil((F.lit(epoch * 1_000_000) - F.unix_micros(moment)) / F.lit(float(DAY))).cast("double")


def slope(values: Sequence[Column]) -> Column:
    """Least-squares slope per step of equally spaced values, oldest first.

    With t = 0 .. n-1 it is sum((t - mean t) * y) / sum((t - mean t)^2) (Draper & Smith, Applied Regression Analysis,
    1.2), so the weights are constants. slope of 1, 3, 5 is 2.
    """
    middle = (len(values) - 1) / 2
    spread = sum((t - middle) ** 2 for t in range(len(values)))
    return total([value * F.lit((t - middle) / spread) for t, value in enumerate(values)])


def log_ratio(after: Column, before: Column) -> Column:
    """ln((1 + after) / (1 + before)): 0 when equal, defined for zero counts, symmetric in growth and decline."""
    return F.log1p(after.cast("double")) - F.log1p(before.cast("double"))


def variation(values: Sequence[Column], whole: Column) -> Column:
    """Coefficient of variation, population standard deviation / mean, of values that sum to `whole`; null for 0."""
    mean = whole / F.lit(float(len(values)))
    squares = total([(value - mean) * (value - mean) for value in values])
    return ratio(F.sqrt(squares / F.lit(float(len(values)))), mean)


def entropy(shares: Sequence[Column]) -> Column:
    """Shannon entropy -sum(p ln p) in nats (Shannon 1948); a share of 0 adds nothing, null shares give null."""
    # + 0.0 turns the -0.0 of a single full share into 0.0
    return total([F.when(share > 0, -share * F.ln(share)).when(share == 0, F.lit(0.0)) for share in shares]) + F.lit(
        0.0
    )


def gini(values: Column) -> Column:
    """Gini coefficient of an array of non-negative numbers: 0 all equal, towards 1 all in one; null when all are 0.

    G = 2 sum(i x_i) / (n sum x) - (n + 1) / n with x ascending and i from 1 (Sen, On Economic Inequality, 1973).
    gini of [1, 3] is 0.25.
    """
    ranked = F.transform(F.array_sort(values), lambda x, i: x.cast("double") * (i + 1))
    size = F.size(values).cast("double")
    return F.lit(2.0) * ratio(array_total(ranked), size * array_total(values)) - (size + 1) / size


def array_total(values: Column) -> Column:
    """Sum of an array of numbers as a double."""
    return F.aggregate(values, F.lit(0.0), lambda sum_so_far, x: sum_so_far + x.cast("double"))


def geometric_mean(a: Column, b: Column) -> Column:
    """sqrt(a b): high only where both are."""
    return F.sqrt(a * b)
