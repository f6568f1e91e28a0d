"""Raw log drops: which files there are, and their rows as Spark reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.column_names import quoted
from segmentation.local_rows import local_frame
from segmentation.settings import SourceSettings
from segmentation.shown import listed
from segmentation.stores.capabilities import set_if_allowed
from segmentation.stores.file_bytes import UNPACKED
from segmentation.stores.host import spark_path
from segmentation.stores.inspection import RawFile, inspect
from segmentation.stores.log_folders import DropError, files_below

#: file endings that belong to a format; behind those of texts may be one of UNPACKED
ENDINGS = {"csv": (".csv", ".txt", ".tsv"), "jsonl": (".jsonl", ".ndjson", ".json"), "parquet": (".parquet",)}

#: so many of the files that are passed over are named
_NAMED = 5
#: files read at a time at most: hashing and unpacking release the interpreter, counting lines does not
_READERS = 8


def list_drop(path: Path, source: SourceSettings, known: Iterable[tuple[int, str]] = ()) -> list[RawFile]:
    """Every file of the source's format at `path` (a file, or a folder searched through), by path.

    Files that cannot be taken in are listed too, each with its `refusal`. Links are followed, and a file is listed once
    however many lead to it. `known` are size and `file_id` of files that were taken in: the lines of those are not
    counted. Raises DropError for a path that is not there, for a folder that cannot be read, and for a drop without any
    file.
    """
    if not path.exists():
        raise DropError(f"{path}: no such file or folder; --input takes a log file or a folder of them")
    found = [path]
    if not path.is_file():
        found = sorted(p for p, hidden in files_below(path) if _ends_like(p, source) and not hidden)
    if not found:
        packed, others = ", or .gz or .bz2 of them" * _is_text(source), passed_over(path, source)
        raise DropError(
            f"{path}: no {source.format} file ({', '.join(ENDINGS[source.format])}{packed}) in it"
            + (f"; there are {others}" if others else "")
        )
    # not by Path.resolve, which raises where a link leads to itself
    files = dict.fromkeys(Path(os.path.realpath(one)) for one in found)
    by_size = dict[int, set[str]]()
    for size, file_id in known:
        by_size.setdefault(size, set()).add(file_id)
    with ThreadPoolExecutor(min(max(2, os.cpu_count() or 2), _READERS)) as pool:
        return list(pool.map(lambda one: inspect(one, source, by_size), files))


def passed_over(path: Path, source: SourceSettings) -> str | None:
    """How many files in a folder are no logs by their names, and which; None when there are none.

    What other programs hide, such as the _SUCCESS and .crc files of Spark, is not counted; a log that is hidden, by its
    own name or that of a folder, is.
    """
    if not path.is_dir():
        return None
    others = sorted(str(p.relative_to(path)) for p, hidden in files_below(path) if _ends_like(p, source) == hidden)
    if not others:
        return None
    shown = [name.encode("utf-8", "backslashreplace").decode() for name in others]
    return f"{len(others)} other files: {listed(shown, _NAMED)}"


def read_drop(spark: SparkSession, files: Sequence[RawFile], source: SourceSettings) -> DataFrame:
    """The rows of the files as they stand: `_location` (xxhash64 of the file's), and `line` or the Parquet columns.

    Lines end at a line feed and nowhere else, which is what `RawFile.rows` counts. Parquet files are of one layout.
    """
    # Spark would read brackets and stars in a file's name as a pattern
    paths = [re.sub(r"([\[\]{}*?\\])", r"\\\1", spark_path(file.path)) for file in files]
    if source.format == "parquet":
        # Spark has no type for nanoseconds and refuses the file without this
        set_if_allowed(spark, "spark.sql.legacy.parquet.nanosAsLong", "true")
        rows = spark.read.parquet(*paths)
    else:
        rows = spark.read.option("lineSep", "\n").text(paths).withColumnRenamed("value", "line")
    # decoding an address is dearer than parsing a field, so it is done once per file and looked up per row, by a number
    address, location = F.col("_metadata.file_path"), F.xxhash64(plain_path(F.col("_address")))
    addressed = local_frame(spark, [(one,) for one in sorted(addresses(rows))], "_address string")
    known = F.broadcast(addressed.select(F.xxhash64("_address").alias("_key"), location.alias("_known")))
    placed = rows.select("*", address.alias("_address"), F.xxhash64(address).alias("_key"))
    found = placed.join(known, on="_key", how="left")
    held = (F.col(quoted(name)) for name in rows.columns)
    return found.select(*held, F.coalesce("_known", location).alias("_location"))


def addresses(rows: DataFrame) -> set[str]:
    """What `_metadata.file_path` may say of the files of rows: `inputFiles` has file:///a where that has file:/a."""
    return {one for given in rows.inputFiles() for one in (given, re.sub("^(file|dbfs):/+", r"\1:/", given))}


def plain_path(address: Column) -> Column:
    """The path of a file from the address that Spark gives it: what Python calls the same file."""
    # Spark writes file:/a or file:///a, by release and format (on Databricks dbfs:/Volumes/a), and encodes other
    # characters than Python would; a plus stands for itself in a path, where url_decode makes a space of it
    path = F.regexp_replace(address, "^(file|dbfs):/+", "/")
    return F.url_decode(F.replace(path, F.lit("+"), F.lit("%2B")))


def _is_text(source: SourceSettings) -> bool:
    return source.format != "parquet"


def _ends_like(path: Path, source: SourceSettings) -> bool:
    name = path.name.casefold()
    for ending in UNPACKED if _is_text(source) else ():
        name = name.removesuffix(ending)
    return name.endswith(ENDINGS[source.format])
