"""Which raw rows are copies of another, found on hashes alone: whole rows through a shuffle would double the time."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

DUPLICATE = "duplicate"
REPEATED_HEADER = "repeated_header"


def mark_copies(rows: DataFrame, known: DataFrame | None, drop: bool) -> DataFrame:
    """The identified rows without each file's header line, with `_duplicate` and `_repeated_header` as booleans.

    Of equal rows the one with the smallest `_position` stays. `known` holds the `row_hash` of rows stored by earlier
    batches: all copies of those are duplicates. With `drop` false only headers are looked for, since some logs hold
    rows that are rightly equal.
    """
    is_text = "line" in rows.columns
    is_header = F.coalesce(F.col("line") == F.col("_header"), F.lit(False)) if is_text else F.lit(False)
    if not is_text and not drop:
        return rows.select("*", F.lit(False).alias("_duplicate"), F.lit(False).alias("_repeated_header"))
    first = _first_positions(rows, is_header, known, drop)
    at = ["_row_hash", "_row_check"]
    file_matches = ~is_header | (F.col("_file_id") == F.col("_header_file"))
    # within one batch copies are few; of a drop that repeats what is stored they are not, and Spark chooses
    joined = rows.join(F.broadcast(first) if known is None else first, on=at, how="left")
    if is_text:
        # a header is one per file, so equal headers of other files are no copies of it
        joined = joined.where(F.col("_first").isNull() | file_matches)
        joined = joined.where(~(is_header & (F.col("_position") == F.col("_first"))))
    copy = F.col("_first").isNotNull() & (F.col("_known") | (F.col("_position") != F.col("_first")))
    return joined.select(
        *rows.columns,
        (copy & ~is_header).alias("_duplicate"),
        (copy & is_header).alias("_repeated_header"),
    )


def _first_positions(rows: DataFrame, is_header: Column, known: DataFrame | None, drop: bool) -> DataFrame:
    """One row per repeated row (and per file's header): the hashes, `_first`, `_known`, `_header_file`."""
    wanted = rows if drop else rows.where(is_header)
    header_file = F.when(is_header, F.col("_file_id")).alias("_header_file")
    groups = wanted.groupBy("_row_hash", "_row_check", header_file).agg(
        F.count(F.lit(1)).alias("_copies"), F.min("_position").alias("_first")
    )
    if known is not None and drop:
        before = known.select(F.col("row_hash").alias("_row_hash")).distinct().select("*", F.lit(True).alias("_known"))
        groups = groups.join(before, on="_row_hash", how="left")
    else:
        groups = groups.select("*", F.lit(None).cast("boolean").alias("_known"))
    seen_before = F.coalesce(F.col("_known"), F.lit(False)) & F.col("_header_file").isNull()
    return groups.where((F.col("_copies") > 1) | F.col("_header_file").isNotNull() | seen_before).select(
        "_row_hash", "_row_check", "_first", seen_before.alias("_known"), "_header_file"
    )
