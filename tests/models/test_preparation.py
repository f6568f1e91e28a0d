from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.models.preparation import NUMBERS, SCALED, fit_preparation, prepare, selected_names, whole_model
from tests.models.planted import AS_OF, feature

FEATURES = [feature("rows", heavy_tailed=True), feature("odd-name"), feature("same"), feature("os", fill="Other")]


def basetable(**columns: list[object]) -> pd.DataFrame:
    rows: dict[str, object] = {
        "as_of": AS_OF,
        "account_id": ["b", "a", "c"],
        "rows": [0.0, 9.0, -9.0],
        "odd-name": [1.0, 2.0, 3.0],
        "same": [7.0, 7.0, 7.0],
        "os": ["Mac", "Mac", "Windows"],
    }
    return pd.DataFrame(rows | columns)


def test_heavy_tails_become_logs_that_keep_their_sign(spark: SparkSession) -> None:
    prepared = prepare(spark.createDataFrame(basetable()), FEATURES, {})
    rows = prepared.frame.select("account_id", NUMBERS).collect()
    assert [row["account_id"] for row in rows] == ["a", "b", "c"]
    assert [round(row[NUMBERS][0], 6) for row in rows] == [2.302585, 0.0, -2.302585]
    assert prepared.accounts == 3


def test_constant_features_are_dropped_and_categories_are_named(spark: SparkSession) -> None:
    prepared = prepare(spark.createDataFrame(basetable()), FEATURES, {})
    fitted = fit_preparation(prepared)
    assert selected_names(prepared, fitted) == ["rows", "odd-name", "os = Mac", "os = Windows"]
    scaled = np.array([row[SCALED].toArray() for row in fitted.transform(prepared.frame).collect()])
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0, ddof=1), 1.0)


def test_a_small_rate_that_varies_is_kept(spark: SparkSession) -> None:
    frame = spark.createDataFrame(basetable(rate=[0.0005, 0.0015, 0.0015]))
    prepared = prepare(frame, [feature("rate"), feature("same")], {})
    assert selected_names(prepared, fit_preparation(prepared)) == ["rate"]


def test_the_whole_model_takes_raw_columns_and_an_unseen_category(spark: SparkSession) -> None:
    prepared = prepare(spark.createDataFrame(basetable()), FEATURES, {})
    model = whole_model(prepared, fit_preparation(prepared).stages)
    unseen = spark.createDataFrame(basetable(os=["Mac", "Amiga", "Windows"]))
    rows = {row["account_id"]: row[SCALED].toArray() for row in model.transform(unseen).collect()}
    assert rows["a"][2] < rows["b"][2]  # neither Mac ...
    assert rows["a"][3] < rows["c"][3]  # ... nor Windows


def test_zero_inflated_features_say_whether_they_are_zero(spark: SparkSession) -> None:
    frame = basetable(rows=[0.0, 0.0, 5.0], same=[0.0, 0.0, 0.0])  # always zero is not inflated, but constant
    prepared = prepare(spark.createDataFrame(frame), FEATURES, {}, log1p=False, zero_flags=True)
    rows = {row["account_id"]: row[NUMBERS].toArray().tolist() for row in prepared.frame.collect()}
    assert prepared.flagged == ("rows",)
    assert rows == {"b": [0.0, 1.0, 0.0, 1.0], "a": [0.0, 2.0, 0.0, 1.0], "c": [5.0, 3.0, 0.0, 0.0]}
    fitted = fit_preparation(prepared)
    assert selected_names(prepared, fitted) == ["rows", "odd-name", "rows = 0", "os = Mac", "os = Windows"]
    scored = whole_model(prepared, fitted.stages).transform(spark.createDataFrame(frame))
    assert len(scored.first()[SCALED]) == 5  # type: ignore[index]


def test_robust_scaling_does_not_care_how_far_away_an_outlier_is(spark: SparkSession) -> None:
    frame = pd.DataFrame({"as_of": AS_OF, "account_id": list("abcde"), "x": [1.0, 2.0, 3.0, 4.0, 1000.0]})
    prepared = prepare(spark.createDataFrame(frame), [feature("x")], {})
    fitted = fit_preparation(prepared, "robust")
    scaled = [row[SCALED][0] for row in fitted.transform(prepared.frame).collect()]
    assert scaled == [-1.0, -0.5, 0.0, 0.5, 498.5]  # less the median 3, by the quartiles 2 and 4


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rows": [1.0, float("nan"), 2.0]}, r"missing, NaN or infinite values in 1 feature\(s\): rows"),
        (
            {"odd-name": [1.0, None, 2.0]},
            r"infinite values in 1 feature\(s\): odd-name; `segmentation basetable --as-of 2026-01-01` fills",
        ),
        ({"rows": [1.0, float("inf"), 2.0]}, r"infinite values in 1 feature\(s\): rows"),
        ({"as_of": [AS_OF, AS_OF, dt.date(2025, 1, 1)]}, "one as_of at a time, not 2: 2025-01-01, 2026-01-01"),
        ({"same": ["x", "y", "z"]}, "should be numbers and are not: same"),
    ],
)
def test_what_no_model_may_see_is_refused(spark: SparkSession, columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prepare(spark.createDataFrame(basetable(**columns)), FEATURES, {})


def test_a_feature_that_the_basetable_lacks_is_named(spark: SparkSession) -> None:
    frame = spark.createDataFrame(basetable()).drop("same")
    with pytest.raises(ValueError, match=r"the basetable lacks 1 feature\(s\): same"):
        prepare(frame, FEATURES, {})


def test_no_rows_and_no_variation_are_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame(basetable())
    with pytest.raises(ValueError, match="no rows"):
        prepare(frame.where(F.lit(False)), FEATURES, {})
    with pytest.raises(ValueError, match=r"none of the 1 numeric feature\(s\) varies over 3 account"):
        prepare(frame, [feature("same")], {})
