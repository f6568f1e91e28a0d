"""What training can do with an estimator. Every other one is refused in one line, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pyspark.errors import IllegalArgumentException
from pyspark.ml.classification import (
    DecisionTreeClassifier,
    GBTClassifier,
    LogisticRegression,
    OneVsRest,
    RandomForestClassifier,
)
from pyspark.ml.clustering import BisectingKMeans, GaussianMixture, KMeans
from sklearn.base import BaseEstimator

from segmentation.errors import InputProblem, first_line
from segmentation.models.catalogue import (
    BINARY,
    CLUSTER,
    COMPONENTS,
    LABEL,
    Task,
    build_estimator,
    find_model,
    grid_points,
    param_map,
)
from segmentation.models.preparation import SCALED
from segmentation.settings import ModelSettings

#: what fits a clustering anew: scikit-learn's counterpart of an estimator of Spark ML, or the estimator itself
Kind = Literal["kmeans", "bisecting", "gmm", "scikit-learn"]
CLUSTERERS: tuple[tuple[type, Kind], ...] = (
    (KMeans, "kmeans"), (BisectingKMeans, "bisecting"), (GaussianMixture, "gmm"),
)  # fmt: skip
#: those whose probabilities can be calibrated and whose features have an effect to be told
CLASSIFIERS = (LogisticRegression, DecisionTreeClassifier, RandomForestClassifier, GBTClassifier)
PAGE = "see docs/how-to/new-model.md"


def check_models(names: Sequence[str], task: Task, models: Mapping[str, ModelSettings]) -> None:
    """Build every model named, for two and for three groups, and fit none; needs a session.

    InputProblem for a model that nobody knows, for wrong parameters, and for an estimator that training cannot use.
    """
    for name in names:
        entry = find_model(name, task)
        for groups in (BINARY, BINARY + 1):
            estimator = build_estimator(entry, models, groups, 0)
            if task == "segments":
                _require_clusterer(name, estimator, models[name])
            else:
                _require_classifier(name, estimator, groups)
            _require_values(name, estimator, models[name])


def kind_of(name: str, estimator: object) -> Kind:
    """How the clustering of model `name` is fitted again; InputProblem for one that training cannot use."""
    if isinstance(estimator, BaseEstimator) and hasattr(estimator, "fit_predict"):
        return "scikit-learn"
    for known, kind in CLUSTERERS:
        if isinstance(estimator, known):
            return kind
    raise InputProblem(
        f"model {name}: {_said(estimator)} is not supported for segments; take Spark ML's "
        f"{', '.join(one.__name__ for one, _ in CLUSTERERS)} or a clusterer of scikit-learn with fit_predict ({PAGE})"
    )


def _require_clusterer(name: str, estimator: Any, settings: ModelSettings) -> None:
    if settings.grid:
        raise InputProblem(
            f"models.{name}.grid: of segments only their number is searched; give {', '.join(settings.grid)} one value "
            f"under models.{name}.params"
        )
    kind = kind_of(name, estimator)
    if kind == "scikit-learn":
        return
    _require_columns(name, estimator, {"featuresCol": COMPONENTS, "predictionCol": CLUSTER})
    if kind != "gmm" and estimator.getDistanceMeasure() != "euclidean":
        raise InputProblem(
            f"model {name}: distanceMeasure {estimator.getDistanceMeasure()} is not supported, since k, stability and "
            "confidence are judged by Euclidean distances; leave it out"
        )


def _require_classifier(name: str, estimator: Any, groups: int) -> None:
    inner = estimator.getClassifier() if isinstance(estimator, OneVsRest) else estimator
    # Only the scores of boosted trees have a known relation to probabilities.
    known = isinstance(inner, GBTClassifier) if inner is not estimator else isinstance(inner, CLASSIFIERS)
    if not known and not type(estimator).__module__.startswith("xgboost.spark"):
        raise InputProblem(
            f"model {name}: {_said(estimator)} is not supported for industries; take Spark ML's "
            f"{', '.join(one.__name__ for one in CLASSIFIERS)}, a OneVsRest of GBTClassifier or XGBoost's "
            f"SparkXGBClassifier ({PAGE})"
        )
    if isinstance(estimator, GBTClassifier) and groups > BINARY:
        raise InputProblem(
            f"model {name}: Spark's GBTClassifier tells two industries apart and no more; for more of them wrap it in "
            f"a OneVsRest, as _gbt in segmentation/models/catalogue.py does"
        )
    _require_columns(name, estimator, {"featuresCol": SCALED, "labelCol": LABEL})


def _require_values(name: str, estimator: Any, settings: ModelSettings) -> None:
    """Values out of range would fail in the fit, after hours; the points of a grid may be tried last.

    Over Connect, and of models that the JVM does not know, the fit alone can tell.
    """
    inner = estimator.getClassifier() if isinstance(estimator, OneVsRest) else estimator
    points = () if isinstance(estimator, BaseEstimator) else grid_points(estimator, settings)
    try:
        if hasattr(estimator, "_parameter_constraints"):  # as scikit-learn's own have, and others need not
            estimator._validate_params()
        for point in points:
            inner.copy(param_map(estimator, point))  # hands all values to the JVM, which knows their ranges
    except (ValueError, IllegalArgumentException) as error:
        raise InputProblem(f"models.{name}: {first_line(error, 200)}") from None


def _require_columns(name: str, estimator: Any, columns: Mapping[str, str]) -> None:
    for param, column in columns.items():
        if estimator.getOrDefault(param) != column:
            raise InputProblem(
                f"model {name}: its {param} is {estimator.getOrDefault(param)!r} and has to be {column!r} ({PAGE})"
            )


def _said(estimator: object) -> str:
    if isinstance(estimator, OneVsRest):
        return f"OneVsRest of {type(estimator.getClassifier()).__name__}"
    library = "scikit-learn's " if isinstance(estimator, BaseEstimator) else ""
    return library + type(estimator).__name__
