"""One fit of one model on some of the training accounts, and what it says about others.

Everything that learns from data is fitted on the rows whose weight is above zero, so a fold cannot leak into its fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy.special import softmax

from segmentation.arrays import Floats, Ints
from segmentation.checkpoint import settled
from segmentation.industries.drivers import coefficients, is_linear
from segmentation.industries.folds import Known
from segmentation.industries.result import Recipe
from segmentation.industries.scoring import raw_probabilities
from segmentation.local_rows import local_frame
from segmentation.models.catalogue import LABEL, build_estimator, find_model, param_map
from segmentation.models.preparation import SCALED, fitted_stages
from segmentation.settings import ModelSettings
from segmentation.threads import Made, Task, in_threads

#: what every fit weighs an account with, one place per fit; and the weight in the fit at hand
WEIGHTS, WEIGHT = "weights", "weight"


@dataclass(frozen=True)
class Vectors:
    """All training accounts, prepared by what was fitted on some of them."""

    #: account_id, SCALED, LABEL, WEIGHTS; one partition in order of account_id, computed once
    frame: DataFrame
    #: encoder, selector and scaler as fitted
    preparation: PipelineModel
    #: places (in Known) of the accounts that were not seen, and their rows of SCALED
    unseen: Ints
    values: Floats


def training_frame(frame: DataFrame, known: Known, weights: Floats, industries: Sequence[str]) -> DataFrame:
    """The training accounts of a prepared frame with LABEL (class index) and WEIGHTS (accounts x fits, as arrays)."""
    small = list(zip(known.accounts, known.actual.astype(float), weights.tolist(), strict=True))
    schema = f"account_id string, index double, {WEIGHTS} array<double>"
    # Told the number of classes, a fit whose accounts lack the last one still answers for all of them.
    attribute = {"ml_attr": {"type": "nominal", "vals": list(industries), "name": LABEL}}
    label = F.col("index").alias(LABEL, metadata=attribute)
    joined = frame.join(F.broadcast(local_frame(frame.sparkSession, small, schema)), on="account_id")
    ordered = joined.select("*", label).drop("index").coalesce(1).sortWithinPartitions("account_id")
    return settled(ordered)


def prepare_vectors(train: DataFrame, categorical: Sequence[str], place: int, unseen: Ints) -> Vectors:
    """Fit the preparation on the rows with a weight at `place`, apply it to all; collect those that are `unseen`."""
    preparation = Pipeline(stages=fitted_stages(categorical)).fit(train.where(_weight(place) > 0))
    frame = settled(preparation.transform(train).select("account_id", SCALED, LABEL, WEIGHTS))
    values = collect_values(frame.where(_weight(place) == 0))[1]
    return Vectors(frame, preparation, unseen, values)


def collect_values(frame: DataFrame) -> tuple[list[str], Floats]:
    """Account ids in order, and their rows of SCALED."""
    rows = frame.select("account_id", vector_to_array(F.col(SCALED)).alias("values")).toPandas()
    ordered = rows.sort_values("account_id")
    return list(ordered["account_id"]), _matrix(ordered["values"])


class Fitter:
    """Builds and fits models of the catalogue; each fit works on a copy, so several threads may share one."""

    def __init__(self, models: Mapping[str, ModelSettings], classes: int, seed: int) -> None:
        self.models = models
        self.classes = classes
        self.seed = seed

    def estimator(self, recipe: Recipe) -> Any:
        """The estimator of a recipe with its fixed parameters, told that accounts have weights."""
        models = self.models
        if recipe.fixed is not None:
            models = {recipe.model: ModelSettings.model_validate({"params": recipe.fixed, "grid": {}})}
        estimator = build_estimator(find_model(recipe.model, "industry"), models, self.classes, self.seed)
        estimator.set(estimator.getParam("weightCol"), WEIGHT)
        return estimator

    def fit(self, recipe: Recipe, frame: DataFrame, place: int) -> Any:
        """The model of `recipe` on the rows of `frame` with a weight at `place`."""
        estimator = self.estimator(recipe)
        rows = frame.select(SCALED, LABEL, _weight(place).alias(WEIGHT)).where(F.col(WEIGHT) > 0)
        return estimator.fit(rows, param_map(estimator, dict(recipe.params)))


def answers(model: Any, frame: DataFrame, values: Floats) -> Floats:
    """Probabilities (accounts x classes) that a fitted model gives: uncalibrated.

    `values` holds SCALED of the accounts asked about, `frame` the same accounts; a linear model needs the values only,
    and saves a job of Spark's.
    """
    if is_linear(model):
        matrix, intercepts = coefficients(model)
        linear: Floats = softmax(values @ matrix.T + intercepts, axis=1)
        return linear
    scored = model.transform(frame)
    rows = scored.select("account_id", raw_probabilities(scored).alias("given")).toPandas()
    return _matrix(rows.sort_values("account_id")["given"])


def unseen_answers(model: Any, vectors: Vectors, place: int) -> Floats:
    """What `model` says about the accounts that its preparation has not seen."""
    return answers(model, vectors.frame.where(_weight(place) == 0), vectors.values)


def at_once(session: SparkSession, parallelism: int, work: Callable[[Task], Made], tasks: Iterable[Task]) -> list[Made]:
    """Every task's outcome in order; so many at a time, since one small fit leaves the other cores idle."""
    with ThreadPoolExecutor(parallelism) as pool:
        return in_threads(pool, session, work, tasks)


def _weight(place: int) -> Column:
    return F.col(WEIGHTS)[place]


def _matrix(arrays: pd.Series) -> Floats:
    values: Floats = np.array(arrays.tolist(), dtype=np.float64).reshape(len(arrays), -1 if len(arrays) else 0)
    return values
