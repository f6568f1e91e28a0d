"""A Parquet file that looks whole, as its end can be read, and is not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from segmentation.runtime import Exit
from tests.robustness.logs import COLUMNS, Logs


def write(path: Path, token: str) -> None:
    row = ["2025-03-01 12:00:01", token, "a1", "pdf.open", "1", "", ""]
    columns = {name: [value] * 500 for name, value in zip(COLUMNS.split(","), row, strict=True)}
    pq.write_table(pa.table(columns | {"id": [f"{token}{n}" for n in range(500)]}), path)


def test_a_damaged_page_keeps_out_its_own_file_alone(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = Logs(spark, tmp_path, format="parquet")
    good, bad = logs.drop / "good.parquet", logs.drop / "bad one.parquet"
    others = [logs.drop / f"{n}.parquet" for n in range(3)]
    write(good, "t1")
    write(bad, "t2")
    whole = bad.read_bytes()
    for n, damaged in enumerate((bad, *others)):
        zeros = bytes(len(whole) // 2 - n)  # no two alike
        damaged.write_bytes(whole[:4] + zeros + whole[4 + len(zeros) :])
    assert pq.read_metadata(bad).num_rows == 500
    assert logs.ingest() == Exit.PARTIAL
    told = capsys.readouterr()
    assert f"{bad} cannot be read; looking again for the others" in told.err
    assert f"refused: {bad}: unreadable: it looks whole, but Spark cannot read it" in told.out
    assert told.out.count("refused: ") == 4  # more than a changed file may be looked at again
    assert logs.balance() == {("good.parquet", "kept", None): 500}
    assert logs.ledger()["bad one.parquet"]["status"] == "refused"
    bad.write_bytes(whole)
    for damaged in others:
        damaged.unlink()
    assert logs.ingest() == Exit.OK
    assert logs.ledger()["bad one.parquet"]["kept"] == 500
