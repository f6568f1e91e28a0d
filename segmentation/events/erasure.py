"""What an account leaves behind when it is erased: rows that are counted and say nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.schemas import DROPPED

ERASED = "erased"
#: what is left of an erased row: enough for the balance of its file and month
_LEFT = ("event_month", "batch_id", "file_id")


def speaks_of(texts: Sequence[str]) -> Column:
    """Whether the original bytes of a row hold one of the texts as a word of its own; false where there are none.

    Unreadable lines have no columns to look into, so the bytes have to tell.
    """
    words = "|".join(re.escape(text) for text in texts)
    return F.coalesce(
        F.col("raw").cast("string").rlike(rf"(?<![\p{{L}}\p{{N}}])(?:{words})(?![\p{{L}}\p{{N}}])"), F.lit(False)
    )


def belongs_to(account_id: str, token_keys: Sequence[int]) -> Column:
    """Whether a row of `events` is of the account, by its own column or by one of the account's tokens."""
    own = F.coalesce(F.col("account_id") == F.lit(account_id), F.lit(False))
    return own | F.coalesce(F.col("token_key").isin(list(token_keys)), F.lit(False)) if token_keys else own


def erase(events: DataFrame, mark: str) -> DataFrame:
    """The rows with those marked (a boolean column, which goes) emptied and `dropped: erased`."""
    new = {"disposition": F.lit(DROPPED), "rule": F.lit(ERASED)}
    nothing = F.lit(None)
    kept = [name for name in events.columns if name != mark]
    return events.select(
        *(
            F.col(name)
            if name in _LEFT
            else F.when(F.col(mark), new.get(name, nothing)).otherwise(F.col(name)).alias(name)
            for name in kept
        )
    )
