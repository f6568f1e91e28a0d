"""What leaves the house: allowed columns, harmless cells, whole files."""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import InputProblem
from segmentation.jobs.export_accounts import export_accounts
from segmentation.reports.export import COLUMNS, export_rows, tables_of
from segmentation.runtime import Job
from segmentation.schemas import (
    ACCOUNT_RFM,
    ACCOUNT_VALUES,
    BASETABLE,
    EVENT_NAMES,
    INDUSTRY_FILL,
    INDUSTRY_MODELS,
    INDUSTRY_SCORES,
    SEGMENTS,
)
from segmentation.stores import exports
from segmentation.stores.conf import load_settings
from segmentation.stores.exports import write_files
from segmentation.stores.tables import MissingTable

AS_OF = dt.date(2026, 1, 1)
NOW = dt.datetime(2026, 1, 2)


def job(spark: SparkSession, data_dir: Path, *overrides: str, **arguments: object) -> Job:
    args = argparse.Namespace(**{"to": data_dir / "out", "format": None, **arguments})
    return Job("export", args, load_settings("local", list(overrides)), data_dir, NOW, _spark=spark)


@pytest.fixture(scope="module")
def data_dir(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("data")
    rows = {
        EVENT_NAMES.name: [(1, "open", "Document", "exact", 0, NOW)],
        BASETABLE.name: [
            (AS_OF, "=a", "Toys", "train", 0),
            (AS_OF, "b", None, "train", 0),
            (AS_OF, "c", None, "test", 0),
        ],
        SEGMENTS.name: [
            *((AS_OF, account, "kmeans", 1, "Heavy; -use", 0.5, False, "m/1") for account in ("=a", "b")),
            *((AS_OF, account, "ward", 2, "Other", 0.1, True, "m/1") for account in ("=a", "b")),
            (dt.date(2025, 12, 1), "b", "consensus", 1, "Third", 0.5, False, "m/1"),
        ],
        INDUSTRY_FILL.name: [
            (AS_OF, "=a", "fill", "Food", 0.9, "Toys", ["r"], "i/1"),  # labelled since
            (AS_OF, "b", "fill", "Toys", 0.95, "Food", ["r"], "i/1"),
            (AS_OF, "c", "review", "Food", 0.6, "Toys", ["r"], "i/1"),
        ],
        ACCOUNT_RFM.name: [(AS_OF, account, 3.0, 20.0, 100.0, 5, 4, 3, "regular") for account in ("=a", "b", "c")],
        INDUSTRY_MODELS.name: [
            (AS_OF, "industry/1", dt.date(2025, 12, 1), NOW, "passed", "industry/2", ["no AUC"], False),
        ],
        INDUSTRY_SCORES.name: [(AS_OF, "b", "Toys", 0.95, "i/1")],
        ACCOUNT_VALUES.name: [(dt.date(2025, 1, 1), "b", 1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)],
    }
    writer = job(spark, folder)
    with pytest.raises(MissingTable, match="run `segmentation basetable` first"):
        export_accounts(writer)
    notes = {BASETABLE.name: json.dumps({str(AS_OF): {"label": "industry", "at": "2026-01-02 09:00"}}),
             **dict.fromkeys((INDUSTRY_SCORES.name, SEGMENTS.name),
                             json.dumps({"as_of": str(AS_OF), "built": "2026-01-02 08:00"}))}  # fmt: skip
    for table in (EVENT_NAMES, BASETABLE):
        frame = spark.createDataFrame(rows[table.name], table.columns)
        writer.tables.replace(frame, table, note=notes.get(table.name))
    writer.publish()
    with pytest.raises(MissingTable, match=r"there is no table segments .* run `segmentation segments` first"):
        export_accounts(job(spark, folder))
    for table in (SEGMENTS, INDUSTRY_FILL, INDUSTRY_MODELS, INDUSTRY_SCORES, ACCOUNT_RFM, ACCOUNT_VALUES):
        frame = spark.createDataFrame(rows[table.name], table.columns)
        writer.tables.replace(frame, table, note=notes.get(table.name))
    writer.publish()
    return folder


def test_an_account_is_one_row_in_both_files(
    spark: SparkSession, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_accounts(job(spark, data_dir))
    said = capsys.readouterr().out
    out = data_dir / "out"
    assert sorted(path.name for path in out.iterdir()) == ["accounts-2026-01-01.csv", "accounts-2026-01-01.parquet"]
    with (out / "accounts-2026-01-01.csv").open(encoding="utf-8-sig", newline="") as stream:
        head, *rows = csv.reader(stream)
    assert tuple(head) == load_settings("local").export.columns == tuple(COLUMNS)
    told = "segments are those of kmeans, as of 2025-12-01 they were those of consensus: the same number is another"
    assert f"\n  {told} segment\n" in said
    assert rows == [
        ["'=a", "2026-01-01", "1", "Heavy; '-use", "0.5", "False", "Toys", "", "", "",
         "3.0", "20.0", "100.0", "regular", "", ""],
        ["b", "2026-01-01", "1", "Heavy; '-use", "0.5", "False", "", "Toys", "", "0.95",
         "3.0", "20.0", "100.0", "regular", "", ""],
        ["c", "2026-01-01", "", "", "", "", "", "", "Food", "0.6",
         "3.0", "20.0", "100.0", "regular", "", ""],
    ]  # fmt: skip
    table = pd.read_parquet(out / "accounts-2026-01-01.parquet", dtype_backend="numpy_nullable")
    assert table["account_id"].tolist() == ["'=a", "b", "c"]
    assert table["as_of"].tolist() == [AS_OF] * 3
    assert str(table["segment"].dtype) == "Int32"
    assert (table["segment"].tolist(), table["outlier"].tolist()) == ([1, 1, pd.NA], [False, False, pd.NA])
    assert "exported 3 accounts as of 2026-01-01" in said
    assert "left empty: churn_probability (run `segmentation churn --as-of 2026-01-01` for them)" in said
    assert "left empty: lifetime_value (run `segmentation value --as-of 2026-01-01` for them)" in said
    assert "3 texts that could be read as a formula: made harmless by an apostrophe" in said
    assert (
        "industries: The gate refused the industry model trained last, industry/2. What is said of industries" in said
    )
    assert "The basetable was built anew after segments and use were found in it" in said
    assert "The basetable was built anew after industries were found in it" in said
    assert "`segmentation forget` does not reach them" in said


def test_only_what_is_allowed_leaves(
    spark: SparkSession, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = "export.columns=[industry_filled, account_id]"
    export_accounts(job(spark, data_dir, few, "export.format=csv", to=tmp_path))
    said = capsys.readouterr().out
    assert "after industries were found in it" in said
    assert "after segments and use were found in it" not in said  # there are none in the file
    assert [path.name for path in tmp_path.iterdir()] == ["accounts-2026-01-01.csv"]
    text = (tmp_path / "accounts-2026-01-01.csv").read_text(encoding="utf-8-sig")
    assert text == '"industry_filled","account_id"\n"","\'=a"\n"Toys","b"\n"","c"\n'


def test_what_a_refused_model_would_fill_in_is_only_suggested(
    spark: SparkSession, data_dir: Path, tmp_path: Path
) -> None:
    few = "export.columns=[account_id, industry_filled, industry_suggested, industry_probability]"
    writer = job(spark, data_dir)
    told = writer.tables.read(INDUSTRY_MODELS).collect()
    files = {}
    for gate, refused in (("refused", "industry/1"), ("overruled", None)):
        row = (AS_OF, "industry/1", AS_OF, NOW, gate, refused, [], True)
        writer.tables.replace(spark.createDataFrame([row], INDUSTRY_MODELS.columns), INDUSTRY_MODELS)
        writer.publish()
        export_accounts(job(spark, data_dir, few, "export.format=csv", to=tmp_path))
        text = (tmp_path / "accounts-2026-01-01.csv").read_text(encoding="utf-8-sig")
        files[gate] = text.splitlines()[1:]
    writer.tables.replace(spark.createDataFrame(told, INDUSTRY_MODELS.columns), INDUSTRY_MODELS)
    writer.publish()
    assert files == {
        "refused": ['"\'=a","","",""', '"b","","Toys",0.95', '"c","","Food",0.6'],
        "overruled": ['"\'=a","","",""', '"b","Toys","",0.95', '"c","","Food",0.6'],
    }


def test_segments_of_another_date_do_not_pass_for_this_one(spark: SparkSession, data_dir: Path) -> None:
    writer = job(spark, data_dir)
    later = spark.createDataFrame([(dt.date(2026, 2, 1), "b", None, "train", 0)], BASETABLE.columns)
    writer.tables.replace(later, BASETABLE, where="as_of = DATE '2026-02-01'")
    with pytest.raises(
        InputProblem, match=r"segments does not speak for 2026-02-01 \(it does for 2025-12-01, 2026-01-01\): run"
    ):
        export_accounts(writer)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["account_id", "segmnt"], "names segmnt, which is no column for export: did you mean 'segment'?"),
        (["token"], "names token, which is no column for export"),
        (["as_of", "as_of"], "each only once"),
        ([], "at least one column"),
    ],
)
def test_columns_that_nobody_allowed_are_refused(columns: list[str], said: str) -> None:
    with pytest.raises(InputProblem, match=said.replace("?", r"\?")):
        tables_of(columns)


def test_a_file_is_there_in_full_or_not_at_all(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = spark.createDataFrame([("b", 1), ("a", 2), ("c", None)], "name string, n int").orderBy("name")
    monkeypatch.setattr(exports, "PART", 2)
    paths, count, changed = write_files(rows, tmp_path, "x", ("csv", "parquet"))
    assert (count, changed) == (3, 0)
    whole = paths[0].read_bytes()
    assert whole == b'\xef\xbb\xbf"name","n"\r\n"a",2\r\n"b",1\r\n"c",""\r\n'
    assert pd.read_parquet(paths[1])["name"].tolist() == ["a", "b", "c"]

    def break_off(part: pd.DataFrame, header: bool) -> str:
        if not header:
            raise RuntimeError("power cut")
        return "half"

    monkeypatch.setattr(exports, "csv_lines", break_off)
    with pytest.raises(RuntimeError, match="power cut"):
        write_files(rows, tmp_path, "x", ("csv", "parquet"))
    assert paths[0].read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.parquet"]
    for nowhere in (paths[0], Path("/proc/nowhere")):  # a file, and a place where nobody can make a folder
        with pytest.raises(InputProblem, match="cannot be written to"):
            write_files(rows, nowhere, "x", ("csv",))


def test_no_accounts_make_a_file_with_a_header(spark: SparkSession, tmp_path: Path) -> None:
    empty: DataFrame = spark.createDataFrame([], BASETABLE.columns)
    rows = export_rows({BASETABLE.name: empty}, ["account_id", "segment"])
    (path,), count, _ = write_files(rows, tmp_path, "none", ("csv",))
    assert (count, path.read_text(encoding="utf-8-sig")) == (0, '"account_id","segment"\n')
