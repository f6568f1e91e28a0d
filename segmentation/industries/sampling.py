"""The accounts that the driver looks at where it holds some hundred numbers of each."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

#: so many at most
SAMPLED = 20_000


def sampled(accounts: DataFrame, at_most: int = SAMPLED) -> DataFrame:
    """The rows of `accounts`, one per account_id, or `at_most` of them, by hash: the same each time."""
    return accounts.orderBy(F.xxhash64("account_id"), "account_id").limit(at_most)
