"""Folds depend on the accounts alone, and every label is dealt evenly."""

from __future__ import annotations

from collections import Counter

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.basetable.folds import assign_folds

SIZES = {"Print": 50, "Sign": 10, "Label": 3, None: 40}


def make_accounts(spark: SparkSession) -> DataFrame:
    rows = [(f"{industry}-{number}", industry) for industry, size in SIZES.items() for number in range(size)]
    return spark.createDataFrame(rows, "account_id string, industry string")


def assigned(frame: DataFrame, seed: int = 11) -> dict[str, tuple[str | None, str, int]]:
    rows = assign_folds(frame, folds=5, test_share=0.2, seed=seed).collect()
    return {row.account_id: (row.industry, row.split, row.fold) for row in rows}


def test_partitions_and_order_of_rows_change_nothing(spark: SparkSession) -> None:
    frame = make_accounts(spark)
    shuffled = frame.repartition(7).orderBy(F.desc("account_id"))
    assert assigned(frame) == assigned(shuffled)


def test_split_and_folds_are_even_within_every_label(spark: SparkSession) -> None:
    rows = assigned(make_accounts(spark)).values()
    tested = Counter(industry for industry, split, _ in rows if split == "test")
    assert tested == {"Print": 10, "Sign": 2, "Label": 1, None: 8}
    train = Counter((industry, fold) for industry, split, fold in rows if split == "train")
    for industry, size in SIZES.items():
        sizes = [train[industry, fold] for fold in range(5)]
        assert sum(sizes) == size - tested[industry]
        assert max(sizes) - min(sizes) <= 1


def test_another_seed_is_another_split(spark: SparkSession) -> None:
    frame = make_accounts(spark)
    assert assigned(frame) != assigned(frame, seed=12)
