"""Split and fold of an account: by hash of its id, in equal shares within every label."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

TRAIN, TEST = "train", "test"


def assign_folds(frame: DataFrame, folds: int, test_share: float, seed: int) -> DataFrame:
    """The frame (one row per account, with account_id and industry) and its columns split and fold.

    Within a label (none being one too) the order of xxhash64(account_id, seed) decides: the first `test_share` of it
    is `test`, the rest is dealt to folds 0 .. folds - 1 in turn. The result depends on the accounts alone, not on
    the order or partitioning of rows; `randomSplit` would depend on both. Another set of accounts may move some.
    """
    in_order = Window.partitionBy("industry").orderBy(F.xxhash64("account_id", F.lit(seed)), F.col("account_id"))
    whole = Window.partitionBy("industry").rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    place = F.row_number().over(in_order) - 1
    tested = F.round(F.count(F.lit(1)).over(whole) * F.lit(test_share))
    # each label begins at another fold, or all small labels would land in the first ones
    start = F.xxhash64(F.coalesce("industry", F.lit("")), F.lit(seed))
    return frame.select(
        "*",
        F.when(place < tested, F.lit(TEST)).otherwise(F.lit(TRAIN)).alias("split"),
        F.pmod(place + F.pmod(start, F.lit(folds)), F.lit(folds)).cast("int").alias("fold"),
    )
