"""Estimators that training cannot use are refused by name before anything is fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyspark.ml.classification import GBTClassifier, LinearSVC, NaiveBayes, OneVsRest, RandomForestClassifier
from pyspark.ml.classification import LogisticRegression as SparkLogistic
from pyspark.ml.clustering import LDA, KMeans
from pyspark.sql import SparkSession
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from segmentation.errors import InputProblem
from segmentation.models import catalogue
from segmentation.models.catalogue import CLUSTER, COMPONENTS, LABEL, ModelEntry, Task, build_estimator
from segmentation.models.preparation import SCALED
from segmentation.models.support import check_models
from segmentation.settings import ModelSettings
from tests.models import planted

CLUSTERS: dict[str, Any] = {"featuresCol": COMPONENTS, "predictionCol": CLUSTER}
CLASSES: dict[str, Any] = {"featuresCol": SCALED, "labelCol": LABEL}
NOTHING = ModelSettings(params={}, grid={})


@pytest.fixture
def check(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Checks one more entry, called `mine`."""

    def checked(task: Task, build: Callable[[Any, int], Any], settings: ModelSettings = NOTHING) -> None:
        monkeypatch.setattr(catalogue, "MODELS", (ModelEntry("mine", task, "Mine.", build),))
        check_models(["mine"], task, {"mine": settings})

    return checked


def test_every_entry_of_the_catalogue_is_supported(spark: SparkSession) -> None:
    for task in ("segments", "industry"):
        check_models([entry.name for entry in catalogue.MODELS if entry.task == task], task, planted.MODELS)  # type: ignore[arg-type]


def test_models_of_other_kinds_are_supported(check: Callable[..., None]) -> None:
    check("segments", lambda params, groups: MiniBatchKMeans(groups))
    check("industry", lambda params, groups: RandomForestClassifier(**CLASSES))


@pytest.mark.parametrize(
    ("task", "build", "message"),
    [
        ("segments", lambda params, k: KMeans(k=k, distanceMeasure="cosine", **CLUSTERS), "distanceMeasure cosine is"),
        ("segments", lambda params, k: LDA(k=k), "LDA is not supported for segments; take Spark ML's KMeans"),
        ("segments", lambda params, k: PCA(k), "scikit-learn's PCA is not supported for segments"),
        ("segments", lambda params, k: KMeans(k=k), "its featuresCol is 'features' and has to be 'components_vector'"),
        ("industry", lambda params, k: LogisticRegression(), "scikit-learn's LogisticRegression is not supported for"),
        ("industry", lambda params, k: NaiveBayes(**CLASSES), "NaiveBayes is not supported for industries"),
        (
            "industry",
            lambda params, k: OneVsRest(classifier=LinearSVC(**CLASSES), **CLASSES),
            "OneVsRest of LinearSVC is not supported",
        ),
        ("industry", lambda params, k: GBTClassifier(**CLASSES), "GBTClassifier tells two industries apart"),
        ("industry", lambda params, k: SparkLogistic(labelCol=LABEL), "its featuresCol is 'features'"),
    ],
)
def test_what_training_cannot_use_is_refused_in_one_line(
    check: Callable[..., None], task: Task, build: Callable[[Any, int], Any], message: str
) -> None:
    with pytest.raises(InputProblem, match=f"^model mine: .*{message}") as problem:
        check(task, build)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("name", "task", "settings", "message"),
    [
        ("kmeans", "segments", {"params": {}, "grid": {"maxIter": [5, 9]}},
         "models.kmeans.grid: of segments only their number is searched; give maxIter one value"),
        ("kmeans", "segments", {"params": {"k": 3}, "grid": {}}, "models.kmeans.params: .*'k'"),
        ("kmeans", "segments", {"params": {"maxIter": "many"}, "grid": {}}, "models.kmeans.params: .*maxIter"),
        ("gbt", "industry", {"params": {}, "grid": {"maxDepth": [2.5]}}, "maxDepth cannot be 2.5"),
        ("gbt", "industry", {"params": {"maxDepth": 40}, "grid": {}}, "models.gbt: .*maxDepth.* 40"),
        ("lasso", "industry", {"params": {}, "grid": {"regParam": [0.1, -0.1]}}, "models.lasso: .*regParam.* -0.1"),
        ("hdbscan", "segments", {"params": {"min_cluster_size": 0}, "grid": {}}, "models.hdbscan: .*min_cluster_size"),
        ("hdbscan", "segments", {"params": {"metric": "euclidian"}, "grid": {}}, "models.hdbscan: .*metric"),
    ],
)  # fmt: skip
def test_wrong_numbers_are_refused_in_one_line(
    spark: SparkSession, name: str, task: Task, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputProblem, match=message):
        check_models([name], task, {name: ModelSettings.model_validate(settings)})


def test_whatever_draws_at_random_has_the_seed_of_the_settings(spark: SparkSession) -> None:
    mini = ModelEntry("mini", "segments", "", lambda params, groups: MiniBatchKMeans(groups, **params))
    assert build_estimator(mini, {"mini": NOTHING}, 3, seed=42).random_state == 42
    known = {entry.name: entry for entry in catalogue.MODELS}
    assert build_estimator(known["kmeans"], planted.MODELS, 3, seed=42).getSeed() == 42
    trees = build_estimator(known["gbt"], planted.MODELS, 3, seed=42)
    assert trees.getClassifier().getSeed() == 42
    xgboost = build_estimator(known["xgboost"], planted.MODELS, 3, seed=42)
    assert xgboost.getOrDefault("random_state") == 42
