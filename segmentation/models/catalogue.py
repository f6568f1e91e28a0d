"""The models that settings may name. Adding one: an entry here, and its numbers under `models:` in conf/base.yml."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pyspark.ml import Estimator
from pyspark.ml.classification import GBTClassifier, LogisticRegression, OneVsRest
from pyspark.ml.clustering import BisectingKMeans, GaussianMixture, KMeans
from pyspark.ml.param import Param
from sklearn.base import BaseEstimator
from sklearn.cluster import HDBSCAN, AgglomerativeClustering

from segmentation.errors import InputProblem, did_you_mean
from segmentation.models.preparation import SCALED
from segmentation.settings import ModelSettings

Task = Literal["segments", "industry"]
#: Spark ML parameters by name, as conf/base.yml gives them
Params = dict[str, Any]
#: segments are fitted on principal components; `cluster` is Spark's own numbering, before segments are ordered
COMPONENTS, CLUSTER, LABEL = "components_vector", "cluster", "label"
BINARY = 2


@dataclass(frozen=True)
class ModelEntry:
    """One model that can be asked for by name. Inert: `build` is called only once a session exists."""

    name: str
    task: Task
    #: one plain sentence for readers of the report
    meaning: str
    #: (parameters, number of segments or industries) -> the estimator: one of Spark ML, or for segments also one of
    #: scikit-learn, which is fitted on the accounts that the driver sees and not kept as a model
    build: Callable[[Params, int], Any]
    #: finds the number of segments by itself
    chooses_k: bool = False


def _kmeans(params: Params, groups: int) -> Estimator[Any]:
    return KMeans(featuresCol=COMPONENTS, predictionCol=CLUSTER, k=groups, **params)


def _gmm(params: Params, groups: int) -> Estimator[Any]:
    return GaussianMixture(featuresCol=COMPONENTS, predictionCol=CLUSTER, k=groups, **params)


def _bisecting(params: Params, groups: int) -> Estimator[Any]:
    return BisectingKMeans(featuresCol=COMPONENTS, predictionCol=CLUSTER, k=groups, **params)


def _ward(params: Params, groups: int) -> AgglomerativeClustering:
    return AgglomerativeClustering(n_clusters=groups, linkage="ward", **params)


def _hdbscan(params: Params, groups: int) -> HDBSCAN:
    return HDBSCAN(copy=True, **params)


def _lasso(params: Params, groups: int) -> Estimator[Any]:
    # Multinomial for two classes as well: every industry then has its own coefficients to read.
    return LogisticRegression(featuresCol=SCALED, labelCol=LABEL, family="multinomial", **params)


def _gbt(params: Params, groups: int) -> Estimator[Any]:
    trees = GBTClassifier(featuresCol=SCALED, labelCol=LABEL, **params)
    if groups == BINARY:
        return trees
    return OneVsRest(featuresCol=SCALED, labelCol=LABEL, classifier=trees)


def _xgboost(params: Params, groups: int) -> Estimator[Any]:
    try:
        spark = importlib.import_module("xgboost.spark")
    except ImportError as error:
        raise InputProblem(
            "model xgboost needs a package that is not installed: pip install 'segmentation[xgboost]'"
        ) from error
    # One worker: what several workers sum up depends on who is first.
    trees: Estimator[Any] = spark.SparkXGBClassifier(features_col=SCALED, label_col=LABEL, num_workers=1, **params)
    return trees


MODELS: tuple[ModelEntry, ...] = (
    ModelEntry("kmeans", "segments", "Each account joins the nearest of k centres (Lloyd 1982).", _kmeans),
    ModelEntry("gmm", "segments", "Accounts come from a mixture of k normal distributions; memberships are "
               "probabilities (Dempster et al. 1977).", _gmm),
    ModelEntry("bisecting", "segments", "Accounts are split in two again and again by k-means "
               "(Steinbach et al. 2000).", _bisecting),
    ModelEntry("ward", "segments", "The two groups whose union adds least variance are merged again and again "
               "(Ward 1963).", _ward),
    ModelEntry("hdbscan", "segments", "Segments are dense regions, what lies between them is in none "
               "(Campello et al. 2013).", _hdbscan, chooses_k=True),
    ModelEntry("lasso", "industry", "Multinomial logistic regression whose L1 penalty keeps few features "
               "(Tibshirani 1996).", _lasso),
    ModelEntry("gbt", "industry", "Gradient-boosted trees, one set per industry against the rest "
               "(Friedman 2001).", _gbt),
    ModelEntry("xgboost", "industry", "Gradient-boosted trees of XGBoost, all industries at once "
               "(Chen and Guestrin 2016).", _xgboost),
)  # fmt: skip


def find_model(name: str, task: Task) -> ModelEntry:
    """The entry of that name; InputProblem names the known ones, and the one that was probably meant."""
    known = {entry.name: entry for entry in MODELS if entry.task == task}
    if name in known:
        return known[name]
    raise InputProblem(f"no model called {name} for {task}{did_you_mean(name, known, listed=True)}")


def build_estimator(entry: ModelEntry, settings: Mapping[str, ModelSettings], groups: int, seed: int) -> Any:
    """The estimator with its fixed parameters, and with `seed` where it draws at random.

    InputProblem names a parameter that the model does not have, or that has an unfit value.
    """
    if entry.name not in settings:
        raise InputProblem(f"model {entry.name} has no numbers under `models:` in the settings")
    known = _parameters(entry.build({}, groups))
    for name in [*settings[entry.name].params, *settings[entry.name].grid]:
        if name not in known:
            raise InputProblem(f"model {entry.name} has no parameter {name}{did_you_mean(name, known)}")
    try:
        estimator = entry.build({**settings[entry.name].params}, groups)
    except TypeError as error:  # a value of another type, or a parameter that the entry sets itself
        raise InputProblem(f"models.{entry.name}.params: {error}") from None
    return _seeded(estimator, seed)


def _seeded(estimator: Any, seed: int) -> Any:
    for name in {"seed", "random_state"} & set(_parameters(estimator)):
        if isinstance(estimator, BaseEstimator):
            estimator.set_params(**{name: seed})
        else:
            tunable = _tunable(estimator)
            tunable.set(tunable.getParam(name), seed)
    return estimator


def grid_points(estimator: Estimator[Any], settings: ModelSettings) -> list[Params]:
    """Every combination of the grid, in the order in which the settings list the values; one empty point without.

    InputProblem for a value of another type than the parameter's.
    """
    names = list(settings.grid)
    tunable = _tunable(estimator)
    values = [[_converted(tunable.getParam(name), value) for value in settings.grid[name]] for name in names]
    return [dict(zip(names, point, strict=True)) for point in itertools.product(*values)]


def param_map(estimator: Estimator[Any], point: Params) -> dict[Param[Any], Any]:
    """A grid point in the form that CrossValidator wants."""
    tunable = _tunable(estimator)
    return {tunable.getParam(name): value for name, value in point.items()}


def _converted(param: Param[Any], value: float) -> Any:
    try:
        return param.typeConverter(value)
    except TypeError as error:
        raise InputProblem(f"grid of the models: {param.name} cannot be {value!r} ({error})") from None


def _parameters(estimator: Any) -> list[str]:
    if isinstance(estimator, BaseEstimator):  # scikit-learn's
        return list(estimator.get_params())
    return [param.name for param in _tunable(estimator).params]


def _tunable(estimator: Estimator[Any]) -> Estimator[Any]:
    """The estimator that the parameters belong to: the one inside a one-vs-rest."""
    inner: Estimator[Any] = estimator.getClassifier() if isinstance(estimator, OneVsRest) else estimator
    return inner
