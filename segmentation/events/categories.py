"""Which of the eight categories an event name belongs to: exact name, then longest prefix, then first pattern."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.column_names import quoted
from segmentation.errors import InputProblem
from segmentation.local_rows import local_frame
from segmentation.settings import CategorySettings
from segmentation.settings.logs import FALLBACK, with_fallback

UNMATCHED = "unmatched"


class CategoryError(InputProblem):
    """The category rules contradict themselves; the message names the event name or category."""


def category_names(categories: Sequence[CategorySettings]) -> tuple[str, ...]:
    """The categories in the order of conf, the fallback last when conf does not list it."""
    return with_fallback([category.name for category in categories])


def exact_rules(categories: Sequence[CategorySettings]) -> dict[str, str]:
    """Event name in NFC to category; raises CategoryError for a name in two categories."""
    rules: dict[str, str] = {}
    for category in categories:
        for name in map(_nfc, category.names):
            if rules.setdefault(name, category.name) != category.name:
                raise CategoryError(f"event name {name!r} stands in {rules[name]!r} and in {category.name!r}: keep one")
    return rules


def categorise(rows: DataFrame, name: str, categories: Sequence[CategorySettings]) -> DataFrame:
    """The rows with `category` and `category_rule` (exact, prefix:..., pattern:... or unmatched) of the column `name`.

    Both are null where the name is null. The names are in NFC, and the rules are brought to it. Exact names are looked
    up in a broadcast table: a CASE over hundreds of names would be evaluated name by name for every row.
    """
    exact = list(exact_rules(categories).items())
    table = local_frame(rows.sparkSession, exact, "__name string, __exact string")
    joined = rows.join(F.broadcast(table), on=F.col(name) == F.col("__name"), how="left")
    column = F.col(name)
    prefixes, patterns = _prefixes(column, categories), _patterns(column, categories)
    category = F.coalesce(F.col("__exact"), *(hit for hit, _ in [*prefixes, *patterns]), F.lit(FALLBACK))
    rule = F.coalesce(
        F.when(F.col("__exact").isNotNull(), F.lit("exact")),
        *(said for _, said in [*prefixes, *patterns]),
        F.lit(UNMATCHED),
    )
    present = column.isNotNull()
    return joined.select(
        *(F.col(quoted(name)) for name in rows.columns),
        F.when(present, category).alias("category"),
        F.when(present, rule).alias("category_rule"),
    )


def _prefixes(column: Column, categories: Sequence[CategorySettings]) -> list[tuple[Column, Column]]:
    pairs = [(_nfc(prefix), category.name) for category in categories for prefix in category.prefixes]
    pairs.sort(key=lambda pair: (-len(pair[0]), pair))
    return [_when(column.startswith(prefix), name, f"prefix:{prefix}") for prefix, name in pairs]


def _patterns(column: Column, categories: Sequence[CategorySettings]) -> list[tuple[Column, Column]]:
    pairs = [(_nfc(pattern), category.name) for category in categories for pattern in category.patterns]
    return [_when(column.rlike(pattern), name, f"pattern:{pattern}") for pattern, name in pairs]


def _when(condition: Column, category: str, rule: str) -> tuple[Column, Column]:
    return F.when(condition, F.lit(category)), F.when(condition, F.lit(rule))


def _nfc(text: str) -> str:
    """One spelling of each letter: a dotted letter in one character, where there is such a character."""
    return unicodedata.normalize("NFC", text)
