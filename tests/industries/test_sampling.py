from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from segmentation.industries.sampling import sampled

pytestmark = pytest.mark.spark
NAMES = [f"a{n}" for n in range(40)]


def test_of_many_accounts_the_same_are_taken_whatever_their_order(spark: SparkSession) -> None:
    forward = spark.createDataFrame([(name, 1) for name in NAMES], "account_id string, kept int").repartition(3)
    backward = spark.createDataFrame([(name, 1) for name in reversed(NAMES)], forward.schema).coalesce(1)
    one, other = ([row.asDict() for row in sampled(frame, 7).collect()] for frame in (forward, backward))
    assert one == other
    assert len({row["account_id"] for row in one}) == 7
    assert [row["account_id"] for row in one] != sorted(NAMES)[:7]


def test_of_few_accounts_all_are_taken(spark: SparkSession) -> None:
    assert {
        row.account_id
        for row in sampled(spark.createDataFrame([(name,) for name in NAMES], "account_id string")).collect()
    } == {*NAMES}
