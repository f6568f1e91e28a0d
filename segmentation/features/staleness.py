"""Which months of the cube no longer hold what was kept of the logs."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.events.revisions import SUPERSEDED
from segmentation.schemas import ACTIVITY_MONTHS, KEPT


def kept_months(balance: DataFrame) -> DataFrame:
    """ACTIVITY_MONTHS as it should be: per month the kept rows of `row_balance`, and a hash of the files they are from.

    Whatever changes the kept rows of a month (late files, corrections, a replay, an erasure) changes how many of them
    some file brought, or how many of its rows others have overtaken; so the few counts tell what a second scan would.
    """
    kept = F.col("disposition") == KEPT
    counting = balance.where((kept | (F.col("rule") == SUPERSEDED)) & F.col("event_month").isNotNull())
    per_file = counting.groupBy("event_month", "file_id", "disposition").agg(F.sum("rows").alias("rows"))
    months = per_file.groupBy("event_month").agg(
        F.coalesce(F.sum(F.when(kept, F.col("rows"))), F.lit(0).cast("long")).alias("rows"),
        F.bit_xor(F.xxhash64("file_id", "disposition", "rows")).alias("fingerprint"),
    )
    return months.select(*ACTIVITY_MONTHS.columns.names)


def stale_months(kept: DataFrame, computed: DataFrame) -> list[dt.date]:
    """Months, in order, that differ between what is kept and what the cube was computed from; both as ACTIVITY_MONTHS.

    Only these need to be computed again. A change of the categories themselves moves no row and is not seen here.
    """
    before = computed.select("event_month", F.struct("rows", "fingerprint").alias("_before"))
    after = kept.select("event_month", F.struct("rows", "fingerprint").alias("_after"))
    both = after.join(before, on="event_month", how="full").where(~F.col("_after").eqNullSafe(F.col("_before")))
    return sorted(row["event_month"] for row in both.select("event_month").collect())
