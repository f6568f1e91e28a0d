"""The base measures, each declared once: how a token is measured and how rows roll up, exactly, into larger ones."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.features.months import HISTORY, YEAR, month_index

Rollup = Literal["sum", "max", "min", "bit_or", "sketch"]


@dataclass(frozen=True)
class Measure:
    """One column of `token_features`: `of`, the SQL text of a cube row's value, aggregated by `rollup`.

    A text, as Spark reads the sixty of them in few calls, where columns took over a thousand.
    """

    name: str
    rollup: Rollup
    of: str

    @property
    def is_count(self) -> bool:
        """True where no rows at all mean 0 (sums, masks) and not null (extremes, sketches)."""
        return self.rollup in ("sum", "bit_or")


def measures(words: int, sketch: bool) -> tuple[Measure, ...]:
    """All measures: rows of 24 months, days of 12, names and sums of the year, first and last over all history.

    Month 01 is the latest before as_of. `words` and `sketch` are those of `mask_words`.
    """
    return (
        *(Measure(f"rows_m{age:02d}", "sum", _of_month("rows", age)) for age in range(1, HISTORY + 1)),
        *(Measure(f"days_m{age:02d}", "bit_or", _of_month("day_mask", age)) for age in range(1, YEAR + 1)),
        *(Measure(f"names_{word}", "bit_or", _name_word(word)) for word in range(words)),
        *([Measure("name_sketch", "sketch", _of_year("name_sketch"))] if sketch else []),
        Measure("duration_count", "sum", _of_year("duration_count")),
        Measure("duration_sum", "sum", _of_year("duration_sum")),
        Measure("duration_max", "max", _of_year("duration_max")),
        Measure("value_count", "sum", _of_year("value_count")),
        Measure("value_sum", "sum", _of_year("value_sum")),
        Measure("value_max", "max", _of_year("value_max")),
        Measure("errors", "sum", _of_year("errors")),
        Measure("first_ts", "min", "first_ts"),
        Measure("last_ts", "max", "last_ts"),
    )


def measures_in(token_features: DataFrame) -> tuple[Measure, ...]:
    """The measures of a token_features table, which tells by its columns how many name words it has."""
    words = sum(re.fullmatch(r"names_\d+", name) is not None for name in token_features.columns)
    return measures(words, "name_sketch" in token_features.columns)


def before(activity: DataFrame, as_of: dt.date) -> DataFrame:
    """The cube's rows before as_of, with `age`: 1 for the month just before it, 2 for the one before that."""
    age = F.lit(month_index(as_of)) - (F.year("event_month") * 12 + F.month("event_month") - 1)
    return activity.where(F.col("event_month") < F.lit(as_of)).withColumn("age", age)


def combine(declared: Sequence[Measure], of: Callable[[Measure], str]) -> list[Column]:
    """One aggregate per measure, over the values whose SQL texts `of` gives; a sum or mask over nothing is 0."""
    return [F.expr(f"{_merged(measure, of(measure))} AS {measure.name}") for measure in declared]


def _merged(measure: Measure, value: str) -> str:
    function = "hll_union_agg" if measure.rollup == "sketch" else measure.rollup
    return f"coalesce({function}({value}), 0)" if measure.is_count else f"{function}({value})"


def _of_month(name: str, age: int) -> str:
    return f"CASE WHEN age = {age} THEN {name} END"


def _of_year(value: str) -> str:
    return f"CASE WHEN age <= {YEAR} THEN {value} END"


def _name_word(word: int) -> str:
    # get: months computed while fewer names were known have fewer words
    return _of_year(f"get(name_masks, {word})")
