"""Each column function on a handful of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from segmentation.features import expressions as E


def numbers(values: Sequence[float | None]) -> list[Column]:
    return [F.lit(value).cast("double") for value in values]


CASES: dict[str, tuple[Callable[[], Column], float | None]] = {
    "slope of a line": (lambda: E.slope(numbers([1, 3, 5])), 2.0),
    "slope of a constant": (lambda: E.slope(numbers([4, 4, 4, 4])), 0.0),
    "ratio": (lambda: E.ratio(F.lit(1), F.lit(4)), 0.25),
    "ratio to nothing": (lambda: E.ratio(F.lit(1), F.lit(0)), None),
    "gini of two": (lambda: E.gini(F.array(*numbers([3, 1]))), 0.25),
    "gini of equals": (lambda: E.gini(F.array(*numbers([2, 2, 2]))), 0.0),
    "gini of nothing": (lambda: E.gini(F.array(*numbers([0, 0]))), None),
    "gini of one": (lambda: E.gini(F.array(*numbers([9]))), 0.0),
    "entropy of halves": (lambda: E.entropy(numbers([0.5, 0.5, 0])), math.log(2)),
    "entropy of no shares": (lambda: E.entropy(numbers([None, None])), None),
    "variation": (lambda: E.variation(numbers([1, 3]), F.lit(4.0)), 0.5),
    "variation of nothing": (lambda: E.variation(numbers([0, 0]), F.lit(0.0)), None),
    "log ratio": (lambda: E.log_ratio(F.lit(3), F.lit(1)), math.log(2)),
    "days in masks": (lambda: E.days_in([F.lit(0b101), F.lit(1 << 30)]), 3),
    "day before": (lambda: E.days_until(86_400, F.timestamp_seconds(F.lit(86_399))), 1.0),
    "midnight of the day before": (lambda: E.days_until(86_400, F.timestamp_seconds(F.lit(0))), 1.0),
    "two days before": (lambda: E.days_until(172_800, F.timestamp_seconds(F.lit(1))), 2.0),
}


@pytest.fixture(scope="module")
def results(spark: SparkSession) -> dict[str, float | None]:
    row = spark.range(1).select(*(build().alias(name) for name, (build, _) in CASES.items())).collect()[0]
    return row.asDict()


@pytest.mark.parametrize("name", CASES)
def test_expression(results: dict[str, float | None], name: str) -> None:
    expected = CASES[name][1]
    assert results[name] == (None if expected is None else pytest.approx(expected))
