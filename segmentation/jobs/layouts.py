"""Files of equal columns, and their rows parsed: what differs between layouts is known from here on."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.column_names import quoted
from segmentation.events.drift import drift, fill_absent, keep_aside
from segmentation.events.layout import columns_of, format_of
from segmentation.events.parse import UNKNOWN_KEYS, parse
from segmentation.events.rule_set import RuleSet
from segmentation.settings import SourceSettings
from segmentation.stores.inspection import RawFile


def by_layout(files: Sequence[RawFile]) -> list[list[RawFile]]:
    """The files in groups of equal columns, order of columns included."""
    groups: dict[tuple[object, ...], list[RawFile]] = {}
    for file in files:
        kind = (file.layout,) if file.header is None else file.columns
        groups.setdefault(kind, []).append(file)
    return [groups[kind] for kind in sorted(groups, key=str)]


def parse_layout(rows: DataFrame, rules: RuleSet, layout: str | None) -> tuple[DataFrame, SourceSettings]:
    """Raw rows of files of one layout as `parse` gives them, with all columns of their source, and that source.

    New columns are among the source's attributes, absent ones are null. Where ids are hidden, neither
    new columns nor unknown keys are kept, as nobody knows what is in them.
    """
    columns = columns_of(layout, rules.source.delimiter) or rules.source.columns
    found = drift(columns, rules.source)
    source = keep_aside(rules.source, found.new) if rules.keep_new else rules.source
    parsed = _with_metadata(parse(rows, source, columns, rules.ingest.max_line_length), layout)
    if not rules.keep_new and UNKNOWN_KEYS in parsed.columns:
        # an empty map: that there were some is a flag of the row
        parsed = parsed.withColumn(UNKNOWN_KEYS, F.map_filter(UNKNOWN_KEYS, lambda key, value: F.lit(False)))
    return fill_absent(parsed, found.absent), source


def _with_metadata(parsed: DataFrame, layout: str | None) -> DataFrame:
    """What a Parquet layout says of its columns beside their types, said of those of the frame."""
    fields = json.loads(layout)["fields"] if layout is not None and format_of(layout) == "parquet" else ()
    said = {field["name"]: field["metadata"] for field in fields if field.get("metadata")}
    if not said:
        return parsed
    named = ((name, F.col(quoted(name))) for name in parsed.columns)
    return parsed.select(*(col.alias(name, metadata=said[name]) if name in said else col for name, col in named))
