"""Quarantined rows made raw again, so that they go through the rules once more."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.local_rows import local_frame


def as_raw(stored: DataFrame, layout: str | None) -> DataFrame:
    """Rows of `events` with their original bytes to what `identify` gives of a file of that layout.

    `layout` is the file's, as the ledger keeps it: of Parquet the Spark schema as JSON, of text anything else. The
    stored hash of the whole row stays, as it tells copies apart. Keep the result (checkpoint): `_position` is handed
    out while it is computed.
    """
    text = F.col("raw").cast("string")
    ids = [F.col("file_id").alias("_file_id"), F.col("row_hash").alias("_row_hash")]
    if layout is not None and layout.startswith("{"):
        parsed = stored.select(*ids, F.from_json(text, layout).alias("_row")).select("_file_id", "_row_hash", "_row.*")
        whole = [F.col(f"`{name}`") for name in parsed.columns[len(ids) :]]
    else:
        parsed = stored.select(*ids, text.alias("line"))
        whole = [F.col("line")]
    return parsed.select(
        *whole,
        "_file_id",
        F.lit(None).cast("string").alias("_header"),  # headers were never quarantined
        "_row_hash",
        F.hash(*whole).alias("_row_check"),
        F.monotonically_increasing_id().alias("_position"),
    )


def belong(events: DataFrame, batch_of_file: Sequence[tuple[str, str]]) -> DataFrame:
    """The rebuilt rows under the batch that brought their file; pairs of file id and batch id."""
    pairs = local_frame(events.sparkSession, batch_of_file, "file_id string, _batch_id string")
    columns = [F.col("_batch_id").alias(name) if name == "batch_id" else F.col(name) for name in events.columns]
    return events.join(F.broadcast(pairs), on="file_id", how="inner").select(*columns)
