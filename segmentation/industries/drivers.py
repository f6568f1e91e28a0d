"""Which features move an account towards an industry."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.ml.classification import LogisticRegressionModel

COLUMNS = ["industry", "feature", "effect"]


def drivers(fitted: PipelineModel, names: Sequence[str], industries: Sequence[str]) -> pd.DataFrame:
    """One row per industry and feature that the model uses, largest effect first within the industry.

    The effect is coefficient x standard deviation, in log-odds: the model is fitted on standardised features, so
    that its coefficients are these products. A model without coefficients gives no rows.
    """
    model = next((stage for stage in fitted.stages if isinstance(stage, LogisticRegressionModel)), None)
    if model is None:
        return pd.DataFrame(columns=COLUMNS)
    matrix = model.coefficientMatrix.toArray()
    rows = [
        (industry, names[place], float(effect))
        for industry, effects in zip(industries, matrix, strict=True)
        for place, effect in enumerate(effects)
        if effect != 0.0
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame["size"] = frame["effect"].abs()
    place = {industry: number for number, industry in enumerate(industries)}
    frame["place"] = frame["industry"].map(place)
    ordered = frame.sort_values(["place", "size", "feature"], ascending=[True, False, True], ignore_index=True)
    return ordered[COLUMNS]
