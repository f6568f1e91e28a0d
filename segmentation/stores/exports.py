"""Files for other tools: written part by part, so that their size does not matter, and there in full or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import types as T

from segmentation.errors import InputProblem
from segmentation.reports.csv import BOM, csv_lines, safe_cells
from segmentation.stores.files import whole

CSV, PARQUET = "csv", "parquet"
#: rows held in memory at a time
PART = 100_000
#: pandas' types with a missing value of their own, and Arrow's
_PANDAS: dict[type[T.DataType], str] = {
    T.IntegerType: "Int32",
    T.LongType: "Int64",
    T.DoubleType: "float64",
    T.BooleanType: "boolean",
}
_ARROW: dict[type[T.DataType], pa.DataType] = {
    T.IntegerType: pa.int32(),
    T.LongType: pa.int64(),
    T.DoubleType: pa.float64(),
    T.BooleanType: pa.bool_(),
    T.DateType: pa.date32(),
    T.StringType: pa.string(),
}

Write = Callable[[pd.DataFrame, bool], None]


def write_files(rows: DataFrame, folder: Path, stem: str, formats: Sequence[str]) -> tuple[list[Path], int, int]:
    """`folder/stem.csv` and `.parquet` as `formats` say, both with the same safe cells, in the order of `rows`.

    A file is written beside its place and put there when it is whole; one that was there before is replaced. Returns
    the files, the number of rows, and how many texts got an apostrophe because they could be read as a formula.
    Raises InputProblem when the folder cannot be written to.
    """
    paths = [folder / f"{stem}.{kind}" for kind in formats]
    count = changed = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            writers = [stack.enter_context(_WRITERS[path.suffix[1:]](path, rows.schema)) for path in paths]
            for part in _parts(rows):
                safe = safe_cells(part)
                changed += _differing(part, safe)
                for write in writers:
                    write(safe, count == 0)
                count += len(part)
    except ConnectionError:  # of the JVM that the rows come from
        raise
    except OSError as error:
        raise InputProblem(f"{folder} cannot be written to ({error.strerror}): name a folder by --to") from error
    return paths, count, changed


def _parts(rows: DataFrame) -> Iterator[pd.DataFrame]:
    """At least one, without rows where there are none, so that a file has its header."""
    kinds = {field.name: _PANDAS.get(type(field.dataType), "object") for field in rows.schema}
    stream = iter(rows.toLocalIterator())
    part = list(islice(stream, PART))
    while True:
        yield pd.DataFrame(part, columns=list(kinds)).astype(kinds)
        part = list(islice(stream, PART))
        if not part:
            return


def _differing(part: pd.DataFrame, safe: pd.DataFrame) -> int:
    texts = [place for place, kind in enumerate(part.dtypes) if pd.api.types.is_object_dtype(kind)]
    pairs = ((part.iloc[:, place], safe.iloc[:, place]) for place in texts)
    return sum(int((before.notna() & (before != after)).sum()) for before, after in pairs)


@contextmanager
def _csv(path: Path, _schema: T.StructType) -> Iterator[Write]:
    with whole(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:

        def write(part: pd.DataFrame, first: bool) -> None:
            stream.write((BOM if first else "") + csv_lines(part, header=first))

        yield write


@contextmanager
def _parquet(path: Path, schema: T.StructType) -> Iterator[Write]:
    shape = pa.schema([pa.field(field.name, _ARROW[type(field.dataType)]) for field in schema])
    with whole(path) as beside, pq.ParquetWriter(beside, shape, compression="zstd") as writer:

        def write(part: pd.DataFrame, _first: bool) -> None:
            writer.write_table(pa.Table.from_pandas(part, schema=shape, preserve_index=False).replace_schema_metadata())

        yield write


_WRITERS: dict[str, Any] = {CSV: _csv, PARQUET: _parquet}
