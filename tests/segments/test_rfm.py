from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from segmentation.schemas import ACCOUNT_RFM
from segmentation.segments.rfm import account_rfm
from segmentation.table import check
from tests.models.planted import AS_OF


def scored(spark: SparkSession, rows: Sequence[tuple[float, float, float]], partitions: int = 1) -> pd.DataFrame:
    """RFM of accounts a00, a01, ... from days since the last row, active days and rows."""
    frame = spark.createDataFrame(
        [(AS_OF, f"a{place:02d}", *map(float, row)) for place, row in enumerate(rows)],
        "as_of date, account_id string, all_days_since_last double, all_active_days_year double, all_rows_year double",
    )
    found = check(account_rfm(frame.repartition(partitions)), ACCOUNT_RFM).toPandas()
    return found.sort_values("account_id", ignore_index=True)


@pytest.fixture(scope="module")
def ten(spark: SparkSession) -> pd.DataFrame:
    """Six accounts of yesterday, then ever longer silent ones; use falls from the first account to the last."""
    silent = [1, 1, 1, 1, 1, 1, 20, 45, 90, 400]
    return scored(spark, [(days, 100 - 10 * place, 1000 - 100 * place) for place, days in enumerate(silent)])


def test_scores_are_fifths_and_equal_values_have_equal_scores(ten: pd.DataFrame) -> None:
    assert ten["frequency"].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    assert ten["volume"].tolist() == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]
    # six share the places 5 to 10, whose middle, 7 of 10, lies in the fourth fifth
    assert ten["recency"].tolist() == [4, 4, 4, 4, 4, 4, 2, 2, 1, 1]
    assert ten["label"].tolist()[0] == "active and heavy"
    assert ten["label"].tolist()[-1] == "quiet and light"


def test_labels_follow_from_scores_and_silence(spark: SparkSession) -> None:
    rows = [(1, 5, 5), (2, 30, 30), (3, 70, 70), (40, 80, 80), (300, 0, 0)]
    assert scored(spark, rows)["label"].tolist() == [
        "active and light", "active and moderate", "regular and heavy", "fading", "gone",
    ]  # fmt: skip
    recent = [(1, 5, 5), (2, 30, 30), (3, 70, 70), (4, 80, 80), (5, 10, 10)]
    # four and five days are no sign of fading, nor of being quiet
    assert scored(spark, recent)["label"].tolist()[3:] == ["regular and heavy", "regular and light"]


def test_who_is_silent_is_told_by_days_before_the_last_of_the_logs_however_long_others_have_been(
    spark: SparkSession,
) -> None:
    others = [(1, 5, 5), (200, 40, 40), (200, 30, 30), (300, 20, 20)]
    found = scored(spark, [(61, 90, 90), *others])
    assert found["recency"].tolist() == [4, 5, 3, 3, 1]
    assert found["label"].tolist() == ["fading", "active and light", "fading", "fading", "quiet and light"]
    later = [(days + 31, *use) for days, *use in ((61, 90, 90), *others)]  # nobody is seen in a month without logs
    assert scored(spark, later)["label"].tolist() == found["label"].tolist()
    assert scored(spark, [(30, 90, 90), *others])["label"].tolist()[0] == "active and heavy"
    assert scored(spark, [(31, 90, 90), *others])["label"].tolist()[0] == "fading"


def test_order_and_partitions_change_nothing_and_equals_stand_in_the_middle(spark: SparkSession) -> None:
    alike = scored(spark, [(3, 4, 5)] * 7, partitions=3)
    assert alike[["recency", "frequency", "volume"]].to_numpy().tolist() == [[3, 3, 3]] * 7


def test_a_basetable_without_a_measure_is_refused(spark: SparkSession) -> None:
    with pytest.raises(ValueError, match="lacks all_rows_year, by which use is scored"):
        account_rfm(spark.createDataFrame([(AS_OF, "a", 1.0, 1.0)], "as_of date, account_id string, "
                                          "all_days_since_last double, all_active_days_year double"))  # fmt: skip
