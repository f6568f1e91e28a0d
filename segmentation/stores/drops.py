"""Raw log drops: which files there are, what is in them by content hash, and how many rows they hold.

The count is taken from the bytes (line feeds, Parquet footers), so that it can audit what Spark's readers deliver.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.settings import SourceSettings

#: file endings that belong to a format; a `.gz` behind the first two is read as well
ENDINGS = {"csv": (".csv", ".txt", ".tsv"), "jsonl": (".jsonl", ".ndjson", ".json"), "parquet": (".parquet",)}
_BLOCK = 1 << 20


class DropError(InputProblem):
    """A drop cannot be read; the message names the file and the fix."""


@dataclass(frozen=True)
class RawFile:
    """One file of a drop."""

    path: Path
    #: SHA-256 of its bytes
    file_id: str
    bytes: int
    #: data rows: physical lines less the header, or what the Parquet footer says
    rows: int
    #: its columns, in order; of JSON lines none are known beforehand
    columns: tuple[str, ...]
    #: the header line as Spark reads it, for CSV: without a byte order mark
    header: str | None

    @property
    def location(self) -> str:
        """The path as `read_drop` writes it beside each row."""
        return str(self.path)


def list_drop(path: Path, source: SourceSettings) -> list[RawFile]:
    """Every file of the source's format at `path` (a file, or a folder searched through), by path.

    Raises DropError for a path that is not there, an empty drop, an unreadable file or a missing column.
    """
    if not path.exists():
        raise DropError(f"{path}: no such file or folder; --input takes a log file or a folder of them")
    endings = ENDINGS[source.format]
    found = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and _is_log(p, endings))
    if not found:
        raise DropError(f"{path}: no {source.format} file ({', '.join(endings)}, or .gz of them) in it")
    with ThreadPoolExecutor(2) as pool:  # hashing releases the interpreter
        files = list(pool.map(lambda p: _inspect(p.resolve(), source), found))
    for file in files:
        _require_columns(file, source)
    return files


def read_drop(spark: SparkSession, files: Sequence[RawFile], source: SourceSettings) -> DataFrame:
    """The rows of the files as they stand: `location`, and either `line` or the Parquet columns.

    Lines end at a line feed and nowhere else, which is what `RawFile.rows` counts.
    """
    # Spark would read brackets and stars in a file's name as a pattern
    paths = [re.sub(r"([\[\]{}*?\\])", r"\\\1", str(file.path)) for file in files]
    if source.format == "parquet":
        # Spark has no type for nanoseconds and refuses the file without this
        spark.conf.set("spark.sql.legacy.parquet.nanosAsLong", "true")
        # a column that came or went between files is null where it is not
        differ = len({file.columns for file in files}) > 1
        rows = spark.read.option("mergeSchema", str(differ).lower()).parquet(*paths)
    else:
        rows = spark.read.option("lineSep", "\n").text(paths).withColumnRenamed("value", "line")
    # Spark writes file:/a or file:///a, by release and format, and encodes other characters than Python would; a plus
    # stands for itself in a path, where url_decode makes a space of it
    path = F.regexp_replace(F.col("_metadata.file_path"), "^file:/+", "/")
    return rows.select("*", F.url_decode(F.replace(path, F.lit("+"), F.lit("%2B"))).alias("location"))


def _is_log(path: Path, endings: tuple[str, ...]) -> bool:
    name = path.name.removesuffix(".gz")
    return name.endswith(endings) and not name.startswith((".", "_"))


def _require_columns(file: RawFile, source: SourceSettings) -> None:
    if source.format == "jsonl":
        return
    missing = [column for column in source.columns if column not in file.columns]
    if missing:
        raise DropError(
            f"{file.path}: column {', '.join(missing)} is missing (it has {', '.join(file.columns)}); "
            f"mend the file or `columns:` of the source {source.name!r}"
        )


def _inspect(path: Path, source: SourceSettings) -> RawFile:
    try:
        if source.format == "parquet":
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            footer = pq.ParquetFile(path)
            names = tuple(footer.schema_arrow.names)
            return RawFile(path, digest, path.stat().st_size, footer.metadata.num_rows, names, None)
        return _inspect_lines(path, source)
    except (OSError, EOFError, zlib.error, pa.ArrowInvalid) as problem:
        raise DropError(f"{path}: cannot be read as {source.format} ({problem})") from None


def _inspect_lines(path: Path, source: SourceSettings) -> RawFile:
    """Hash the bytes, count the line feeds and take the first line; a plain file is read only once."""
    packed = path.suffix == ".gz"
    digest = hashlib.sha256()
    if packed:
        for block in _blocks(path.open("rb")):
            digest.update(block)
    lines, last, head = 0, b"\n", b""
    for block in _blocks(gzip.GzipFile(path) if packed else path.open("rb")):
        if not packed:
            digest.update(block)
        if b"\n" not in head:
            head += block
        lines += block.count(b"\n")
        last = block[-1:]
    lines += last != b"\n"
    header = (
        head.split(b"\n", 1)[0].decode("utf-8", "replace").removeprefix("\ufeff") if source.format == "csv" else None
    )
    columns = () if header is None else _header_columns(header, source.delimiter)
    data_rows = lines - 1 if header is not None and lines else lines
    return RawFile(path, digest.hexdigest(), path.stat().st_size, data_rows, columns, header)


def _header_columns(header: str, delimiter: str) -> tuple[str, ...]:
    return tuple(name.strip().strip('"') for name in header.rstrip("\r").split(delimiter))


def _blocks(stream: BinaryIO | gzip.GzipFile) -> Iterator[bytes]:
    with stream:
        while block := stream.read(_BLOCK):
            yield block
