"""Small Delta tables in a folder, read and written by delta-rs in this process, without a Spark job.

Spark computes each table version that it meets by three queries of the table's own log, and a job meets a dozen tables.
All of this is a short cut: each function gives None, `is_written` False, where Spark is to do it instead, which is
always right. That is so for whatever cannot be read or written (Spark says best why) and where delta-rs, an extra of
the package, is not installed.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

Answer = TypeVar("Answer")
#: bytes of data files, and of the same rows in memory, that may lie in a plan
_STORED, _HELD = 1 << 20, 16 << 20
#: later readers have to know of renamed columns (2) or deleted rows (3), and delta-rs gives nulls for the former
_PLAIN, _ALL_ROWS = 1, 2
#: what delta-rs can do of the options of Delta's writer
_DONE_ALIKE = {"replaceWhere", "txnAppId", "txnVersion", "userMetadata"}
#: commits from one checkpoint of the log to the next where the table does not say it, as Spark has it
_CHECKPOINT = 10
#: in a path: delta-rs takes a backslash for a slash, and at the others panics
_STRANGE = frozenset("\\[]^|")


def small_frame(spark: SparkSession, folder: Path, version: int) -> DataFrame | None:
    """The rows of a small table as of a version, which lie in the plan itself."""
    found = _ask(folder, version, _PLAIN, lambda table: _rows(table, folder))
    return None if found is None else spark.createDataFrame(*found)


def counted_rows(folder: Path, version: int) -> int | None:
    """How many rows the table has as of a version, as its log says."""
    return _ask(folder, version, _ALL_ROWS, lambda table: sum(_of_files(table, "num_records")))


def stored_columns(folder: Path, version: int) -> T.StructType | None:
    """The columns that the table has as of a version, as its log says."""
    return _ask(folder, version, _ALL_ROWS, _columns)


def stored_values(folder: Path, version: int, partition: str) -> list[str] | None:
    """The values of a partition column as of a version, as text, each once, in order."""
    return _ask(folder, version, _ALL_ROWS, lambda table: sorted({part[partition] for part in table.partitions()}))


def is_written(folder: Path, version: int, rows: Any, mode: str, options: Mapping[str, str]) -> bool:
    """Whether the rows, an Arrow table, are in the table now: one commit after a version, which is the latest.

    `mode` is "append" or "overwrite". Delta's rules for the table hold here, too: columns that are never null,
    constraints, and that rows put in place of others be of those. Nothing is written where False is told.
    """
    if not set(options) <= _DONE_ALIKE:
        return False
    mark = uuid.uuid4().hex

    def write(table: Any) -> bool:
        import deltalake  # noqa: PLC0415  # an extra

        number = int(options.get("txnVersion", 0))
        if number and (table.transaction_version(options["txnAppId"]) or 0) >= number:
            return False
        noted = {"userMetadata": options["userMetadata"]} if "userMetadata" in options else {}
        instead: dict[str, Any] = {"predicate": options["replaceWhere"]} if "replaceWhere" in options else {}
        deltalake.write_deltalake(
            table,
            rows.cast(pa.schema(table.schema().to_arrow())),
            **{"mode": mode, **instead},
            writer_properties=deltalake.WriterProperties(compression="ZSTD"),
            commit_properties=deltalake.CommitProperties(
                {**noted, "written": mark},
                max_commit_retries=0,  # whoever came first has to be read first
                app_transactions=[deltalake.Transaction(options["txnAppId"], number)] if number else None,
            ),
            post_commithook_properties=deltalake.PostCommitHookProperties(False, False),
        )
        _check_point(table, folder)
        return True

    return bool(_ask(folder, version, _PLAIN, write)) or _has(folder, version + 1, mark)


def _check_point(table: Any, folder: Path) -> None:
    """Sum up the log, where that is due: else every look at the table would read all its commits."""
    due = int(table.metadata().configuration.get("delta.checkpointInterval", _CHECKPOINT))
    if table.version() % due == 0:
        # what Spark left beside its own: with a checksum that is wrong it would look for the checkpoint for seconds
        (folder / "_delta_log" / "._last_checkpoint.crc").unlink(missing_ok=True)
        table.create_checkpoint()


def _has(folder: Path, version: int, mark: str) -> bool:
    """Whether that commit is there and carries the mark, though whoever made it has failed afterwards."""
    with contextlib.suppress(OSError):
        return mark in (folder / "_delta_log" / f"{version:020d}.json").read_text(encoding="utf-8")
    return False


def _ask(folder: Path, version: int, newest_reader: int, question: Callable[[Any], Answer | None]) -> Answer | None:
    """The answer of a table that delta-rs reads as Spark does."""
    # delta-rs would take a%20b for a folder called "a b"
    if unquote(str(folder)) != str(folder) or _STRANGE & set(str(folder)):
        return None
    try:
        import deltalake  # noqa: PLC0415  # an extra

        table = deltalake.DeltaTable(folder, version=version)
        is_read_alike = table.protocol().min_reader_version <= newest_reader and _is_whole(folder, version)
        return question(table) if is_read_alike else None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic in Rust is no Exception
        return None


def _is_whole(folder: Path, version: int) -> bool:
    """Whether the log goes back to the first commit or a checkpoint; of half a log delta-rs reads that half."""
    log = folder / "_delta_log"
    checkpoints = (int(entry.name.split(".")[0]) for entry in log.glob("[0-9]*.checkpoint*"))
    return (log / f"{0:020d}.json").exists() or any(checkpoint <= version for checkpoint in checkpoints)


def _rows(table: Any, folder: Path) -> tuple[Any, T.StructType] | None:
    if sum(_of_files(table, "size_bytes")) > _STORED:
        return None
    # Arrow's own file system: what deltalake opens by itself may abort a process that ends at once
    rows = table.to_pyarrow_table(filesystem=fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem()))
    if rows.nbytes > _HELD:
        return None
    # a table without files has columns without any part, from which PySpark cannot tell their types
    return rows if len(rows) else rows.schema.empty_table(), _columns(table)


def _columns(table: Any) -> T.StructType:
    return T.StructType.fromJson(json.loads(table.schema().to_json()))


def _of_files(table: Any, what: str) -> list[Any]:
    actions = table.get_add_actions()
    return actions[what].to_pylist() if len(actions) else []
