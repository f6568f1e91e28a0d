"""Which months of the cube have to be computed again."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame, SparkSession

from segmentation.features.staleness import Stale, kept_rows, stale_months
from segmentation.schemas import ROW_BALANCE


def month(number: int) -> dt.date:
    return dt.date(2025, number, 1)


def balance(spark: SparkSession, *rows: tuple[str, int | None, str, int]) -> DataFrame:
    """Rows of file, month, disposition, count."""
    whole = [("b", f, m and month(m), d, None if d == "kept" else "rule", n) for f, m, d, n in rows]
    return spark.createDataFrame(whole, ROW_BALANCE.columns)


def test_only_months_whose_kept_rows_changed_are_stale(spark: SparkSession) -> None:
    before = balance(
        spark,
        ("f1", 1, "kept", 5),
        ("f1", 2, "kept", 5),
        ("f1", 4, "kept", 1),
        ("f1", 5, "kept", 3),
        ("f2", 5, "kept", 2),
        ("f1", 6, "kept", 3),
    )
    after = balance(
        spark,
        ("f1", 1, "kept", 5),
        ("f3", 1, "dropped", 9),  # rows that nobody keeps change nothing
        ("f1", 2, "kept", 5),
        ("f3", 2, "kept", 1),  # late rows
        ("f4", 2, "kept", 2),
        ("f3", 3, "kept", 2),  # a new month
        ("f3", None, "quarantined", 4),
        # month 4 has lost its rows
        ("f1", 5, "kept", 2),  # a correction: one row less here, one more there, the same in all
        ("f3", 5, "kept", 1),
        ("f2", 5, "kept", 2),
        ("f1", 6, "kept", 4),  # a replay: more rows of a file that is known
    )
    kept = kept_rows(after)
    assert stale_months(kept, kept_rows(before)) == Stale(
        again=(month(3), month(4), month(5), month(6)),
        grown=(month(2),),
        arrived=((month(2), "b", "f3"), (month(2), "b", "f4")),
    )
    assert stale_months(kept, kept_rows(after.orderBy("rows"))).months == ()
    assert {(row["event_month"], row["file_id"]): row["rows"] for row in kept.collect()}[month(2), "f3"] == 1
