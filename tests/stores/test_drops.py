"""A drop is listed, hashed and counted from its bytes; what cannot be read is named."""

from __future__ import annotations

import bz2
import datetime as dt
import errno
import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.settings import SourceSettings, TimeSettings
from segmentation.stores import drops, inspection
from segmentation.stores.drops import DropError, addresses, list_drop, passed_over, plain_path
from segmentation.stores.file_bytes import Lines


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
    assert plain.file_id == packed.unpacked_id == hashlib.sha256(text).hexdigest()
    assert plain.unpacked_id is None


def test_hash_and_rows_of_a_new_file_are_of_one_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a file with the size of a known one takes a second read."""
    path, opened, original = write_log(tmp_path / "x.csv"), [], Path.open

    def count(of: Path, mode: str) -> Any:
        opened.append(of)
        return original(of, mode)

    monkeypatch.setattr(Path, "open", count)
    (new,) = list_drop(path, source())
    assert (new.rows, opened) == (1, [path])
    assert list_drop(path, source(), [(new.bytes, "another's")]) == [new]


LONG = b"a,b\n" + b"1,2\n" * 600_000


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.csv", LONG), ("x.csv.gz", gzip.compress(LONG, 1, mtime=0)[:-9]), ("x.csv.bz2", bz2.compress(LONG, 1)[:-9])],
    ids=["csv", "gz", "bz2"],
)
def test_a_known_file_is_looked_at_no_further_than_its_header(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (new,) = list_drop(tmp_path, source())
    known = [(new.bytes, new.file_id)]
    (file,) = list_drop(tmp_path, source(), known)
    # what is packed is cut off here, to tell whether anybody unpacks the end
    assert (file.refusal, file.file_id, file.columns) == (None, new.file_id, ("a", "b"))
    assert (file.rows, file.unpacked_id) == (0, None)
    other = source().model_copy(update={"columns": ["a", "c"], "event_name": "c"})
    (file,) = list_drop(tmp_path, other, known)
    assert file.refusal == "missing_column: c (it has a, b)"


@pytest.mark.parametrize(("cores", "threads"), [(None, 2), (1, 2), (2, 2), (4, 4), (96, 8)])
def test_files_are_read_by_as_many_threads_as_there_are_cores_up_to_eight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: int
) -> None:
    started, original = [], drops.ThreadPoolExecutor

    def start(number: int) -> Any:
        started.append(number)
        return original(number)

    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(drops, "ThreadPoolExecutor", start)
    list_drop(write_log(tmp_path / "x.csv"), source())
    assert started == [threads]


def test_parquet_rows_come_from_the_footer(tmp_path: Path) -> None:
    pq.write_table(pa.table({"b": [1, 2, 3], "a": [1, 2, 3]}), tmp_path / "x.parquet")
    (file,) = list_drop(tmp_path, source("parquet"))
    assert (file.rows, file.columns, file.header) == (3, ("b", "a"), None)


def test_hidden_and_foreign_files_are_no_logs(tmp_path: Path) -> None:
    for name in (".x.csv", "_x.csv", "notes.md", "sub/y.csv", "Z.CSV"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a,b\n1,2\n")
    assert [(file.path.name, file.refusal) for file in list_drop(tmp_path, source())] == [
        ("Z.CSV", None),
        ("y.csv", None),
    ]
    assert passed_over(tmp_path, source()) == "3 other files: .x.csv, _x.csv, notes.md"
    (file,) = list_drop(tmp_path / "_x.csv", source())
    assert (file.refusal or "").startswith("misnamed: Spark passes over files")


def write_log(path: Path, text: str = "a,b\n1,2\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_what_lies_in_hidden_folders_is_passed_over_and_named(tmp_path: Path) -> None:
    for name in ("_temporary/0/part-0.csv", ".trash/y=1/deleted.csv", ".git/config", "_month=1/a.csv", "y=2/b.csv"):
        write_log(tmp_path / name)
    found = [str(file.path.relative_to(tmp_path)) for file in list_drop(tmp_path, source())]
    assert found == ["_month=1/a.csv", "y=2/b.csv"]
    assert passed_over(tmp_path, source()) == "2 other files: .trash/y=1/deleted.csv, _temporary/0/part-0.csv"
    assert [file.path.name for file in list_drop(tmp_path / "_temporary", source())] == ["part-0.csv"]


def test_links_are_followed_and_a_file_is_listed_once_by_its_own_path(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    own, there = write_log(logs / "x.csv"), write_log(tmp_path / ".store/2025/b.csv")
    for link, target in {"2025": there.parent, "again": there.parent, "2025/loop": logs, "z.csv": own}.items():
        (logs / link).symlink_to(target)
    assert [(file.path, file.refusal) for file in list_drop(logs, source())] == [(there, None), (own, None)]
    assert passed_over(logs, source()) is None


def test_a_folder_in_sight_is_read_though_it_is_hidden_by_another_name(tmp_path: Path) -> None:
    own = write_log(tmp_path / ".a/x.csv")
    (tmp_path / "b").symlink_to(own.parent)
    assert [file.path for file in list_drop(tmp_path, source())] == [own]


def test_links_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    for link, target in {"a.csv": "gone.csv", "loop.csv": "loop.csv", "2025": "gone"}.items():
        (tmp_path / link).symlink_to(target)
    assert [file.refusal for file in list_drop(tmp_path, source())] == [
        "unreadable: No such file or directory",
        "unreadable: Too many levels of symbolic links",
    ]
    assert passed_over(tmp_path, source()) == "1 other files: 2025"


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.csv", "shut/b.csv", ".shut/c.csv", "gone/d.csv"):
        write_log(tmp_path / name)
    numbers, scandir = {"shut": errno.EACCES, ".shut": errno.EACCES, "gone": errno.ENOENT}, os.scandir

    # tests may run as root, who may read everything
    def scan(path: str) -> Iterator[os.DirEntry[str]]:
        if number := numbers.get(Path(path).name):
            raise OSError(number, os.strerror(number), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scan)
    with pytest.raises(DropError, match=rf"^{tmp_path}/shut: the folder cannot be read \(Permission denied\); let it"):
        list_drop(tmp_path, source())
    del numbers["shut"]
    assert [file.path.name for file in list_drop(tmp_path, source())] == ["a.csv", "b.csv"]


def test_an_absent_path_and_an_empty_drop_are_named(tmp_path: Path) -> None:
    with pytest.raises(DropError, match=r"nowhere: no such file or folder"):
        list_drop(tmp_path / "nowhere", source())
    with pytest.raises(DropError, match=r"no csv file \(.csv, .txt, .tsv, or .gz or .bz2 of them\) in it$"):
        list_drop(tmp_path, source())
    (tmp_path / "x.parquet.gz").touch()  # Parquet packs by itself
    with pytest.raises(DropError, match=r"no parquet file \(.parquet\) in it; there are 1 other files: x.parquet.gz$"):
        list_drop(tmp_path, source("parquet"))
    (tmp_path / "x.parquet.gz").unlink()
    for name in ("_SUCCESS", ".a.crc", *(f"{n}.log" for n in range(7))):
        (tmp_path / name).touch()
    with pytest.raises(DropError, match=r"there are 7 other files: 0.log, .*, 4.log and 2 more$"):
        list_drop(tmp_path, source())


# without a time: the parameters of a test are its name, which two processes must give alike
GZ, BZ2 = gzip.compress(b"a,b\n1,2\n" * 50, mtime=0), bz2.compress(b"a,b\n1,2\n" * 50)


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("x.csv.gz", GZ[:-9], "truncated: Compressed file ended"),
        ("x.csv.gz", b"a,b\n1,2\n", "truncated: Not a gzipped file"),
        ("x.csv.bz2", BZ2[:-9], "truncated: Compressed file ended"),
        ("x.csv.bz2", BZ2[:20] + b"rubbish" + BZ2[27:], "truncated: Invalid data stream"),
        ("x.csv", b"", "empty_file: it has no bytes"),
        ("x.csv.gz", gzip.compress(b"", mtime=0), "empty_file: it holds no line"),
        ("x.csv", b"\xef\xbb\xbf", "empty_file: it holds no line"),
        ("x.jsonl", b"\xef\xbb\xbf", "empty_file: it holds no line"),
        ("2025-01-01T10:00:00.csv", b"a,b\n1,2\n", "misnamed: Spark takes what stands before the colon"),
        ("x.csv.GZ", GZ, "misnamed: Spark unpacks .gz and not .GZ; rename it to end in .gz"),
        ("x.csv", "a,b\n1,2\n".encode("utf-16"), "not_utf8: it begins like a UTF-16 text"),
        ("x.csv", "a,b,ü\n1,2,3\n".encode("latin-1"), "not_utf8: its header line is not UTF-8"),
        ("x.csv", b"a,b,A\n1,2,3\n", "duplicate_column: A, a stands in it more than once"),
        ("x.csv", b"a,c\n1,2\n", "missing_column: b (it has a, c)"),
        (
            "x.csv",
            b"a\tb\n1\t2\n",
            'missing_column: a, b (it has a\tb); with another delimiter it has all: give the source delimiter: "\\t"',
        ),
        ("x.csv", b'a,"c\rd",e\n1,2,3\n', "missing_column: b (it has a, c\rd, e)"),
        ("x.csv", b"1,2\n3,4\n", "missing_column: a, b (it has 1, 2); its first line has to name the columns"),
        ("x.csv", b"1,,\n3,4,5\n", "missing_column: a, b (it has 1, , ); its first line has to name the columns"),
        ("x.csv", b"sep=;\r\na;b\r\n1;2\r\n", "bad_header: its first line is sep=;, which is for Excel"),
        ("x.csv", b'{"a": 1, "b": 2}\n', "bad_header: its first line begins with { as JSON does; is the format jsonl?"),
        ("x.csv", b"\n", "bad_header: its first line, where the names of the columns belong, is empty"),
        ("x.csv", b"a,b\r1,2\r3,4\r", "old_line_ends: its lines end in a carriage return alone"),
        ("x.jsonl", b'{"a": 1}\r{"a": 2}\r', "old_line_ends: "),
        ("x.csv", b"a,b,\n1,2,3\n", "unfit_column: '' cannot be"),
        ("x.csv", b"a,b,_raw,__name\n1,2,3,4\n", "unfit_column: '_raw', '__name' cannot be"),
        ("x.csv", b'a,b,"' + b"c" * 200_000 + b'"\n1,2,3\n', "bad_header: field larger than field limit"),
        ("x.parquet", b"PAR1 and no more", "broken_parquet: "),
    ],
)
def test_a_file_that_cannot_be_read_is_listed_with_the_reason(
    tmp_path: Path, name: str, content: bytes, refusal: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (file,) = list_drop(tmp_path, source({"parquet": "parquet", "jsonl": "jsonl"}.get(name.rpartition(".")[2], "csv")))
    assert (file.refusal or "").startswith(refusal)
    assert (file.rows, file.bytes, file.file_id) == (0, len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("ending", [".deflate", ".lz4", ".snappy", ".zst", ".ZST"])
def test_a_file_that_spark_alone_unpacks_is_passed_over_and_refused_when_it_is_named(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"x.jsonl{ending}"
    path.write_bytes(b'{"a": 1, "b": 2}\n')
    assert passed_over(tmp_path, source("jsonl")) == f"1 other files: {path.name}"
    (file,) = list_drop(path, source("jsonl"))
    why = f"misnamed: {ending} is unpacked by Spark and not read here; unpack it, or pack it anew as .gz"
    assert file.refusal == why


def test_a_parquet_column_in_place_of_one_of_ours_or_of_sparks_is_refused_by_name(tmp_path: Path) -> None:
    """Known to the source or not; a text's columns stand beside ours only later, where these are no more."""
    pq.write_table(pa.table({"a": [1], "b": [2], "_metadata": [3]}), tmp_path / "x.parquet")
    (new,) = list_drop(tmp_path, source("parquet"))
    assert (new.refusal or "").startswith("unfit_column: '_metadata' cannot be")
    pq.write_table(pa.table({"a": [1], "b": [2], "_KEY": [3]}), tmp_path / "x.parquet")
    (named,) = list_drop(tmp_path, source("parquet").model_copy(update={"columns": ("a", "b", "_key")}))
    assert (named.refusal or "").startswith("unfit_column: '_KEY' cannot be")
    (tmp_path / "x.csv").write_text("a,b,_metadata\n1,2,3\n")
    assert list_drop(tmp_path / "x.csv", source())[0].refusal is None


def test_a_name_that_is_no_utf8_is_refused_and_can_be_told(tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path / "x") + b"\xff.csv")).write_bytes(b"a,b\n1,2\n")
    (tmp_path / "ü.csv").write_bytes(b"a,b\n1,3\n")
    bad, good = list_drop(tmp_path, source())
    assert bad.refusal == "misnamed: its name, or that of a folder above it, is not UTF-8; rename it"
    assert (bad.rows, bad.location) == (0, f"{tmp_path}/x\\udcff.csv")
    assert (good.refusal, good.rows, good.location) == (None, 1, f"{tmp_path}/ü.csv")


def test_a_file_that_changes_while_it_is_looked_at_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    counted = inspection.count_lines

    def grow(*arguments: Any) -> Lines:
        with path.open("a") as more:
            more.write("3,4\n")
        return counted(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(inspection, "count_lines", grow)
        (file,) = list_drop(tmp_path, source())
    assert (file.refusal or "").startswith("being_written: ")
    (file,) = list_drop(tmp_path, source())
    assert (file.refusal, file.rows) == (None, 2)


def test_a_file_touched_without_a_change_is_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    (file,) = list_drop(tmp_path, source())
    os.utime(path, (0, 0))
    assert file.is_unchanged()
    path.write_text("a,b\n1,3\n")  # as many bytes
    assert not file.is_unchanged()
    path.unlink()
    assert not file.is_unchanged()


def test_types_are_what_spark_will_read(tmp_path: Path) -> None:
    moment = pa.array([dt.datetime(2025, 3, 4)])
    kinds = {
        "byte": (pa.array([1], pa.uint8()), "short"), "wide": (pa.array([1], pa.uint32()), "long"),
        "widest": (pa.array([1], pa.uint64()), "decimal(20,0)"), "nothing": (pa.nulls(1), "integer"),
        "local": (moment.cast(pa.timestamp("us")), "timestamp_ntz"), "nanos": (moment.cast(pa.timestamp("ns")), "long"),
        "moment": (moment.cast(pa.timestamp("us", "UTC")), "timestamp"), "a": (pa.array(["x"]), "string"),
        "b": (pa.array(["x"]).dictionary_encode(), "string"),
    }  # fmt: skip
    pq.write_table(pa.table({name: values for name, (values, _) in kinds.items()}), tmp_path / "x.parquet")
    (file,) = list_drop(tmp_path, source("parquet"))
    assert file.refusal is None
    assert file.layout is not None
    fields = json.loads(file.layout)["fields"]
    assert {field["name"]: field["type"] for field in fields} == {name: kind for name, (_, kind) in kinds.items()}
    pq.write_table(pa.table({"a": ["x"], "b": [dt.time(1, 2)]}), tmp_path / "x.parquet")
    (file,) = list_drop(tmp_path, source("parquet"))
    assert file.refusal == "unsupported_type: b is time64[us]; write it without that column, or as text"
    pq.write_table(
        pa.table({"a": ["x"], "b": pa.array([[("k", 1)]], pa.map_("string", "int8"))}), tmp_path / "x.parquet"
    )
    (file,) = list_drop(tmp_path, source("parquet"))
    assert (file.refusal or "").startswith("unsupported_type: b is map<string, int8")
    pq.write_table(pa.table({"a": ["x"], "b": pa.array([1], pa.decimal256(50, 2))}), tmp_path / "x.parquet")
    (file,) = list_drop(tmp_path, source("parquet"))
    assert (file.refusal or "").startswith("unsupported_type: b is decimal256(50, 2)")


def test_types_of_int96_and_of_what_lies_inside_another_value(tmp_path: Path) -> None:
    nanos = pa.timestamp("ns")
    inside = {"at": dt.datetime(2025, 3, 4), "n": 1}
    rows = pa.table(
        {
            "a": pa.array([inside["at"]], nanos),
            "b": pa.array([inside], pa.struct([("at", nanos), ("n", pa.uint8())])),
            "c": pa.array([[inside["at"]]], pa.list_(nanos)),
            "d": pa.array([inside["at"]], pa.timestamp("s")),
        }
    )
    found = {}
    for old in (False, True):
        pq.write_table(rows, tmp_path / "x.parquet", use_deprecated_int96_timestamps=old)
        (file,) = list_drop(tmp_path, source("parquet"))
        schema = T.StructType.fromJson(json.loads(file.layout or ""))
        found[old] = [field.dataType.simpleString() for field in schema]
    assert found == {
        False: ["bigint", "struct<at:bigint,n:smallint>", "array<bigint>", "timestamp_ntz"],
        True: ["timestamp", "struct<at:timestamp,n:smallint>", "array<timestamp>", "timestamp"],
    }


def test_a_type_that_the_source_fixes_may_not_change(tmp_path: Path) -> None:
    fixed = source("parquet").model_copy(update={"types": {"a": "bigint"}})
    for name, values in {"x": pa.array([1]), "y": pa.array(["1"])}.items():
        pq.write_table(pa.table({"A": values, "b": ["n"]}), tmp_path / f"{name}.parquet")
    assert [file.refusal for file in list_drop(tmp_path, fixed)] == [None, "changed_type: a is string, not bigint"]


@pytest.mark.parametrize(
    ("values", "time", "refusal"),
    [
        (pa.array(["1"]), {}, "unfit_time: A is string, and the source has neither time.formats nor time.epoch"),
        (pa.array(["1"]), {"epoch": "nanos"}, None),
        (
            pa.array([1]),
            {},
            "unfit_time: A is bigint: say of what by time.epoch: seconds, millis, micros or nanos, as which Spark "
            "reads a Parquet timestamp of nanoseconds",
        ),
        (pa.array([1.5]), {}, "unfit_time: A is double: say of what by time.epoch: seconds, millis, micros or nanos"),
        (pa.array([1]), {"epoch": "nanos"}, None),
        (pa.array([dt.datetime(2025, 3, 4)], pa.timestamp("ns")), {"epoch": "nanos"}, None),
        (
            pa.array([dt.datetime(2025, 3, 4)]),
            {"epoch": "nanos"},
            "unfit_time: A is timestamp_ntz, and the source reads it as a number (time.epoch: nanos)",
        ),
        (pa.array([dt.datetime(2025, 3, 4)]), {}, None),
    ],
)  # fmt: skip
def test_a_time_that_the_source_reads_otherwise_is_refused(
    tmp_path: Path, values: pa.Array, time: dict[str, str], refusal: str | None
) -> None:
    timed = source("parquet").model_copy(update={"time": TimeSettings.model_validate({"column": "A", **time})})
    pq.write_table(pa.table({"a": values, "b": ["n"]}), tmp_path / "x.parquet")
    (file,) = list_drop(tmp_path, timed)
    assert file.refusal == refusal


def test_a_time_column_in_other_letters_is_needed_too(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("b,c\n1,2\n")
    timed = source().model_copy(
        update={"time": TimeSettings(column="A", epoch="seconds"), "token": "b", "account_id": "b"}
    )
    assert [file.refusal for file in list_drop(tmp_path, timed)] == ["missing_column: a (it has b, c)"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_addresses_of_rows_are_foreseen(spark: SparkSession, tmp_path: Path, kind: str) -> None:
    """Else each row's address would be decoded anew."""
    for name in ("a", "b c+d", "50% {ä}"):
        if kind == "csv":
            (tmp_path / f"{name}.csv").write_text("a,b\n1,2\n")
        else:
            pq.write_table(pa.table({"a": ["1"], "b": ["2"]}), tmp_path / f"{name}.parquet")
    reader = spark.read.format("text" if kind == "csv" else kind)
    rows = reader.load(str(tmp_path))
    found = {row["file_path"] for row in rows.select("_metadata.file_path").collect()}
    assert len(found) == 3
    assert found <= addresses(rows)


def test_the_path_that_spark_gives_is_the_one_that_python_knows(spark: SparkSession) -> None:
    given = {
        "file:/logs/a.csv": "/logs/a.csv",
        "file:///logs/a%20b+c.csv": "/logs/a b+c.csv",
        "dbfs:/Volumes/main/s/files/a%25.csv": "/Volumes/main/s/files/a%.csv",
        "/Volumes/main/s/files/dbfs:/a.csv": "/Volumes/main/s/files/dbfs:/a.csv",
    }
    rows = spark.createDataFrame([(address,) for address in given], "address string")
    found = {row["address"]: row["path"] for row in rows.withColumn("path", plain_path(F.col("address"))).collect()}
    assert found == given
