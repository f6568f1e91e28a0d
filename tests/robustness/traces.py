"""Where a text is still to be found below a folder, whatever kind of file it stands in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def traces(folder: Path, words: Iterable[str]) -> dict[str, set[str]]:
    """The words found, each with the files in which it stands (paths below the folder); Parquet files are decoded."""
    found: dict[str, set[str]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes() + str(path.relative_to(folder)).encode()
        if path.suffix == ".parquet":
            content += _decoded(path)
        for word in words:
            if word.encode() in content:
                found.setdefault(word, set()).add(str(path.relative_to(folder)))
    return found


def _decoded(path: Path) -> bytes:
    """All values of a Parquet file, those in its dictionaries that no row speaks of included."""
    schema = pq.ParquetFile(path).schema
    columns = [schema.column(number) for number in range(len(schema))]
    texts = [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]
    table = pq.ParquetFile(path, read_dictionary=texts).read()
    values = [str(table.to_pylist()).encode()]
    for column in table.columns:
        for chunk in column.chunks:
            if isinstance(chunk, pa.DictionaryArray):
                values.append(str(chunk.dictionary.to_pylist()).encode())
    return b"\n".join(values)
