"""Raw rows to named columns, losing none.

Text is read as lines and parsed by `from_csv` and `from_json`: Spark's own CSV reader loses rows in silence, and its
corrupt-record flag changes with the columns selected. Our own columns begin with an underscore, the log's keep their
names, so that a source file can speak of them in plain SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.settings import SourceSettings

_CORRUPT = "_corrupt"
#: our columns beside the log's own
OURS = ("_file_id", "_row_hash", "_row_check", "_position", "_duplicate", "_copy_of_undecided", "_repeated_header")


class RawFile(Protocol):
    """What is needed to know of a file: where it is, the hash of its content, its header line if it has one."""

    @property
    def location(self) -> str: ...  # noqa: D102  # said above
    @property
    def file_id(self) -> str: ...  # noqa: D102
    @property
    def header(self) -> str | None: ...  # noqa: D102


def identify(rows: DataFrame, files: Iterable[RawFile]) -> DataFrame:
    """Each raw row with its `_file_id`, `_header`, two independent hashes of all it holds, and its `_position`.

    `rows` carries `location` and either `line` or a Parquet file's columns. `_header` is the header line of the row's
    own file. Rows equal in `_row_hash` and `_row_check` (96 bits together) are taken to be equal. `_position` orders
    rows by content hash of the file, then by place in it; it is the same in every scan of the same files.
    """
    in_order = sorted(files, key=lambda file: file.file_id)
    ranked = [(file.location, file.file_id, file.header, rank) for rank, file in enumerate(in_order)]
    ids = rows.sparkSession.createDataFrame(ranked, "location string, _file_id string, _header string, _rank long")
    names = [name for name in rows.columns if name != "location"]
    whole = [F.col(f"`{name}`") for name in names]
    # monotonically_increasing_id is partition << 33 | row; packed here into 45 bits below the rank of the file
    number = F.monotonically_increasing_id()
    within = F.shiftleft(F.shiftright(number, 33), 30).bitwiseOR(number.bitwiseAND(F.lit((1 << 30) - 1)))
    return rows.join(F.broadcast(ids), on="location", how="inner").select(
        *whole,
        F.col("_file_id"),
        F.col("_header"),
        F.xxhash64(*whole).alias("_row_hash"),
        F.hash(*whole).alias("_row_check"),
        F.shiftleft("_rank", 45).bitwiseOR(within).alias("_position"),
    )


def parse(rows: DataFrame, source: SourceSettings, columns: Sequence[str]) -> DataFrame:
    """Identified rows with the log's columns by name, `_raw` (the original line) and `_malformed`.

    `columns` are the file's columns in order. Of text all columns are strings; Parquet keeps its types.
    """
    ours = [name for name in OURS if name in rows.columns]
    if source.format == "parquet":
        log = [F.col(f"`{name}`") for name in columns]
        original = F.to_json(F.struct(*log), {"ignoreNullFields": "false"})
        return rows.select(*ours, original.alias("_raw"), F.lit(False).alias("_malformed"), *log)
    parsed = rows.select(*ours, F.col("line").alias("_raw"), _fields(source, columns).alias("_fields"))
    # an empty line parses into nulls without a complaint
    empty = F.trim("_raw") == F.lit("")
    corrupt = empty | F.col("_fields").isNull() | F.col(f"_fields.{_CORRUPT}").isNotNull()
    log = [F.col(f"_fields.`{name}`").alias(name) for name in columns]
    return parsed.select(*ours, "_raw", corrupt.alias("_malformed"), *log)


def _fields(source: SourceSettings, columns: Sequence[str]) -> Column:
    line = F.rtrim(F.col("line"), F.lit("\r"))
    schema = ", ".join(f"`{name}` string" for name in [*columns, _CORRUPT])
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}
    if source.format == "jsonl":
        return F.from_json(line, schema, options)
    # a quote inside a quoted field is doubled (RFC 4180), where Spark's default is a backslash
    return F.from_csv(line, schema, {**options, "sep": source.delimiter, "escape": '"', "maxCharsPerColumn": "-1"})
