"""Which rows of Parquet files are copies: nulls count, and what type a file gives a column of nulls does not."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from segmentation.runtime import Exit
from segmentation.schemas import EVENTS
from tests.robustness.logs import Logs

SOURCE = {"format": "parquet", "time": {"column": "time", "epoch": "seconds"}, "attributes": ["id", "version"]}
KEPT, COPY = (None, "kept"), ("duplicate", "dropped")


def write(logs: Logs, name: str, rows: list[dict[str, Any]], **types: pa.DataType) -> None:
    same = {"time": 1_700_000_000, "token": "t1", "account": "a1", "name": "pdf.open"}
    table = pa.Table.from_pylist([same | {"seconds": None, "id": None, "version": None} | row for row in rows])
    for column, kind in types.items():
        table = table.set_column(table.column_names.index(column), column, table[column].cast(kind))
    pq.write_table(table, logs.drop / name)


def decided(logs: Logs) -> dict[tuple[str | None, str], int]:
    return {(row["rule"], row["disposition"]): row["count"]
            for row in logs.read(EVENTS).groupBy("rule", "disposition").count().collect()}  # fmt: skip


def test_a_null_elsewhere_makes_another_row(spark: SparkSession, tmp_path: Any) -> None:
    logs = Logs(spark, tmp_path, **SOURCE)
    rows = [{"seconds": 5.0}, {"version": 5.0}, {"seconds": 5.0, "version": 5.0}]
    write(logs, "plain.parquet", [*rows, rows[0]], seconds=pa.float64(), version=pa.float64())
    pair = pa.struct([("a", pa.int64()), ("b", pa.int64())])
    within = [{"id": {"a": 1, "b": None}}, {"id": {"a": None, "b": 1}}, {"id": {"a": 1, "b": None}}]
    write(logs, "nested.parquet", within, id=pair, seconds=pa.float64(), version=pa.float64())
    assert logs.ingest() == Exit.OK
    assert decided(logs) == {KEPT: 5, COPY: 2}


@pytest.mark.parametrize("batches", [1, 2])
def test_files_of_other_types_hold_equal_rows(spark: SparkSession, tmp_path: Any, batches: int) -> None:
    logs = Logs(spark, tmp_path, **SOURCE)
    rows = [{"seconds": 5.0}, {"seconds": 6.0}]
    doubles = {"seconds": pa.float64(), "version": pa.float64()}
    write(logs, "a.parquet", rows, **doubles)  # as pandas writes a column of nulls, which has no type
    if batches > 1:
        assert logs.ingest() == Exit.OK
    write(logs, "b.parquet", [*rows, {"seconds": 7.0, "id": "x"}], **doubles, id=pa.string())
    assert logs.ingest() == Exit.OK
    assert decided(logs) == {KEPT: 3, COPY: 2}


def test_replayed_rows_of_other_types_are_copies_too(spark: SparkSession, tmp_path: Any) -> None:
    logs = Logs(spark, tmp_path, **SOURCE)
    rows = [{"token": "", "seconds": 5.0}, {"token": "", "seconds": 6.0}]
    doubles = {"seconds": pa.float64(), "version": pa.float64()}
    write(logs, "a.parquet", rows, **doubles)
    write(logs, "b.parquet", rows, **doubles, id=pa.string())
    assert logs.ingest() == Exit.OK
    assert decided(logs) == {("missing_token", "quarantined"): 4}
    logs.describe(**SOURCE, token="coalesce(nullif(token, ''), 't0')")
    assert logs.replay() == Exit.OK
    assert decided(logs) == {KEPT: 2, COPY: 2}
