from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.ml.classification import LogisticRegression, RandomForestClassifier
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.industries.drivers import _booster_gains, drivers, effects
from segmentation.industries.fitting import answers
from segmentation.industries.reasons import contributions, in_words, worded
from tests.models import planted

NAMES = ["document_duration_mean", "all_rows_year", "dominant_os = Mac", "unused"]
MATRIX = np.array([[0.5, -1.0, 0.2, 0.0], [0.0, 0.0, -0.7, 0.0]])


def test_drivers_are_the_features_used_largest_first_with_how_often_they_were_selected() -> None:
    selected = np.array([[0.9, 1.0, 0.25, 0.05], [0.5, 0.0, 1.0, 0.0]])
    table = drivers(MATRIX, NAMES, ["Food", "Toys"], selected)
    assert table.to_numpy().tolist() == [
        ["Food", "all_rows_year", -1.0, 1.0],
        ["Food", "document_duration_mean", 0.5, 0.9],
        ["Food", "dominant_os = Mac", 0.2, 0.25],
        ["Toys", "dominant_os = Mac", -0.7, 1.0],
    ]
    assert drivers(MATRIX, NAMES, ["Food", "Toys"])["selected"].isna().all()


def test_reasons_are_what_speaks_for_the_first_choice_against_the_second() -> None:
    values = np.array([[2.0, 1.0, 1.5, 9.0], [2.0, -3.0, -1.0, 9.0]])
    first, second = np.array([0, 1]), np.array([1, 0])
    speaking = contributions(values, MATRIX, first, second)
    np.testing.assert_allclose(speaking, [[1.0, -1.0, 1.35, 0.0], [-1.0, -3.0, 0.9, 0.0]])
    features = [planted.feature(NAMES[0], category="Document", entry="duration_mean"), planted.feature(NAMES[1])]
    assert in_words(values, speaking, worded(NAMES, features)) == [
        ["dominant os is Mac", "high duration mean of Document"],
        ["dominant os is not Mac"],
    ]


def test_what_hardly_moves_the_odds_is_no_reason() -> None:
    assert in_words(np.array([[1.0, 1.0]]), np.array([[0.09, 0.11]]), ["a", "b"]) == [["high b"]]


def test_the_sum_of_all_contributions_is_the_difference_in_log_odds_from_the_average_account() -> None:
    values = np.array([[0.3, -0.2, 1.1, 0.4]])
    speaking = contributions(values, MATRIX, np.array([0]), np.array([1]))
    assert speaking.sum() == pytest.approx(float(values[0] @ (MATRIX[0] - MATRIX[1])))


def test_gains_of_boosted_trees_are_told_apart_by_industry() -> None:
    trees = pd.DataFrame(
        {
            "Tree": [0, 0, 1, 2, 3, 4],
            "Feature": ["f1", "Leaf", "f0", "f2", "f1", "f0"],
            "Gain": [3.0, 99.0, 2.0, 5.0, 1.0, 2.0],
        }
    )
    np.testing.assert_allclose(
        _booster_gains(trees, classes=3, places=3), [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    )
    two = _booster_gains(trees, classes=2, places=3)
    np.testing.assert_allclose(two, [[4 / 13, 4 / 13, 5 / 13]] * 2)


def test_two_industries_and_a_forest_have_effects_too(spark: SparkSession) -> None:
    values = np.array([[1.0, 0.0], [0.8, 1.0], [-1.0, 0.0], [-0.7, 1.0], [0.1, 1.0], [-0.1, 0.0]])
    rows = [(str(number), row, float(row[0] > 0)) for number, row in enumerate(values.tolist())]
    frame = spark.createDataFrame(rows, "account_id string, x array<double>, label double")
    frame = frame.select("account_id", array_to_vector("x").alias("features"), "label")
    binomial = LogisticRegression(regParam=0.1).fit(frame)
    said = answers(binomial, frame, values)
    given = binomial.transform(frame).orderBy("account_id").select(vector_to_array(F.col("probability"))).collect()
    np.testing.assert_allclose(said, [row[0] for row in given], rtol=1e-9)
    strength = binomial.coefficients[0]
    np.testing.assert_allclose(effects(binomial, 2, 2)[:, 0], [-strength / 2, strength / 2])
    forest = RandomForestClassifier(numTrees=3, seed=1).fit(frame)
    np.testing.assert_allclose(effects(forest, 2, 2), [forest.featureImportances.toArray()] * 2)
