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
from pyspark.sql import types as T

from segmentation.column_names import mentions, quoted
from segmentation.errors import InputProblem
from segmentation.events.lines import (
    UNREADABLE,
    any_of,
    csv_fault,
    csv_is_parsable,
    is_short,
    json_fault,
    json_text,
)
from segmentation.local_rows import local_frame
from segmentation.settings import SourceSettings

_CORRUPT = "_corrupt"
_PERMISSIVE = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": _CORRUPT}
#: without these formats times would lose what is below a millisecond
AS_JSON = {
    "ignoreNullFields": "false",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
#: characters of a line; the settings bring a lower number
NO_LIMIT = (1 << 31) - 1
#: of which a place has room
MOST_TASKS, MOST_FILES = 1 << 15, 1 << 18
#: what JSON lines hold beside the columns of their source
UNKNOWN_KEYS = "_unknown_keys"
#: our columns beside the log's own
OURS = ("_file_id", "_row_hash", "_row_check", "_position", "_duplicate", "_copy_of_undecided", "_repeated_header")


class FileFacts(Protocol):
    """What is needed to know of a file: where it is, the hash of its content, its header line if any, its columns."""

    @property
    def location(self) -> str: ...  # noqa: D102  # said above
    @property
    def file_id(self) -> str: ...  # noqa: D102
    @property
    def header(self) -> str | None: ...  # noqa: D102
    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102


def identify(rows: DataFrame, files: Iterable[FileFacts], source: SourceSettings) -> DataFrame:
    """Each raw row with its `_file_id`, `_header`, two independent hashes of all it holds, and its `_position`.

    The hashes are over the row, its file's columns and the name of the source: "1,2" under other headings is no copy,
    and a line that ends in CRLF is one of the same line that ends in LF.
    `rows` carries `_location` (xxhash64 of the file's) and either `line` or a Parquet file's columns. `_header` is the
    header line of the row's own file. Rows of one batch are taken to be equal where `_row_hash` and `_row_check` are
    (96 bits together), and a row equal to a stored one where `_row_hash` is (64 bits), as no check is stored.
    `_position` orders rows by content hash of the file, then by place in it; it is the same in every scan of
    the same files. `files` may be more than those that the rows are of: then the places of all agree.
    Raises InputProblem for more files than a place has room for.
    """
    in_order = sorted(files, key=lambda file: file.file_id)
    if len(in_order) > MOST_FILES:
        raise InputProblem(f"{len(in_order):,} files are too many for one batch: give {MOST_FILES:,} at a time at most")
    ranked = [
        (file.location, file.file_id, file.header, rank, "\n".join((source.name, *file.columns)))
        for rank, file in enumerate(in_order)
    ]
    schema = "_location string, _file_id string, _header string, _rank long, _kind string"
    # hashed here, once per file, so that a row meets one number more
    hashed = {name: F.xxhash64(name) for name in ("_location", "_kind")}
    ids = local_frame(rows.sparkSession, ranked, schema).withColumns(hashed)
    names = [name for name in rows.columns if name != "_location"]
    whole = [F.col(quoted(name)) for name in names]
    hashed_over = values_told_apart(rows, names) if source.format == "parquet" else [row_text(source.format)]
    return rows.join(F.broadcast(ids), on="_location", how="inner").select(
        *whole,
        F.col("_file_id"),
        F.col("_header"),
        F.xxhash64("_kind", *hashed_over).alias("_row_hash"),
        F.hash("_kind", *hashed_over).alias("_row_check"),
        place(F.col("_rank")).alias("_position"),
    )


def values_told_apart(rows: DataFrame, names: Sequence[str]) -> list[Column]:
    """Parquet's columns in a form of which Spark's hashes see all; a row without nulls is hashed as its values alone.

    Hashes pass over nulls: without their places (5, null) would be a copy of (null, 5), as would such values within
    others, which are hashed as JSON. A place is a number that no log's own number will be.
    """
    nested = {field.name for field in rows.schema if isinstance(field.dataType, T.StructType | T.ArrayType)}
    columns = [F.col(quoted(name)) for name in names]
    values = [
        F.to_json(column, AS_JSON) if name in nested else column for name, column in zip(names, columns, strict=True)
    ]
    return [
        *values,
        *(F.when(F.isnull(column), F.xxhash64(F.lit("null"), F.lit(number))) for number, column in enumerate(columns)),
    ]


def place(rank: Column) -> Column:
    """Orders rows by the `rank` of their file (or group of files), then as they stand in it."""
    # monotonically_increasing_id is partition << 33 | row; packed here into 45 bits below the rank
    number = F.monotonically_increasing_id()
    too_many = F.raise_error(F.lit(f"more than {MOST_TASKS:,} tasks would read this batch: give its files in several"))
    within = F.shiftleft(F.shiftright(number, 33), 30).bitwiseOR(number.bitwiseAND(F.lit((1 << 30) - 1)))
    return F.when(F.shiftright(number, 33) < MOST_TASKS, F.shiftleft(rank, 45).bitwiseOR(within)).otherwise(too_many)


def parse(
    rows: DataFrame, source: SourceSettings, columns: Sequence[str], max_line_length: int = NO_LIMIT
) -> DataFrame:
    """Identified rows with the log's columns by name, `_raw` (the original bytes) and `_line_fault`.

    `columns` are the file's columns in order. Of text all columns are strings; Parquet keeps its types, and its
    `_raw` is the row as a struct (`original` makes bytes of it), or what a replayed row brings as `_raw`: the bytes
    that were made of it before. `_line_fault` is one of `LINE_FAULTS` or null; columns are null where the fault is one
    of `UNREADABLE`. JSON has `_unknown_keys` too, a map of what stands beside the columns, null when nothing does. A
    line of more than `max_line_length` characters is not parsed at all.
    """
    ours = [name for name in OURS if name in rows.columns]
    if source.format == "parquet":
        log = [F.col(quoted(name)) for name in columns]
        raw = F.col("_raw") if "_raw" in rows.columns else F.struct(*log).alias("_raw")
        return rows.select(*ours, raw, F.lit(None).cast("string").alias("_line_fault"), *log)
    # Spark keeps bytes that are no UTF-8 inside a string, and the cast gives them back
    raw = F.col("line").cast("binary").alias("_raw")
    lines = rows.select(*ours, raw, row_text(source.format).alias("_text"))
    parsed = (
        _json(lines, source, columns, max_line_length)
        if source.format == "jsonl"
        else _csv(lines, source, columns, max_line_length)
    )
    readable = ~F.coalesce(F.col("_line_fault").isin(*UNREADABLE), F.lit(False))
    ours += ["_raw", "_line_fault", *([UNKNOWN_KEYS] if source.format == "jsonl" else [])]
    told_apart = parsed.select(*ours, F.when(readable, F.col("_fields")).alias("_fields"))
    return told_apart.select(*ours, *(_value(name, source).alias(name) for name in columns))


def row_text(form: str) -> Column:
    """The column `line` without what is no part of a row at its end: a carriage return, of JSON blanks and tabs too."""
    line, characters = F.col("line"), " \t\r" if form == "jsonl" else "\r"
    # trimming walks through all of a line, and few need it
    ends = any_of([F.endswith(line, F.lit(character)) for character in characters])
    return F.when(ends, F.rtrim(line, F.lit(characters))).otherwise(line)


def original(raw: Column, kind: T.DataType) -> Column:
    """What is kept of a row that is not: the bytes of a line, of Parquet the row as JSON in UTF-8.

    Apart from `parse`, so that JSON is written of the few rows that need it and not of all.
    """
    return F.to_json(raw, AS_JSON).cast("binary") if isinstance(kind, T.StructType) else raw


def _csv(lines: DataFrame, source: SourceSettings, columns: Sequence[str], limit: int) -> DataFrame:
    """The lines with `_fields` and `_line_fault`."""
    text, delimiter = F.col("_text"), source.delimiter
    # a quote inside a quoted field is doubled (RFC 4180), where Spark's default is a backslash
    options = {**_PERMISSIVE, "sep": delimiter, "escape": '"', "maxCharsPerColumn": "-1"}
    fields = F.when(csv_is_parsable(text, limit, delimiter), F.from_csv(text, _schema(columns), options))
    parsed = lines.select("*", fields.alias("_fields"))
    return parsed.select("*", csv_fault(text, limit, delimiter, _is_corrupt()).alias("_line_fault"))


def _json(lines: DataFrame, source: SourceSettings, columns: Sequence[str], limit: int) -> DataFrame:
    """The lines with `_fields`, `_line_fault` and `_unknown_keys`."""
    text, short = F.col("_text"), is_short(F.col("_text"), limit)
    # Python's notation is not JSON, and Spark's functions do not agree on it
    options = {**_PERMISSIVE, "allowSingleQuotes": "false"}
    parsed = lines.select(
        "*",
        F.when(short, F.from_json(text, _schema(columns), options)).alias("_fields"),
        # from_json keeps the last of equal keys in silence
        F.when(short, F.json_object_keys(json_text(text))).alias("_keys"),
    )
    usual = F.array(*(F.lit(name) for name in columns))
    values = {name: F.col(f"_fields.{quoted(name)}") for name in _used(source, columns)}
    whole = {sql.strip().lower() for sql in _sql(source)}
    flat = [name for name in values if {name.lower(), quoted(name).lower()} & whole]
    fault = json_fault(text, limit, _is_corrupt(), F.col("_keys"), usual, values, flat)
    told = parsed.select("*", fault.alias("_line_fault"))
    # most lines have the usual keys in the usual order, and only the others are parsed once more
    others = (F.col("_keys") != usual) & (F.size(F.array_except("_keys", usual)) > 0) & F.col("_line_fault").isNull()
    beside = F.map_filter(F.from_json(text, "map<string, string>", options), lambda key, _: ~key.isin(list(columns)))
    return told.select("*", F.when(others, beside).alias(UNKNOWN_KEYS))


def _schema(columns: Sequence[str]) -> str:
    return ", ".join(f"{quoted(name)} string" for name in [*columns, _CORRUPT])


def _is_corrupt() -> Column:
    return F.col("_fields").isNull() | F.col(f"_fields.{_CORRUPT}").isNotNull()


def _value(name: str, source: SourceSettings) -> Column:
    value = F.col(f"_fields.{quoted(name)}")
    if source.format != "jsonl":
        return value
    # from_json writes a bare NaN, Infinity or 1e400 with quotes, which no cast would take for a number
    is_text = F.startswith(value, F.lit('"')) & value.isin('"NaN"', '"Infinity"', '"-Infinity"')
    return F.when(is_text, F.btrim(value, F.lit('"'))).otherwise(value)


def _used(source: SourceSettings, columns: Sequence[str]) -> list[str]:
    """The columns that our own ones are computed from; a name that merely occurs in their SQL counts as well."""
    sql = "\n".join(_sql(source))
    return [name for name in columns if mentions(sql, name)]


def _sql(source: SourceSettings) -> list[str]:
    """What our own columns are computed by."""
    return [quoted(source.time.column) if source.has_time_column else source.time.column, *source.sql.values()]
