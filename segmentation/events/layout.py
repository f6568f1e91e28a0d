"""What a file's columns are read from, as the ledger keeps it.

The layout of CSV is its header line, of Parquet its Spark schema as JSON; JSON lines have none.
"""

from __future__ import annotations

import csv
import json

from pyspark.sql import types as T

#: how a schema begins, and no header line that is taken in
SCHEMA = "{"


def format_of(layout: str | None) -> str:
    """What a file of the layout was read as: csv, jsonl or parquet."""
    if layout is None:
        return "jsonl"
    return "parquet" if layout.startswith(SCHEMA) else "csv"


def columns_of(layout: str | None, delimiter: str) -> tuple[str, ...]:
    """The columns that a layout names, in order; csv.Error for a header line that is no CSV."""
    if layout is None:
        return ()
    if format_of(layout) == "parquet":
        return tuple(field["name"] for field in json.loads(layout)["fields"])
    return tuple(name.strip() for name in next(csv.reader([layout.rstrip("\r")], delimiter=delimiter), []))


def types_of(layout: str) -> dict[str, str]:
    """Spark's own short names of a Parquet file's column types, by name in small letters; nothing for text."""
    if format_of(layout) != "parquet":
        return {}
    return {field.name.lower(): field.dataType.simpleString() for field in T.StructType.fromJson(json.loads(layout))}
