"""Which of an event's versions stays, where a source says what identifies an event.

Logs deliver an event again: corrected, completed, or simply a second time with another line around it. One row per
event id stays, the same one in whatever order and batches the versions arrive.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.checkpoint import settled_for_join
from segmentation.schemas import DROPPED, KEPT
from segmentation.settings import SourceSettings

SUPERSEDED = "superseded"
#: what `supersede` has to know of the kept rows that are stored
VERSION = ("event_id_hash", "revision", "event_ts", "row_hash")


def identity_columns(parsed: DataFrame, source: SourceSettings) -> dict[str, Column]:
    """`event_id_hash` and `revision` over the log's columns, and whether either is missing or unreadable.

    A revision is a whole number; of a number with a fraction, text as well, the whole part counts. A time counts in
    microseconds; of text none is read.
    """
    no, none = F.lit(False), F.lit(None).cast("bigint")
    columns = {"event_id_hash": none, "_missing_event_id": no, "revision": none, "_bad_revision": no}
    if source.event_id is not None:
        event_id = F.nullif(F.trim(F.expr(source.event_id).cast("string")), F.lit(""))
        columns["event_id_hash"] = F.when(event_id.isNotNull(), F.xxhash64(F.lit(source.name), event_id))
        columns["_missing_event_id"] = event_id.isNull()
    if source.revision is not None:
        given = F.expr(source.revision)
        kind = parsed.select(given).schema[0].dataType
        if isinstance(kind, T.StringType):
            given = F.nullif(F.trim(given), F.lit(""))
        if isinstance(kind, (T.TimestampType, T.TimestampNTZType, T.DateType)):
            columns["revision"] = F.unix_micros(given.cast("timestamp"))
        else:
            # of text Spark takes whole numbers alone
            of_fraction = F.floor(given.try_cast("decimal(38, 9)")).try_cast("bigint")
            columns["revision"] = F.coalesce(given.try_cast("bigint"), of_fraction)
        columns["_bad_revision"] = given.isNotNull() & columns["revision"].isNull()
    return columns


def supersede(decided: DataFrame, stored: DataFrame | None) -> tuple[DataFrame, DataFrame | None]:
    """The batch with overtaken versions dropped as `superseded`, and the stored events that the batch overtakes.

    `decided` are rows of `events`, copies already dropped; `stored` the columns `VERSION` of the kept rows of earlier
    batches, None when there are none. Of an event's kept rows the greatest by revision (null is the lowest), time and
    row hash stays. The second frame has one row per overtaken event, `event_id_hash`: its stored kept row is to become
    dropped and superseded in the commit that appends the batch. It is None when `stored` is.
    """
    candidates = decided.where((F.col("disposition") == KEPT) & F.col("event_id_hash").isNotNull())
    latest = candidates.groupBy("event_id_hash").agg(
        F.max(_rank()).alias("_latest"), (F.count(F.lit(1)) > 1).alias("_several")
    )
    overtaken = None
    if stored is None:
        suspects = latest.where("_several").select("event_id_hash", F.col("_latest.row_hash").alias("_winner"))
    else:
        before = stored.where(F.col("event_id_hash").isNotNull()).select("event_id_hash", _rank().alias("_stored"))
        met = latest.join(before, on="event_id_hash", how="left")
        # greatest skips a null: an event that is not stored
        winner = F.greatest("_latest", "_stored").getField("row_hash").alias("_winner")
        suspects = met.where(F.col("_several") | F.col("_stored").isNotNull()).select("event_id_hash", winner)
        overtaken = met.where(F.col("_stored") < F.col("_latest")).select("event_id_hash")
    # only two numbers per suspect event meet the rows again: no whole row goes through a shuffle
    joined = decided.join(settled_for_join(suspects), on="event_id_hash", how="left")
    loses = (F.col("disposition") == KEPT) & F.coalesce(F.col("row_hash") != F.col("_winner"), F.lit(False))
    new = {"disposition": F.lit(DROPPED), "rule": F.lit(SUPERSEDED)}
    columns = [
        F.when(loses, new[name]).otherwise(F.col(name)).alias(name) if name in new else F.col(name)
        for name in decided.columns
    ]
    return joined.select(*columns), overtaken


def _rank() -> Column:
    """Compared from left to right; within a struct a null is lower than anything else."""
    return F.struct("revision", "event_ts", "row_hash")
