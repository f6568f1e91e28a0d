"""Which months of the cube no longer hold what was kept of the logs, and what it takes to mend them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.events.erasure import ERASED
from segmentation.events.revisions import SUPERSEDED
from segmentation.schemas import ACTIVITY_FILES, KEPT

_KEY = ACTIVITY_FILES.unique_by


@dataclass(frozen=True)
class Stale:
    """Months to compute from all their rows, and months that only have to be joined by the rows of `arrived`."""

    again: tuple[dt.date, ...]
    grown: tuple[dt.date, ...]
    #: (month, batch_id, file_id) of what a grown month lacks
    arrived: tuple[tuple[dt.date, str, str], ...]

    @property
    def months(self) -> tuple[dt.date, ...]:
        """All of them, in order."""
        return tuple(sorted((*self.again, *self.grown)))


def kept_rows(balance: DataFrame) -> DataFrame:
    """ACTIVITY_FILES as it should be: per month, batch and file how many rows are kept, how many are so no longer.

    Rows are kept no longer once others have overtaken them or they were erased, and that never turns back. So whatever
    changes the kept rows of a month (late files, corrections, a replay, an erasure) changes one of the two counts, even
    where a replay brings as many rows as an erasure takes: the few counts tell what a second scan would.
    """
    kept = F.col("disposition") == KEPT
    counting = balance.where((kept | F.col("rule").isin(SUPERSEDED, ERASED)) & F.col("event_month").isNotNull())
    return (
        counting.groupBy(*_KEY)
        .agg(
            F.coalesce(F.sum(F.when(kept, F.col("rows"))), F.lit(0).cast("long")).alias("rows"),
            F.coalesce(F.sum(F.when(~kept, F.col("rows"))), F.lit(0).cast("long")).alias("overtaken"),
        )
        .select(*ACTIVITY_FILES.columns.names)
    )


def stale_months(kept: DataFrame, computed: DataFrame) -> Stale:
    """What differs between what is kept and what the cube was computed from; both as ACTIVITY_FILES.

    Where all that a month holds is still as it was, and other files brought rows besides, those are added to it: the
    cube is additive. Where anything has changed or gone, or nothing was there, the month is computed from all its
    rows. A change of the categories themselves moves no row and is not seen here.
    """
    before = computed.select(*_KEY, F.struct("rows", "overtaken").alias("_before"))
    after = kept.select(*_KEY, F.struct("rows", "overtaken").alias("_after"))
    both = after.join(before, on=list(_KEY), how="full")
    known, differs = F.col("_before").isNotNull(), ~F.col("_after").eqNullSafe(F.col("_before"))
    months = both.groupBy("event_month").agg(
        F.bool_or(known & differs).alias("changed"),
        F.bool_or(known).alias("known"),
        F.array_sort(F.collect_list(F.when(~known, F.struct("batch_id", "file_id")))).alias("arrived"),
    )
    stale = months.where(F.col("changed") | (F.size("arrived") > 0)).orderBy("event_month").collect()
    grown = [row for row in stale if row["known"] and not row["changed"]]
    return Stale(
        again=tuple(row["event_month"] for row in stale if row["changed"] or not row["known"]),
        grown=tuple(row["event_month"] for row in grown),
        arrived=tuple((row["event_month"], *file) for row in grown for file in row["arrived"]),
    )
