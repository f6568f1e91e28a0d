"""A drop is listed, hashed and counted from its bytes; what cannot be read is named."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segmentation.settings import SourceSettings
from segmentation.stores.drops import DropError, list_drop


def source(kind: str = "csv") -> SourceSettings:
    return SourceSettings.model_validate(
        {"name": "s", "format": kind, "columns": ["a", "b"], "time": {"column": "a", "epoch": "seconds"}}
        | {"token": "a", "account_id": "a", "event_name": "b"}
    )


@pytest.mark.parametrize(
    ("text", "rows"),
    [(b"a,b\n1,2\n3,4\n", 2), (b"a,b\r\n1,2\r\n3,4", 2), (b"a,b\n", 0), (b"\xef\xbb\xbfa,b\n1,2\n", 1)],
)
def test_rows_are_line_feeds_less_the_header(tmp_path: Path, text: bytes, rows: int) -> None:
    (tmp_path / "x.csv").write_bytes(text)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(text))
    plain, packed = list_drop(tmp_path, source())
    assert (plain.rows, packed.rows, plain.columns) == (rows, rows, ("a", "b"))
    assert plain.file_id == hashlib.sha256(text).hexdigest()


def test_parquet_rows_come_from_the_footer(tmp_path: Path) -> None:
    pq.write_table(pa.table({"b": [1, 2, 3], "a": [1, 2, 3]}), tmp_path / "x.parquet")
    (file,) = list_drop(tmp_path, source("parquet"))
    assert (file.rows, file.columns, file.header) == (3, ("b", "a"), None)


def test_hidden_and_foreign_files_are_no_logs(tmp_path: Path) -> None:
    for name in (".x.csv", "_x.csv", "notes.md", "sub/y.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a,b\n1,2\n")
    assert [file.path.name for file in list_drop(tmp_path, source())] == ["y.csv"]


def test_an_absent_path_an_empty_drop_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(DropError, match=r"nowhere: no such file or folder"):
        list_drop(tmp_path / "nowhere", source())
    with pytest.raises(DropError, match=r"no csv file \(.csv"):
        list_drop(tmp_path, source())
    (tmp_path / "x.csv").write_text("a,c\n1,2\n")
    with pytest.raises(DropError, match=r"x.csv: column b is missing \(it has a, c\)"):
        list_drop(tmp_path, source())


@pytest.mark.parametrize(
    ("name", "text"), [("x.csv.gz", gzip.compress(b"a,b\n1,2\n" * 50)[:-9]), ("x.parquet", b"PAR1 and no more")]
)
def test_an_unreadable_file_is_named(tmp_path: Path, name: str, text: bytes) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(DropError, match=rf"{name}: cannot be read as"):
        list_drop(tmp_path, source("parquet" if name.endswith("parquet") else "csv"))
