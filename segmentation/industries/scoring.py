"""From a model's output to one probability per account and industry."""

from __future__ import annotations

from pyspark.ml import PipelineModel
from pyspark.ml.evaluation import Evaluator
from pyspark.ml.feature import IndexToString
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.industries.metrics import SMALLEST_PROBABILITY
from segmentation.models.catalogue import LABEL

PREDICTED = "predicted_industry"


def score_industries(model: PipelineModel, basetable: DataFrame) -> DataFrame:
    """Table `industry_scores` without its `model`: one row per account of `basetable` and industry.

    Works on a model loaded from its run as well: the industries' names are part of it.
    """
    return score_columns(model.transform(basetable), industries_of(model))


def industries_of(model: PipelineModel) -> list[str]:
    """The industries that a model of `train_industry` tells apart, in the order of its probabilities."""
    last = model.stages[-1]
    if not isinstance(last, IndexToString):
        raise InputProblem("this is not a model of train_industry: its last stage does not name industries")
    return list(last.getLabels())


def score_columns(scored: DataFrame, industries: list[str]) -> DataFrame:
    """The columns of table `industry_scores` (but `model`) from a frame that the whole model has transformed."""
    names = F.array(*map(F.lit, industries))
    pairs = F.arrays_zip(names.alias("industry"), class_probabilities(scored).alias("probability"))
    return scored.select("as_of", "account_id", F.inline(pairs).alias("industry", "probability"))


def class_probabilities(scored: DataFrame) -> Column:
    """An array of probabilities, one per class, that sums to one.

    One-vs-rest gives a score per class but no probabilities. Boosted trees on log-loss mean by a score s the odds
    exp(2s) (Friedman 2001), so each becomes 1 / (1 + exp(-2s)), and these are divided by their sum. They rank well;
    they are not calibrated.
    """
    if "probability" in scored.columns:
        return vector_to_array(F.col("probability"))
    odds = F.transform(vector_to_array(F.col("rawPrediction")), lambda score: 1.0 / (1.0 + F.exp(-2.0 * score)))
    total = F.aggregate(odds, F.lit(0.0), lambda sum_, odd: sum_ + odd)
    return F.transform(odds, lambda odd: odd / total)


class LogLoss(Evaluator):
    """Mean of -ln(probability given to what the account is), in nats; works for models without probabilities."""

    def _evaluate(self, dataset: DataFrame) -> float:
        given = F.element_at(class_probabilities(dataset), F.col(LABEL).cast("int") + 1)
        loss = -F.log(F.greatest(given, F.lit(SMALLEST_PROBABILITY)))
        return float(dataset.agg(F.avg(loss)).collect()[0][0])

    def isLargerBetter(self) -> bool:  # noqa: N802  # Spark's name
        """The smaller the loss, the better."""
        return False
