"""Frames computed once and cut off from their plan: the one place that decides where their rows are kept."""

from __future__ import annotations

import re

from pyspark import StorageLevel
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

#: how Databricks' serverless compute says that it keeps no frames, and that it does not show a setting
_KEEPS_NOTHING = re.compile(r"NOT_SUPPORTED_WITH_SERVERLESS|CONFIG_NOT_AVAILABLE")
#: rows of a few numbers that every task may hold: some 300 MB of its memory, and of the driver's
FEW = 2_000_000


def settled(frame: DataFrame) -> DataFrame:
    """The same rows in the same partitions and order, computed now and once, with nothing behind them to plan again.

    The rows are kept by the executors. What an executor kept is gone with it, and without a plan it cannot be computed
    again; so on a cluster each partition is kept by two of them. Where both are lost, Spark says
    CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND, and the job begins again (`runtime`). Serverless compute keeps nothing and tells
    nobody its master: there the frame stays as it is and is computed whenever it is asked for, slower, to equal rows.
    """
    try:
        if str(frame.sparkSession.conf.get("spark.master", "local")).startswith("local"):
            return frame.localCheckpoint()
        return frame.localCheckpoint(storageLevel=StorageLevel.MEMORY_AND_DISK_2)
    except PySparkException as error:
        if _KEEPS_NOTHING.search(str(error)):
            return frame
        raise


def settled_for_join(narrow: DataFrame) -> DataFrame:
    """The rows, settled, as the side of a join that goes to every task while there are few of them.

    Before they are there Spark guesses, and as a rule so high that the other side, whole rows, goes through a shuffle.
    """
    kept = settled(narrow)
    return kept if kept is narrow or kept.count() > FEW else F.broadcast(kept)
