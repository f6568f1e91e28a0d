"""One file of a drop, looked at from outside Spark: content hash, columns, number of rows, and whether it can be read.

The count is taken from the bytes (line feeds, Parquet footers), so that it can audit what Spark's readers deliver.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import re
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import types as T

from segmentation.errors import first_line
from segmentation.events.drift import drift
from segmentation.events.layout import SCHEMA, columns_of, format_of, types_of
from segmentation.events.times import unfit_time
from segmentation.settings import SourceSettings
from segmentation.stores.file_bytes import LONGEST_FIRST, UNPACKED, Hashed, count_lines, hash_file
from segmentation.stores.file_names import misnamed, spelled
from segmentation.stores.parquet_types import INT96_UNIT, spark_field

UNREADABLE = "unreadable: it looks whole, but Spark cannot read it; copy it anew"
BEING_WRITTEN = "being_written: it changed while it was read; a later run takes it in"
#: the first bytes of UTF-16 and UTF-32 texts
_WIDE = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class RawFile:
    """One file of a drop."""

    path: Path
    #: SHA-256 of its bytes; of a file that cannot be opened, of its path
    file_id: str
    bytes: int
    #: modification time, nanoseconds since 1970
    modified_ns: int
    #: data rows: physical lines less the header, or what the Parquet footer says; 0 when refused, or not counted as the
    #: text was taken in before
    rows: int
    #: what its columns are read from, see `events.layout`: a header line as Spark reads it, a schema, or nothing
    layout: str | None
    #: its columns, in order; of JSON lines none are known beforehand
    columns: tuple[str, ...]
    #: why the file as a whole cannot be taken in; None when it can
    refusal: str | None = None
    #: SHA-256 of the text in a packed file, which is `file_id` of the file as it was before; None of any other
    unpacked_id: str | None = None

    @property
    def location(self) -> str:
        """The path as `read_drop` writes it beside each row; what is no UTF-8 in it is spelled out."""
        return spelled(self.path).decode()

    @property
    def header(self) -> str | None:
        """The header line, for CSV."""
        return self.layout if format_of(self.layout) == "csv" else None

    def is_unchanged(self) -> bool:
        """Whether size and time are still those seen; a file touched since is read again to tell."""
        try:
            now = self.path.stat()
            if (now.st_size, now.st_mtime_ns) == (self.bytes, self.modified_ns):
                return True
            return now.st_size == self.bytes and hash_file(self.path) == self.file_id
        except OSError:
            return False


class _Look(NamedTuple):
    """What is seen of a file's content; the fields are those of `RawFile`."""

    rows: int = 0
    layout: str | None = None
    refusal: str | None = None
    unpacked_id: str | None = None


def inspect(path: Path, source: SourceSettings, known: Mapping[int, Collection[str]]) -> RawFile:
    """Hash, count and check one file; never raises for what is wrong with it, `refusal` says it.

    `known` are the hashes of files that were taken in, by size; lines of such a file are not counted again.
    """
    try:
        before = path.stat()
        file_id, seen = _read(path, source, known.get(before.st_size, ()))
        after = path.stat()
    except OSError as problem:
        unread = hashlib.sha256(spelled(path)).hexdigest()
        return RawFile(path, unread, 0, 0, 0, None, (), f"unreadable: {problem.strerror or problem}")
    if not before.st_size:
        seen = _Look(refusal="empty_file: it has no bytes")
    columns, refusal = columns_of(seen.layout, source.delimiter), seen.refusal
    file = RawFile(
        path, file_id, after.st_size, after.st_mtime_ns, seen.rows, seen.layout, columns, refusal, seen.unpacked_id
    )
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        refusal = BEING_WRITTEN
    # a packed file that is misnamed was read as it lies
    refusal = misnamed(file.path, UNPACKED) or refusal or _unfit(file, source)
    return replace(file, rows=0, refusal=refusal) if refusal else file


def _read(path: Path, source: SourceSettings, known: Collection[str]) -> tuple[str, _Look]:
    """SHA-256 of a file's bytes, and what is seen in them.

    `known` are the hashes of files of its size. Where there are none one read gives both; else the hash comes first.
    """
    if source.format == "parquet":
        return hash_file(path), _look_at_parquet(path)
    file_id = hash_file(path) if known else None
    is_known = file_id in known
    with path.open("rb") as stream:
        content = Hashed(stream)
        # a known file may be refused still, by its header; of lines it is enough to see whether there are two
        look = _look_at_lines(content, path.suffix, source, 1 if is_known else math.inf)
        return file_id or content.hexdigest(), look._replace(rows=0, unpacked_id=None) if is_known else look


def _look_at_parquet(path: Path) -> _Look:
    try:
        file = pq.ParquetFile(path, coerce_int96_timestamp_unit=INT96_UNIT)
        rows, columns = file.metadata.num_rows, list(file.schema_arrow)
    except (OSError, pa.ArrowException, ValueError) as problem:
        return _Look(refusal=f"broken_parquet: {first_line(problem)}")
    fields, strange = [], []
    for column in columns:
        try:
            fields.append(spark_field(column))
        except TypeError:
            strange.append(f"{column.name} is {column.type}")
    if strange:
        return _Look(refusal=f"unsupported_type: {', '.join(strange)}; write it without that column, or as text")
    return _Look(rows, T.StructType(fields).json())


def _look_at_lines(content: Hashed, ending: str, source: SourceSettings, most: float) -> _Look:
    """Counts the line feeds, up to more than `most`, and takes the first line."""
    try:
        lines, head, unpacked_id = count_lines(content, ending, most)
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        return _Look(refusal=f"truncated: {first_line(problem)}")
    except OSError as problem:
        if problem.errno is not None:
            raise
        return _Look(refusal=f"truncated: {first_line(problem)}")  # how bz2 says that its data are broken
    if head.startswith(_WIDE):
        return _Look(refusal="not_utf8: it begins like a UTF-16 text; convert it to UTF-8")
    if lines == 1 and _has_old_line_ends(head, source.format):
        return _Look(refusal="old_line_ends: its lines end in a carriage return alone; convert them to line feeds")
    if source.format == "csv" and lines:
        return _look_at_header(lines, head, source.delimiter)._replace(unpacked_id=unpacked_id)
    return _Look(lines, None, None if lines else "empty_file: it holds no line", unpacked_id)


def _look_at_header(lines: int, head: bytes, delimiter: str) -> _Look:
    try:
        if len(head) > LONGEST_FIRST:
            raise csv.Error(f"its first line is longer than {LONGEST_FIRST >> 20} MiB")
        header = head.decode("utf-8-sig")
        if header.startswith(SCHEMA):
            return _Look(refusal="bad_header: its first line begins with { as JSON does; is the format jsonl?")
        columns_of(header, delimiter)
    except UnicodeDecodeError:
        return _Look(refusal="not_utf8: its header line is not UTF-8; convert the file")
    except csv.Error as problem:
        return _Look(refusal=f"bad_header: {problem}")
    if not header.strip():
        return _Look(refusal="bad_header: its first line, where the names of the columns belong, is empty")
    if re.fullmatch("sep=.", header.strip(), re.IGNORECASE):
        return _Look(refusal=f"bad_header: its first line is {header.strip()}, which is for Excel; delete that line")
    return _Look(lines - 1, header)


def _has_old_line_ends(only_line: bytes, kind: str) -> bool:
    """Whether a file without a line feed, or with one behind all of it, has the line ends of old Macs."""
    # in JSON a carriage return may stand between any two values of a record
    return (b"\r{" if kind == "jsonl" else b"\r") in only_line.rstrip(b"\r")


def _hint(file: RawFile, source: SourceSettings) -> str:
    """What may be the matter with a CSV file that lacks columns: another delimiter, or no header."""
    if file.header is None:
        return ""
    # the parser stops at fields of more characters
    others = ",;\t|" if len(file.header) < csv.field_size_limit() else ""
    for other in others.replace(source.delimiter, ""):
        try:
            names = columns_of(file.header, other)
        except csv.Error:  # by this one it is no line of CSV
            continue
        if not drift(names, source).needed:
            return f"; with another delimiter it has all: give the source delimiter: {json.dumps(other)}"
    if {name.lower() for name in file.columns}.isdisjoint(name.lower() for name in source.columns):
        return "; its first line has to name the columns, and knows none of the source's"
    return ""


def _unfit(file: RawFile, source: SourceSettings) -> str | None:
    """Why the columns of a file that can be read will not do."""
    if file.layout is None:
        return None
    found = drift(file.columns, source)
    if found.needed:  # first, as a file without a header line lacks them, and may name a column twice by chance
        return f"missing_column: {', '.join(found.needed)} (it has {', '.join(file.columns)}){_hint(file, source)}"
    if found.repeated:
        return f"duplicate_column: {', '.join(found.repeated)} stands in it more than once"
    if found.unfit:
        return f"unfit_column: {', '.join(map(repr, found.unfit))} cannot be the name of a column here"
    have = types_of(file.layout)
    types = {name: have.get(name.lower(), kind) for name, kind in source.types.items()}
    changed = [f"{name} is {types[name]}, not {kind}" for name, kind in source.types.items() if types[name] != kind]
    if changed:
        return f"changed_type: {'; '.join(changed)}"
    # what SQL makes of columns is looked at where there is a session
    kind = have.get(source.time.column.lower())
    unfit = unfit_time(kind, source.time) if kind else None
    return f"unfit_time: {unfit}" if unfit else None
