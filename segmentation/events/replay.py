"""Quarantined rows made raw again, so that they go through the rules once more."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.column_names import quoted
from segmentation.events.layout import format_of
from segmentation.events.parse import AS_JSON, place, row_text, values_told_apart
from segmentation.local_rows import local_frame


def as_raw(stored: DataFrame, layout: str | None, rank: int = 0) -> DataFrame:
    """Rows of `events` with their original bytes to what `identify` gives of a file of that layout.

    `layout` is the file's, as the ledger keeps it. The stored hash of the whole row stays, as it tells copies apart,
    and so do the bytes of a Parquet row, in `_raw`: written once more they might be others. Keep the result
    (checkpoint): `_position` is handed out while it is computed, behind those of a lower `rank`.
    """
    text = F.col("raw").cast("string")
    ids = [F.col("file_id").alias("_file_id"), F.col("row_hash").alias("_row_hash")]
    if layout is not None and format_of(layout) == "parquet":
        rows = stored.select(*ids, F.col("raw").alias("_raw"), F.from_json(text, layout).alias("_row"))
        parsed = rows.select("_file_id", "_row_hash", "_raw", "_row.*")
        names = parsed.columns[len(ids) + 1 :]
        whole, hashed_over = [F.col(quoted(name)) for name in names], values_told_apart(parsed, names)
        kept = ["_raw"]
    else:
        parsed = stored.select(*ids, text.alias("line"))
        whole, kept = [F.col("line")], []
        hashed_over = [row_text(format_of(layout))]
    return parsed.select(
        *whole,
        *kept,
        "_file_id",
        F.lit(None).cast("string").alias("_header"),  # headers were never quarantined
        "_row_hash",
        F.hash(*hashed_over).alias("_row_check"),
        place(F.lit(rank).cast("long")).alias("_position"),
    )


def lost_columns(layout: str) -> dict[str, Column]:
    """Per column of a Parquet layout, whether `raw` holds of it what the layout does not give back.

    Earlier releases took timestamps for numbers where a file keeps them as INT96, or in nanoseconds inside of another
    value: such a row must not be decided by what is left of it.
    """
    raw, names = F.col("raw").cast("string"), [field["name"] for field in json.loads(layout)["fields"]]
    texts = T.StructType([T.StructField(name, T.StringType()) for name in names])
    before = F.from_json(raw, texts)
    after = F.from_json(F.to_json(F.from_json(raw, layout), AS_JSON), texts)
    return {name: ~before.getField(name).eqNullSafe(after.getField(name)) for name in names}


def belong(events: DataFrame, batch_of_file: Sequence[tuple[str, str]]) -> DataFrame:
    """The rebuilt rows under the batch that brought their file; pairs of file id and batch id."""
    pairs = local_frame(events.sparkSession, batch_of_file, "file_id string, _batch_id string")
    columns = [F.col("_batch_id").alias(name) if name == "batch_id" else F.col(name) for name in events.columns]
    return events.join(F.broadcast(pairs), on="file_id", how="inner").select(*columns)
