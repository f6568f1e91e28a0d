from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.industries.result import IndustryResult
from segmentation.industries.scoring import score_industries
from segmentation.industries.training import train_industry
from segmentation.schemas import INDUSTRY_SCORES
from segmentation.settings import IndustrySettings
from tests.models import planted


def train(frame: DataFrame, **changes: object) -> IndustryResult:
    base: dict[str, object] = {
        "models": ("lasso",), "min_accounts": 10, "bootstrap": 100, "parallelism": 2, "seed": 5,
    }  # fmt: skip
    settings = IndustrySettings.model_validate(base | changes)
    return train_industry(frame, planted.label_features(), settings, planted.MODELS)


def scores(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas().sort_values(["account_id", "industry"], ignore_index=True)


def auc(result: IndustryResult, part: str, industry: str, column: str = "value") -> float:
    table = result.metrics
    rows = table[(table["slice"] == part) & (table["metric"] == "auc") & (table["industry"] == industry)]
    return float(rows[column].iloc[0])


@pytest.fixture(scope="module")
def basetable(spark: SparkSession) -> DataFrame:
    shares = {"Food": 0.5, "Toys": 0.3, "Wine": 0.18, "Rare": 0.02}
    return spark.createDataFrame(planted.labelled(shares, {"Food": 2.5, "Toys": 2.5}))


@pytest.fixture(scope="module")
def result(basetable: DataFrame) -> IndustryResult:
    return train(basetable)


def test_planted_signal_is_found_and_a_small_industry_left_out_by_name(result: IndustryResult) -> None:
    assert result.industries == ("Food", "Toys", "Wine")
    assert list(result.excluded) == ["Rare"]
    for part in ("train", "cv", "test"):
        assert auc(result, part, "Food") > 0.85
    assert auc(result, "cv", "Food", "chance_high") < auc(result, "cv", "Food", "low")
    assert result.params == {"regParam": 0.01}  # a penalty of 0.5 leaves nothing
    assert [round(candidate.log_loss, 1) for candidate in result.candidates] == [0.4, 1.0]


def test_out_of_fold_metrics_differ_from_training_metrics(result: IndustryResult) -> None:
    assert auc(result, "cv", "Wine") < auc(result, "train", "Wine")
    accuracy = result.metrics[result.metrics["metric"] == "accuracy"]
    counted = dict(zip(accuracy["slice"], accuracy["support"], strict=True))
    assert counted == {"train": result.train_accounts, "cv": result.train_accounts, "test": result.test_accounts}
    assert result.confusion["accounts"].sum() == result.train_accounts


def test_drivers_name_the_planted_features(result: IndustryResult) -> None:
    strongest = result.drivers.groupby("industry", sort=False).first()
    assert strongest.loc["Food", "feature"] == "f0"
    assert strongest.loc["Toys", "feature"] == "f1"
    assert strongest.loc["Toys", "effect"] > 0


def test_every_account_is_scored_and_its_probabilities_sum_to_one(result: IndustryResult, basetable: DataFrame) -> None:
    expected = [(field.name, field.dataType) for field in INDUSTRY_SCORES.columns if field.name != "model"]
    assert [(field.name, field.dataType) for field in result.scores.schema] == expected
    table = scores(result.scores)
    sums = table.groupby("account_id")["probability"].sum()
    assert len(sums) == basetable.count()
    np.testing.assert_allclose(sums, 1.0)
    again = scores(score_industries(result.model, basetable))
    pd.testing.assert_frame_equal(again, table, rtol=1e-9)


def test_order_and_partitioning_of_the_rows_change_nothing(result: IndustryResult, basetable: DataFrame) -> None:
    other = train(basetable.repartition(5, "f0"))
    pd.testing.assert_frame_equal(scores(other.scores), scores(result.scores), check_exact=True)
    pd.testing.assert_frame_equal(other.metrics, result.metrics, check_exact=True)


def test_labels_without_signal_stay_at_the_baseline(spark: SparkSession) -> None:
    frame = spark.createDataFrame(planted.labelled({"Food": 0.5, "Toys": 0.5}, {}, n=300))
    result = train(frame)
    assert abs(auc(result, "cv", "Food") - 0.5) < 0.12
    assert auc(result, "cv", "Food", "majority") == 0.5


def test_two_industries_work_with_either_model_and_the_simpler_wins(spark: SparkSession) -> None:
    frame = spark.createDataFrame(planted.labelled({"No": 0.7, "Yes": 0.3}, {"Yes": 2.0}))
    result = train(frame, models=("lasso", "gbt"))
    assert {candidate.model for candidate in result.candidates} == {"lasso", "gbt"}
    assert result.model_name == "lasso"
    assert auc(result, "cv", "Yes") == pytest.approx(auc(result, "cv", "No"))
    assert set(result.drivers["industry"]) == {"No", "Yes"}


def test_trees_against_the_rest_give_probabilities_that_sum_to_one(spark: SparkSession) -> None:
    shares = {"Food": 0.4, "Toys": 0.4, "Wine": 0.2}
    frame = spark.createDataFrame(planted.labelled(shares, {"Food": 3.0, "Toys": 3.0, "Wine": 3.0}, n=90, unlabelled=5))
    result = train(frame, models=("gbt",))
    np.testing.assert_allclose(scores(result.scores).groupby("account_id")["probability"].sum(), 1.0)
    assert auc(result, "cv", "Food") > 0.7
    assert result.drivers.empty


def test_missing_values_are_refused_by_name(basetable: DataFrame) -> None:
    with pytest.raises(ValueError, match=r"missing, NaN or infinite values in 1 feature\(s\): f3"):
        train(basetable.replace(float(basetable.head()["f3"]), float("nan"), ["f3"]))  # type: ignore[index]


def test_one_industry_is_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame(planted.labelled({"Food": 1.0}, {}, n=60))
    with pytest.raises(ValueError, match="at least two industries: only Food"):
        train(frame)
