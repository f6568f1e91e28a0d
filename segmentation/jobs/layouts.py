"""Files of equal columns, and their rows parsed: what differs between layouts is known from here on."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame

from segmentation.events.drift import drift, fill_absent, keep_aside
from segmentation.events.parse import parse
from segmentation.events.rule_set import RuleSet
from segmentation.settings import SourceSettings
from segmentation.stores.inspection import RawFile, columns_of


def by_layout(files: Sequence[RawFile]) -> list[list[RawFile]]:
    """The files in groups of equal columns, order of columns included."""
    groups: dict[tuple[object, ...], list[RawFile]] = {}
    for file in files:
        kind = (file.layout,) if file.header is None else file.columns
        groups.setdefault(kind, []).append(file)
    return [groups[kind] for kind in sorted(groups, key=str)]


def parse_layout(rows: DataFrame, rules: RuleSet, layout: str | None) -> tuple[DataFrame, SourceSettings]:
    """Raw rows of files of one layout as `parse` gives them, with all columns of their source, and that source.

    New columns are among the source's attributes, absent ones are null.
    """
    columns = columns_of(layout, rules.source.delimiter) or rules.source.columns
    found = drift(columns, rules.source)
    source = keep_aside(rules.source, found.new)
    return fill_absent(parse(rows, source, columns, rules.ingest.max_line_length), found.absent), source
