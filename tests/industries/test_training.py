from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.ml import PipelineModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.industries.calibration import apply, fit_calibration
from segmentation.industries.result import IndustryResult, Recipe
from segmentation.industries.scoring import PROBABILITIES, score_industries
from segmentation.industries.training import train_industry
from segmentation.models import catalogue
from segmentation.schemas import (
    INDUSTRY_CARDS,
    INDUSTRY_COVERAGE,
    INDUSTRY_DRIVERS,
    INDUSTRY_FILL,
    INDUSTRY_METRICS,
    INDUSTRY_SCORES,
    INDUSTRY_SUSPECTS,
)
from tests.industries.settings import industry_settings
from tests.models import planted

#: f0 is Food's feature and f1 Toys', see planted.labelled
FEATURES = [
    *(planted.feature(f"f{place}", category="Document" if place < 2 else "System") for place in range(8)),
    planted.feature("dominant_os", fill="Other"),
]
EVIDENCE = {"repeats": 2, "resamples": 3, "learning_shares": [0.5], "ablation": True}


def train(frame: DataFrame, also: Recipe | None = None, **changes: object) -> IndustryResult:
    return train_industry(frame, FEATURES, industry_settings(**changes), planted.MODELS, also)


def scores(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas().sort_values(["account_id", "industry"], ignore_index=True)


def metric(result: IndustryResult, part: str, name: str, industry: str | None = None, column: str = "value") -> float:
    table = result.metrics
    of = table["industry"].isna() if industry is None else table["industry"] == industry
    return float(table[(table["slice"] == part) & (table["metric"] == name) & of][column].iloc[0])


@pytest.fixture(scope="module")
def basetable(spark: SparkSession) -> DataFrame:
    shares = {"Food": 0.5, "Toys": 0.3, "Wine": 0.18, "Rare": 0.02}
    return spark.createDataFrame(planted.labelled(shares, {"Food": 2.5, "Toys": 2.5}))


@pytest.fixture(scope="module")
def result(basetable: DataFrame) -> IndustryResult:
    return train(basetable, Recipe("lasso", {"regParam": 0.05}), **EVIDENCE)


def test_planted_signal_is_found_and_a_small_industry_left_out_by_name(result: IndustryResult) -> None:
    assert result.industries == ("Food", "Toys", "Wine")
    assert list(result.excluded) == ["Rare"]
    for part in ("train", "cv", "test"):
        assert metric(result, part, "auc", "Food") > 0.85
    assert metric(result, "cv", "auc", "Food", "chance_high") < metric(result, "cv", "auc", "Food", "low")
    assert metric(result, "cv", "auc", "Wine") < metric(result, "train", "auc", "Wine")
    assert result.params == {"regParam": 0.01}  # a penalty of 0.5 leaves nothing
    cards = result.cards.set_index("industry")["verdict"]
    assert (cards["Food"], cards["Rare"]) == ("predictable", "too few accounts")


def test_the_champions_recipe_is_judged_on_the_same_folds_and_not_chosen(result: IndustryResult) -> None:
    assert [candidate.params["regParam"] for candidate in result.candidates] == [0.01, 0.5, 0.05]
    assert [candidate.extra for candidate in result.candidates] == [False, False, True]
    losses = result.losses_of(Recipe("lasso", {"regParam": 0.05}))
    assert losses is not None
    assert set(losses) == set(result.evidence.losses)
    assert result.losses_of(Recipe("lasso", result.params)) == result.evidence.losses
    assert result.losses_of(Recipe("gbt", {})) is None
    assert len(losses) == result.train_accounts


def test_a_champion_of_other_fixed_parameters_is_judged_with_its_own(
    basetable: DataFrame, result: IndustryResult
) -> None:
    """Its point of the grid is one of the settings'; with their parameters it would be the new model itself."""
    also = Recipe("lasso", {"regParam": 0.01}, {"maxIter": 12, "elasticNetParam": 0.0})
    compared = train(basetable, also, **EVIDENCE)
    assert [one.extra for one in compared.candidates] == [False, False, True]
    mine, its = compared.losses_of(Recipe("lasso", {"regParam": 0.01})), compared.losses_of(also)
    assert mine is not None
    assert its is not None
    assert mine == result.losses_of(Recipe("lasso", {"regParam": 0.01}))
    assert abs(np.mean(list(mine.values())) - np.mean(list(its.values()))) > 1e-4
    assert str(compared.candidates[2].recipe) == "lasso maxIter=12 elasticNetParam=0.0 regParam=0.01"
    nothing = train(basetable, Recipe("lasso", {"regParam": 0.01}, {"alpha": 1.0}), **EVIDENCE)
    assert nothing.notes[0].startswith("the recipe lasso alpha=1.0 regParam=0.01 cannot be tried again")


def test_probabilities_are_calibrated_by_the_model_itself(
    result: IndustryResult, basetable: DataFrame, tmp_path: Path
) -> None:
    path = str(tmp_path / "model")
    result.model.save(path)
    loaded = PipelineModel.load(path)
    pd.testing.assert_frame_equal(scores(score_industries(loaded, basetable)), scores(result.scores), rtol=1e-9)
    raw = vector_to_array(F.col("probability")).alias("raw")
    names = (PROBABILITIES, raw, "prediction", "predicted_industry", "industry", "split")
    first = loaded.transform(basetable).select(*names).toPandas()
    said, before = np.array(first[PROBABILITIES].tolist()), np.array(first["raw"].tolist())
    np.testing.assert_allclose(said, apply(result.calibrated.by, before), rtol=1e-12)
    assert np.abs(said - before).max() > 0.01
    assert metric(result, "test", "log_loss") != metric(result, "test", "raw_log_loss")
    learned = ((first["split"] == "train") & first["industry"].isin(result.industries)).to_numpy()
    actual = first.loc[learned, "industry"].map(result.industries.index).to_numpy()
    # what accounts say that the model has learned from is trusted more
    assert result.calibrated.by.scale < fit_calibration(before[learned], actual).scale
    likeliest = first[PROBABILITIES].map(lambda given: int(np.argmax(given)))
    assert (first["prediction"] == likeliest).all()
    assert (first["predicted_industry"] == likeliest.map(dict(enumerate(result.industries)))).all()


def test_every_account_is_scored_and_its_probabilities_sum_to_one(result: IndustryResult, basetable: DataFrame) -> None:
    expected = [(field.name, field.dataType) for field in INDUSTRY_SCORES.columns if field.name != "model"]
    assert [(field.name, field.dataType) for field in result.scores.schema] == expected
    sums = scores(result.scores).groupby("account_id")["probability"].sum()
    assert len(sums) == basetable.count()
    np.testing.assert_allclose(sums, 1.0)


def test_tables_have_the_columns_of_their_schema(result: IndustryResult) -> None:
    pairs = [
        (INDUSTRY_METRICS, result.metrics),
        (INDUSTRY_CARDS, result.cards),
        (INDUSTRY_COVERAGE, result.fill.coverage),
        (INDUSTRY_FILL, result.fill.decisions),
        (INDUSTRY_SUSPECTS, result.suspects),
        (INDUSTRY_DRIVERS, result.drivers),
    ]
    for table, frame in pairs:
        assert set(table.columns.names) - {"as_of", "model"} == set(frame.columns), table.name


def test_drivers_name_the_planted_features_and_how_reliably_they_are_selected(result: IndustryResult) -> None:
    strongest = result.drivers.groupby("industry", sort=False).first()
    assert strongest.loc["Food", "feature"] == "f0"
    assert strongest.loc["Toys", "feature"] == "f1"
    assert strongest.loc["Toys", "effect"] > 0
    assert strongest.loc[["Food", "Toys"], "selected"].tolist() == [1.0, 1.0]
    assert result.drivers["selected"].min() < 1.0


def test_unlabelled_accounts_are_decided_on_with_reasons(result: IndustryResult, basetable: DataFrame) -> None:
    decisions = result.fill.decisions
    unlabelled = basetable.where("industry IS NULL").select("account_id").toPandas()["account_id"]
    assert decisions["account_id"].tolist() == sorted(unlabelled)
    filled = decisions[decisions["decision"] == "fill"]
    assert f"{len(filled)} accounts can be filled" in result.fill.sentence
    certain = decisions[decisions["industry"].eq("Food") & (decisions["probability"] > 0.9)]
    assert len(certain) > 3
    assert all("high f0" in reasons for reasons in certain["reasons"])


def test_what_a_category_and_more_accounts_are_worth(result: IndustryResult) -> None:
    worth = result.ablation.set_index("category")
    assert worth.index.tolist() == ["Document", "System"]
    assert worth.loc["Document", "low"] > 0.1 > worth.loc["System", "high"]
    assert worth["features"].tolist() == [2, 6]
    assert result.learning_curve["share"].unique().tolist() == [0.5, 1.0]


def test_order_and_partitioning_of_the_rows_change_nothing(result: IndustryResult, basetable: DataFrame) -> None:
    other = train(basetable.repartition(5, "f0"), Recipe("lasso", {"regParam": 0.05}), **EVIDENCE)
    pd.testing.assert_frame_equal(scores(other.scores), scores(result.scores), check_exact=True)
    for name in ("metrics", "cards", "drivers", "suspects", "ablation", "learning_curve"):
        pd.testing.assert_frame_equal(getattr(other, name), getattr(result, name), check_exact=True)
    pd.testing.assert_frame_equal(other.fill.decisions, result.fill.decisions, check_exact=True)


def test_two_industries_work_with_either_model_and_the_simpler_wins(spark: SparkSession) -> None:
    frame = spark.createDataFrame(planted.labelled({"No": 0.7, "Yes": 0.3}, {"Yes": 2.0}))
    result = train(frame, Recipe("lasso", {"alpha": 1}), models=["lasso", "gbt"])
    assert {candidate.model for candidate in result.candidates} == {"lasso", "gbt"}
    assert result.model_name == "lasso"
    assert metric(result, "cv", "auc", "Yes") == pytest.approx(metric(result, "cv", "auc", "No"))
    assert set(result.drivers["industry"]) == {"No", "Yes"}
    assert result.notes[0].startswith("the recipe lasso alpha=1 cannot be tried again")


@pytest.mark.parametrize("model", ["gbt", pytest.param("xgboost", marks=pytest.mark.long)])
def test_trees_give_probabilities_that_sum_to_one(spark: SparkSession, model: str) -> None:
    shares = {"Food": 0.4, "Toys": 0.4, "Wine": 0.2}
    frame = spark.createDataFrame(planted.labelled(shares, {"Food": 3.0, "Toys": 3.0, "Wine": 3.0}, n=90, unlabelled=5))
    result = train(frame, models=[model])
    np.testing.assert_allclose(scores(result.scores).groupby("account_id")["probability"].sum(), 1.0)
    assert metric(result, "cv", "auc", "Food") > 0.7
    assert result.drivers.groupby("industry")["effect"].sum().to_numpy() == pytest.approx(1.0)
    assert result.drivers.groupby("industry", sort=False).first().loc["Food", "feature"] == "f0"
    assert result.drivers["selected"].isna().all()
    assert result.fill.decisions["reasons"].tolist() == [None] * 5  # not computed, which is not "none"


def test_a_model_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(catalogue.importlib, "import_module", missing)
    with pytest.raises(InputProblem, match=r"pip install 'segmentation\[xgboost\]'"):
        catalogue.build_estimator(catalogue.find_model("xgboost", "industry"), planted.MODELS, 3, seed=1)


def test_missing_values_are_refused_by_name(basetable: DataFrame) -> None:
    with pytest.raises(ValueError, match=r"missing, NaN or infinite values in 1 feature\(s\): f3"):
        train(basetable.replace(float(basetable.head()["f3"]), float("nan"), ["f3"]))  # type: ignore[index]


def test_one_industry_is_refused(spark: SparkSession) -> None:
    frame = spark.createDataFrame(planted.labelled({"Food": 1.0}, {}, n=60))
    with pytest.raises(ValueError, match="at least two industries: only Food"):
        train(frame)
