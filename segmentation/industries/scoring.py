"""From a model's output to one probability per account and industry."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.ml import PipelineModel, Transformer
from pyspark.ml.feature import IndexToString, SQLTransformer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.industries.calibration import Calibration, as_sql

PREDICTED, PROBABILITIES, PREDICTION = "predicted_industry", "probabilities", "prediction"
NOT_CALIBRATED = "the model gives no calibrated probabilities: it was trained before there were any"
#: one-vs-rest gives a score per class but no probabilities. Boosted trees on log-loss mean by a score s the odds
#: exp(2s) (Friedman 2001), so each becomes 1 / (1 + exp(-2s)), and these are divided by their sum.
ODDS = "1.0D / (1.0D + exp(-2.0D * score))"


def score_industries(model: PipelineModel, basetable: DataFrame) -> DataFrame:
    """Table `industry_scores` without its `model`: one row per account of `basetable` and industry.

    Works on a model loaded from its run as well: calibration and the industries' names are part of it.
    """
    return score_columns(model.transform(basetable), industries_of(model))


def best_industries(model: PipelineModel, basetable: DataFrame) -> DataFrame:
    """One row per account of `basetable`: as_of, account_id, prediction, name (the same), confidence, second.

    The two most probable industries, equals in the order of the model; `confidence` is the first one's probability.
    """
    names = F.array(*map(F.lit, industries_of(model)))
    scored = model.transform(basetable)
    if PROBABILITIES not in scored.columns:
        raise InputProblem(NOT_CALIBRATED)
    placed = F.transform(PROBABILITIES, lambda p, at: F.struct((-p).alias("worse"), at.alias("at")))
    ranked = scored.select("as_of", "account_id", F.array_sort(placed).alias("ranked"))
    first = F.element_at(names, F.col("ranked")[0]["at"] + 1)
    return ranked.select(
        "as_of",
        "account_id",
        first.alias("prediction"),
        first.alias("name"),
        (-F.col("ranked")[0]["worse"]).alias("confidence"),
        F.get(names, F.get(F.col("ranked"), F.lit(1))["at"]).alias("second"),
    )


def industries_of(model: PipelineModel) -> list[str]:
    """The industries that a model of `train_industry` tells apart, in the order of its probabilities."""
    last = model.stages[-1]
    if not isinstance(last, IndexToString):
        raise InputProblem("this is not a model of train_industry: its last stage does not name industries")
    return list(last.getLabels())


def score_columns(scored: DataFrame, industries: Sequence[str]) -> DataFrame:
    """The columns of table `industry_scores` (but `model`) from a frame that the whole model has transformed."""
    if PROBABILITIES not in scored.columns:
        raise InputProblem(NOT_CALIBRATED)
    pairs = F.arrays_zip(F.array(*map(F.lit, industries)).alias("industry"), F.col(PROBABILITIES).alias("probability"))
    return scored.select("as_of", "account_id", F.inline(pairs).alias("industry", "probability"))


def raw_probabilities(scored: DataFrame) -> Column:
    """An array of probabilities, one per class, as the classifier alone gives them: they rank, uncalibrated."""
    if "probability" in scored.columns:
        return vector_to_array(F.col("probability"))
    odds = F.transform(vector_to_array(F.col("rawPrediction")), lambda score: 1.0 / (1.0 + F.exp(-2.0 * score)))
    total = F.aggregate(odds, F.lit(0.0), lambda sum_, odd: sum_ + odd)
    return F.transform(odds, lambda odd: odd / total)


def answering_stages(calibration: Calibration, industries: Sequence[str], has_probability: bool) -> list[Transformer]:
    """Classifier's output -> `probabilities` (calibrated), `prediction` and `predicted_industry`.

    Stages of the model, so that the registered model itself gives calibrated probabilities. SQL knows no vectors, but
    the text of a dense one is an array in JSON, with every digit. `has_probability`: the classifier gives
    probabilities; otherwise it is a one-vs-rest with scores.
    """
    source = "probability" if has_probability else "rawPrediction"
    raw = f"from_json(CAST({source} AS STRING), 'array<double>')"
    if not has_probability:
        odds = f"transform({raw}, score -> {ODDS})"
        raw = f"transform({odds}, odd -> odd / aggregate({odds}, 0.0D, (total, odd) -> total + odd))"
    shares = f"SELECT *, {as_sql(calibration, raw)} AS {PROBABILITIES} FROM __THIS__"
    first = f"CAST(array_position({PROBABILITIES}, array_max({PROBABILITIES})) - 1 AS DOUBLE)"
    answer = SQLTransformer(statement=f"SELECT * EXCEPT ({PREDICTION}), {first} AS {PREDICTION} FROM ({shares})")
    return [answer, IndexToString(inputCol=PREDICTION, outputCol=PREDICTED, labels=list(industries))]
