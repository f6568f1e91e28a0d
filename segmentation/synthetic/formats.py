"""Files of a log in the three formats, written chunk by chunk.

Text is put together column by column: pyarrow's own CSV writer quotes every string or none, and rows as Python
objects would take minutes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from segmentation.synthetic.rows import COLUMNS


def write_log(path: Path, file_format: str, tables: Iterable[pa.Table]) -> None:
    """Write the tables (columns of rows.COLUMNS) one after the other as one file, complete or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    _WRITERS[file_format](unfinished, tables)
    unfinished.replace(path)


def _write_parquet(path: Path, tables: Iterable[pa.Table]) -> None:
    # Without Arrow's own schema the dictionaries are mere encoding: every reader sees strings.
    with pq.ParquetWriter(path, COLUMNS, compression="zstd", store_schema=False) as writer:
        for table in tables:
            writer.write_table(table)


def _write_csv(path: Path, tables: Iterable[pa.Table]) -> None:
    with path.open("wb") as file:
        file.write((",".join(COLUMNS.names) + "\n").encode())
        for table in tables:
            cells = [_text(table[name], _csv_word, "") for name in COLUMNS.names]
            _write_lines(file.write, _between(cells, [","] * (len(cells) - 1), "", "\n"))


def _write_jsonl(path: Path, tables: Iterable[pa.Table]) -> None:
    keys = [f"{json.dumps(name)}:" for name in COLUMNS.names]
    with path.open("wb") as file:
        for table in tables:
            cells = [_text(table[name], json.dumps, "null") for name in COLUMNS.names]
            _write_lines(file.write, _between(cells, [f",{key}" for key in keys[1:]], "{" + keys[0], "}\n"))


_WRITERS: dict[str, Callable[[Path, Iterable[pa.Table]], None]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "jsonl": _write_jsonl,
}


def _csv_word(word: str) -> str:
    """The word as a CSV cell: in quotes only where it would be misread without."""
    return '"' + word.replace('"', '""') + '"' if any(mark in word for mark in ',"\r\n') else word


def _text(column: pa.ChunkedArray, rendered: Callable[[str], str], null: str) -> pa.Array:
    """A column as cells of text. Words are rendered once each; times hold no character that needs care."""
    array = column.combine_chunks()
    if pa.types.is_dictionary(array.type):
        words = pa.array([rendered(word) for word in array.dictionary.to_pylist()], type=pa.string())
        array = words.take(array.indices)
    elif pa.types.is_string(array.type):
        quote = rendered("")[:1]
        array = pc.binary_join_element_wise(quote, array, quote, "") if quote else array
    else:
        array = pc.cast(array, pa.string())
    return pc.fill_null(array, null)


def _between(cells: Sequence[pa.Array], separators: Sequence[str], head: str, tail: str) -> pa.Array:
    """One line per row: head, cells with separators between them, tail."""
    parts: list[object] = [head, cells[0]]
    for separator, cell in zip(separators, cells[1:], strict=True):
        parts += [separator, cell]
    return pc.binary_join_element_wise(*parts, tail, "")


def _write_lines(write: Callable[[pa.Buffer], object], lines: pa.Array) -> None:
    """Arrow keeps the strings of an array in one piece, which is the text of the file."""
    if len(lines):
        write(lines.buffers()[2])
