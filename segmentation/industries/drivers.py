"""Which features move an account towards an industry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from pyspark.ml.classification import LogisticRegressionModel, OneVsRestModel

from segmentation.arrays import Floats

COLUMNS = ["industry", "feature", "effect", "selected"]


def is_linear(model: Any) -> bool:
    """Whether a fitted model has one coefficient per industry and feature."""
    return isinstance(model, LogisticRegressionModel)


def coefficients(model: Any) -> tuple[Floats, Floats]:
    """Coefficients (classes x places) and intercepts of a linear model, whose softmax gives its probabilities.

    A binomial model has those of its second class against the first; half of them for, half against, say the same.
    """
    matrix, intercepts = model.coefficientMatrix.toArray(), model.interceptVector.toArray()
    if len(matrix) > 1:
        return matrix, intercepts
    return np.vstack([-matrix, matrix]) / 2, np.concatenate([-intercepts, intercepts]) / 2


def effects(model: Any, classes: int, places: int) -> Floats:
    """What each place of the scaled vector does for each class, classes x places; 0 where a feature is not used.

    Of a linear model coefficient x standard deviation, in log-odds: it is fitted on standardised features, so that
    its coefficients are these products. Of trees a feature's share of the gain (impurity decrease), unsigned: per
    industry where each has trees of its own, else the same for all.
    """
    if is_linear(model):
        return coefficients(model)[0]
    if isinstance(model, OneVsRestModel):
        return np.stack([cast(Any, one).featureImportances.toArray() for one in model.models])
    if hasattr(model, "featureImportances"):
        return np.tile(model.featureImportances.toArray(), (classes, 1))
    return _booster_gains(model.get_booster().trees_to_dataframe(), classes, places)


def _booster_gains(trees: pd.DataFrame, classes: int, places: int) -> Floats:
    """Share of the gain per class from XGBoost's table of nodes: round after round, one tree per class in turn.

    For two classes there is one tree per round, which speaks for both.
    """
    splits = trees[trees["Feature"] != "Leaf"]
    place = splits["Feature"].str.removeprefix("f").astype(int).to_numpy()
    gains = np.zeros((classes, places))
    single = classes == 2  # noqa: PLR2004
    of_class = np.zeros(len(splits), dtype=np.int64) if single else splits["Tree"].to_numpy(dtype=np.int64) % classes
    np.add.at(gains, (of_class, place), splits["Gain"].to_numpy(dtype=np.float64))
    if single:
        gains[1] = gains[0]
    shares: Floats = gains / np.maximum(gains.sum(axis=1, keepdims=True), 1e-12)
    return shares


def drivers(
    matrix: Floats, names: Sequence[str], industries: Sequence[str], selected: Floats | None = None
) -> pd.DataFrame:
    """One row per industry and feature that the model uses, largest effect first within the industry.

    `matrix` and `selected` (share of half-samples in which the feature was selected; None: not measured) are
    classes x places, `names` says what each place stands for.
    """
    rows = [
        (industry, names[place], float(matrix[number, place]), None if selected is None else selected[number, place])
        for number, industry in enumerate(industries)
        for place in sorted(np.flatnonzero(matrix[number]).tolist(), key=lambda p: (-abs(matrix[number, p]), names[p]))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
