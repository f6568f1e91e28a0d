"""What to do when a log's columns change: new ones are kept aside, absent ones are null, needed ones are missed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.settings import SourceSettings


@dataclass(frozen=True)
class Drift:
    """How the columns of one file differ from those its source names."""

    new: tuple[str, ...]
    absent: tuple[str, ...]
    #: absent columns without which no event can be made
    needed: tuple[str, ...]
    repeated: tuple[str, ...]


def drift(columns: Sequence[str], source: SourceSettings) -> Drift:
    """The difference between a file's columns, in order, and the source's."""
    absent = tuple(name for name in source.columns if name not in columns)
    needed = required_columns(source)
    return Drift(
        new=tuple(name for name in columns if name not in source.columns),
        absent=absent,
        needed=tuple(name for name in absent if name in needed),
        repeated=tuple(sorted({name for name in columns if list(columns).count(name) > 1})),
    )


def required_columns(source: SourceSettings) -> tuple[str, ...]:
    """The columns that time, token, account, event name and event id are computed from."""
    expressions = (source.token, source.account_id, source.event_name, source.event_id or "")
    named = {name for name in source.columns for text in expressions if _names(text, name)}
    return tuple(name for name in source.columns if name in named or name == source.time.column)


def _names(expression: str, column: str) -> bool:
    """Whether an SQL expression speaks of a column. A word inside a quoted text counts too, which errs on one side."""
    return re.search(rf"(?<![\w`]){re.escape(column)}(?![\w`])|`{re.escape(column)}`", expression) is not None


def keep_aside(source: SourceSettings, new: Sequence[str]) -> SourceSettings:
    """The source with the new columns among those whose text goes into `attributes`."""
    return source.model_copy(update={"attributes": (*source.attributes, *new)}) if new else source


def fill_absent(parsed: DataFrame, absent: Sequence[str]) -> DataFrame:
    """The parsed rows with the absent columns as null texts."""
    return parsed.select("*", *(F.lit(None).cast("string").alias(name) for name in absent))
