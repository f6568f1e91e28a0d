"""Delta tables in a folder, read by delta-rs in this process: what a few hundred rows need no Spark job for.

Spark computes each table version that it meets by three queries of the table's own log, and a job meets a dozen tables.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from segmentation.local_rows import arrow_frame

#: rows, and bytes of data files, that may lie in a plan; a larger table stays with Spark's tasks
_FEW, _SMALL = 100_000, 1 << 20
#: later readers have to know of renamed columns (2) or deleted rows (3), and delta-rs gives nulls for the former
_PLAIN, _ALL_ROWS = 1, 2


def small_frame(spark: SparkSession, folder: Path, version: int) -> DataFrame | None:
    """The rows of the table at `folder`, which lie in the plan itself; None where Spark is to read them.

    That is a table of more than a mebibyte or 100,000 rows, one with renamed columns or deleted rows, one that cannot
    be read (Spark says best why), and any where delta-rs is not installed, as on a cluster that brings its own Python.
    """
    table = _open(folder, version, _PLAIN)
    if table is None or (_total(table, "num_records") or 0) > _FEW or (_total(table, "size_bytes") or 0) > _SMALL:
        return None
    shape = T.StructType.fromJson(json.loads(table.schema().to_json()))
    try:
        rows = table.to_pyarrow_table()
    except (_failures(), OSError, pa.ArrowException):
        return None
    # a table without files has columns without any part, from which PySpark cannot tell their types
    return arrow_frame(spark, rows if len(rows) else rows.schema.empty_table(), shape)


def counted_rows(folder: Path, version: int) -> int | None:
    """How many rows the table has, as its log says; None where the log does not, or Spark is to be asked."""
    table = _open(folder, version, _ALL_ROWS)
    return None if table is None else _total(table, "num_records")


def stored_values(folder: Path, version: int, partition: str) -> list[str] | None:
    """The values of a partition column, as text, each once, in order; None where Spark is to be asked."""
    table = _open(folder, version, _ALL_ROWS)
    return None if table is None else sorted({part[partition] for part in table.partitions()})


def _open(folder: Path, version: int, newest_reader: int) -> Any:
    try:
        import deltalake  # noqa: PLC0415  # not on every cluster
    except ImportError:
        return None
    try:
        table = deltalake.DeltaTable(folder, version=version)
    except (_failures(), OSError):
        return None
    return table if table.protocol().min_reader_version <= newest_reader else None


def _total(table: Any, what: str) -> int | None:
    """Over all data files; None where the log does not say it of each."""
    actions = table.get_add_actions(flatten=True)
    values = actions[what].to_pylist() if what in actions.schema.names else [None] * len(actions)
    return None if None in values else sum(values)


def _failures() -> type[Exception]:
    from deltalake.exceptions import DeltaError  # noqa: PLC0415  # as above

    failures: type[Exception] = DeltaError
    return failures
