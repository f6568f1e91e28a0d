from __future__ import annotations

import pytest
from pyspark.ml.classification import GBTClassifier, OneVsRest
from pyspark.sql import SparkSession

from segmentation.models.catalogue import MODELS, build_estimator, find_model, grid_points, param_map
from segmentation.settings import ModelSettings
from tests.models import planted


def test_a_misspelt_model_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(ValueError, match="no model called kmean for segments: did you mean 'kmeans'"):
        find_model("kmean", "segments")


def test_a_model_of_the_other_task_is_not_found() -> None:
    with pytest.raises(
        ValueError, match="no model called lasso for segments: known are kmeans, gmm, bisecting, ward, hdb"
    ):
        find_model("lasso", "segments")


def test_every_entry_builds_with_the_numbers_of_base_yml_form(spark: SparkSession) -> None:
    for entry in MODELS:
        assert build_estimator(entry, planted.MODELS, 3, seed=1) is not None


def test_a_parameter_that_spark_does_not_know_is_named(spark: SparkSession) -> None:
    wrong = {"lasso": ModelSettings(params={"maxIters": 3}, grid={})}
    with pytest.raises(ValueError, match="model lasso has no parameter maxIters: did you mean 'maxIter'"):
        build_estimator(find_model("lasso", "industry"), wrong, 3, seed=1)


def test_a_parameter_that_scikit_learn_does_not_know_is_named() -> None:
    wrong = {"hdbscan": ModelSettings(params={"min_clustersize": 3}, grid={})}
    with pytest.raises(ValueError, match="parameter min_clustersize: did you mean 'min_cluster_size'"):
        build_estimator(find_model("hdbscan", "segments"), wrong, 3, seed=1)


def test_trees_are_one_against_the_rest_only_beyond_two_industries(spark: SparkSession) -> None:
    gbt = find_model("gbt", "industry")
    assert isinstance(build_estimator(gbt, planted.MODELS, 2, seed=1), GBTClassifier)
    assert isinstance(build_estimator(gbt, planted.MODELS, 3, seed=1), OneVsRest)


def test_a_grid_reaches_the_classifier_inside_one_against_the_rest(spark: SparkSession) -> None:
    estimator = build_estimator(find_model("gbt", "industry"), planted.MODELS, 3, seed=1)
    [point] = grid_points(estimator, planted.MODELS["gbt"])
    tuned = estimator.copy(param_map(estimator, point))
    assert point == {"maxDepth": 2}
    assert tuned.getClassifier().getMaxDepth() == 2  # type: ignore[attr-defined]
