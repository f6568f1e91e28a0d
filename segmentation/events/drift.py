"""What to do when a log's columns change: new ones are kept aside, absent ones are null, needed ones are missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.column_names import mentions
from segmentation.events.parse import OURS, UNKNOWN_KEYS
from segmentation.settings import SourceSettings

#: our own columns, which stand beside the log's at some point on the way
RESERVED = (
    *OURS, "_raw", "_line_fault", "_corrupt", "_fields", "_text", "_keys", "_suspect", "_location", "_header", "_rank",
    "_address", "_key", "_known", "_kind", "_header_of", "_first", "_stays", "_taken_out", "__name", "__exact",
    "_key_inner", "_key_outer", "_key_seal", UNKNOWN_KEYS,
)  # fmt: skip


@dataclass(frozen=True)
class Drift:
    """How the columns of one file differ from those its source names."""

    new: tuple[str, ...]
    absent: tuple[str, ...]
    #: absent columns without which no event can be made
    needed: tuple[str, ...]
    repeated: tuple[str, ...]
    #: names that no column can have here: none at all, or one that Spark or this package cannot tell from its own
    unfit: tuple[str, ...]


def drift(columns: Sequence[str], source: SourceSettings) -> Drift:
    """The difference between a file's columns, in order, and the source's. Token is token, as it is for Spark."""
    given, known = [name.lower() for name in columns], [name.lower() for name in source.columns]
    absent = tuple(name for name in source.columns if name.lower() not in given)
    needed = required_columns(source)
    new = tuple(name for name in columns if name.lower() not in known)
    # text becomes columns late; those of Parquet stand beside ours, and in place of Spark's own, from the first step on
    met, reserved = (columns, (*RESERVED, "_metadata")) if source.format == "parquet" else (new, RESERVED)
    return Drift(
        new=new,
        absent=absent,
        needed=tuple(name for name in absent if name in needed),
        repeated=tuple(sorted({name for name in columns if given.count(name.lower()) > 1})),
        unfit=tuple(name for name in met if not name or name.lower() in reserved),
    )


def drift_lines(files: Sequence[Sequence[str]], source: SourceSettings, keep_new: bool) -> list[str]:
    """What to say of the columns of some files of a source: each new and each absent one, and in how many files."""
    found = [drift(columns, source) for columns in files if columns]
    lines = []
    aside = "kept in attributes" if keep_new else "left out, as ids are hashed: nobody said what is in it"
    for kind, fate in (("new", aside), ("absent", "null in their rows")):
        counted = Counter(name for one in found for name in getattr(one, kind))
        lines += [f"{kind} column {name} in {number} of {len(files)} files, {fate}" for name, number in counted.items()]
    return lines


def required_columns(source: SourceSettings) -> tuple[str, ...]:
    """The columns that time, token, account, event name and event id are computed from."""
    expressions = [source.token, source.account_id, source.event_name, source.event_id or ""]
    if not source.has_time_column:
        expressions.append(source.time.column)
    named = {name for name in source.columns for text in expressions if mentions(text, name)}
    return tuple(name for name in source.columns if name in named or name.lower() == source.time.column.lower())


def keep_aside(source: SourceSettings, new: Sequence[str]) -> SourceSettings:
    """The source with the new columns among those whose text goes into `attributes`."""
    return source.model_copy(update={"attributes": (*source.attributes, *new)}) if new else source


def fill_absent(parsed: DataFrame, absent: Sequence[str]) -> DataFrame:
    """The parsed rows with the absent columns as null texts."""
    return parsed.select("*", *(F.lit(None).cast("string").alias(name) for name in absent))
