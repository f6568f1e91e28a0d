"""Which raw rows are copies of another, found on hashes alone: whole rows through a shuffle would double the time.

However the same files are split into batches, the same rows come out: of equal rows exactly one is unmarked, whether
its copies stand in the same batch or are stored already.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.checkpoint import settled_for_join
from segmentation.column_names import quoted
from segmentation.events.revisions import SUPERSEDED
from segmentation.schemas import KEPT

DUPLICATE = "duplicate"
REPEATED_HEADER = "repeated_header"
#: what `mark_copies` has to know of the rows that are stored
KNOWN = ("row_hash", "disposition", "rule")
#: what makes two rows equal, and whose header they are (0 for all other rows)
_AT = ("_row_hash", "_row_check", "_header_of")


def mark_copies(
    groups: Sequence[DataFrame], known: DataFrame | None, drop: bool, partitions: int | None = None
) -> list[DataFrame]:
    """The identified rows of each group without each file's header line, with three booleans.

    Groups are rows of other columns or types than the others', and a row may have its copy in another group.

    `_duplicate`: an equal row comes first in the batch (by `_position`), or is stored as kept or superseded.
    `_copy_of_undecided`: an equal row is stored, but another rule took it out: nothing but a flag, since that rule
    decides here too, and where it was mended since, the first copy is to be kept.
    `_repeated_header`: the header of the row's own file once more. Headers are no copies of other files' headers.

    `known` holds the columns `KNOWN` of the rows of `events` stored by earlier batches. With `drop`
    false only headers are looked for, since some logs hold rows that are rightly equal. `partitions` is how many the
    hashes are dealt to, None for as many as Spark's settings say: nearly every hash is a group of its own, so what a
    task cannot hold in memory it sorts through files.
    """
    if not drop and not any(_is_text(rows) for rows in groups):
        no = F.lit(False)
        marks = (no.alias("_duplicate"), no.alias("_copy_of_undecided"), no.alias("_repeated_header"))
        return [rows.select("*", *marks) for rows in groups]
    told = settled_for_join(suspects(groups, known, drop, partitions))
    return [_marked(_with_header(rows), told) for rows in groups]


def _is_text(rows: DataFrame) -> bool:
    return "line" in rows.columns


def _with_header(rows: DataFrame) -> DataFrame:
    is_header = F.coalesce(F.col("line") == F.col("_header"), F.lit(False)) if _is_text(rows) else F.lit(False)
    return rows.select("*", F.when(is_header, F.xxhash64("_file_id")).otherwise(F.lit(0)).alias("_header_of"))


def _narrow(rows: DataFrame, drop: bool) -> DataFrame:
    """What is needed to find copies among these rows; without `drop`, to find headers."""
    placed = _with_header(rows)
    return (placed if drop else placed.where(F.col("_header_of") != 0)).select(*_AT, "_position")


def _marked(placed: DataFrame, suspects: DataFrame) -> DataFrame:
    joined = placed.join(suspects, on=list(_AT), how="left")
    header = F.col("_header_of") != 0
    later = F.coalesce(F.col("_position") != F.col("_first"), F.lit(False))
    return joined.where(~header | later).select(
        *(F.col(quoted(name)) for name in placed.columns if name != "_header_of"),
        (~header & (later | _holds("_stays"))).alias("_duplicate"),
        (~header & _holds("_taken_out")).alias("_copy_of_undecided"),
        header.alias("_repeated_header"),
    )


def suspects(
    groups: Sequence[DataFrame], known: DataFrame | None, drop: bool, partitions: int | None = None
) -> DataFrame:
    """One row per repeated row and per file's header: what makes rows equal, `_first`, `_stays`, `_taken_out`.

    The arguments are those of `mark_copies`.
    """
    header, narrow = F.col("_header_of") != 0, reduce(DataFrame.union, (_narrow(rows, drop) for rows in groups))
    dealt = narrow.repartition(partitions, "_row_hash") if partitions else narrow
    equal = dealt.groupBy(*_AT).agg(F.count(F.lit(1)).alias("_copies"), F.min("_position").alias("_first"))
    if known is not None and drop:
        equal = equal.join(_stored(known, dealt), on="_row_hash", how="left")
    else:
        nothing = F.lit(None).cast("boolean")
        equal = equal.select("*", nothing.alias("_stays"), nothing.alias("_taken_out"))
    return equal.where((F.col("_copies") > 1) | header | F.col("_stays").isNotNull()).drop("_copies")


def _stored(known: DataFrame, arrived: DataFrame) -> DataFrame:
    """One row per `_row_hash` that is stored and has arrived: whether a row of it stays (or has been overtaken).

    `_taken_out` is the contrary. Grouping all that is stored would cost as much as the rest of a month's ingest.
    """
    stays = (F.col("disposition") == KEPT) | F.coalesce(F.col("rule") == SUPERSEDED, F.lit(False))
    # a repeated header is one in its own file only; elsewhere the same line is a row
    rows = known.where(F.coalesce(F.col("rule") != REPEATED_HEADER, F.lit(True)))
    # texts are left behind: whatever is stored goes through the shuffle of the join
    told = rows.select("row_hash", stays.alias("_stays"))
    again = told.join(arrived, on=F.col("row_hash") == F.col("_row_hash"), how="left_semi")
    return (
        again.groupBy(F.col("row_hash").alias("_row_hash"))
        .agg(F.bool_or("_stays").alias("_stays"))
        .select("*", (~F.col("_stays")).alias("_taken_out"))
    )


def _holds(name: str) -> Column:
    return F.coalesce(F.col(name), F.lit(False))
