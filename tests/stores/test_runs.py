from __future__ import annotations

import datetime as dt
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession

from segmentation.industries.result import IndustryResult
from segmentation.industries.scoring import score_industries
from segmentation.industries.training import train_industry
from segmentation.settings import Settings
from segmentation.stores.run_values import metric_names
from segmentation.stores.runs import Runs, load_champion, load_model, log_industry, open_runs, promote
from tests.models import planted

VERSIONS = {"basetable": 0, "accounts": 3}
AS_OF = dt.date(2026, 1, 1)


@pytest.fixture(scope="module")
def settings() -> Settings:
    base = yaml.safe_load((Path(__file__).parents[2] / "conf" / "base.yml").read_text())
    base["industry"] |= {"bootstrap": 50}
    base["models"] = {name: one.model_dump() for name, one in planted.MODELS.items()}
    return Settings.model_validate(base)


@pytest.fixture(scope="module")
def runs(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return open_runs(settings.storage, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def labelled(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(planted.labelled({"Food & drink": 0.6, "Toys": 0.4}, {"Toys": 2.0}))


@pytest.fixture(scope="module")
def industry(labelled: DataFrame, settings: Settings) -> IndustryResult:
    return train_industry(labelled, planted.label_features(), settings.industry, settings.models)


def table(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas().sort_values(frame.columns[:3], ignore_index=True)


def files(runs: Runs, run_id: str, folder: str) -> set[str]:
    return {Path(one.path).name for one in runs.client.list_artifacts(run_id, folder)}


def test_industries_survive_the_round_trip_and_the_newest_is_champion(
    runs: Runs, industry: IndustryResult, settings: Settings, labelled: DataFrame
) -> None:
    assert log_industry(runs, industry, settings, VERSIONS, AS_OF) == "industry/1"
    assert log_industry(runs, industry, settings, VERSIONS, AS_OF) == "industry/2"
    assert promote(runs, ["industry/2"]) == []
    assert promote(runs, ["industry/1", "industry/9", "nothing/1"]) == ["industry/9", "nothing/1"]
    loaded, name = load_champion(runs, "industry")
    assert name == "industry/2"
    pd.testing.assert_frame_equal(table(score_industries(loaded, labelled)), table(industry.scores))
    assert load_model(runs, "industry/1").stages[-1].getLabels() == list(industry.industries)

    parent = runs.client.search_runs([runs.experiment_id], "tags.`mlflow.runName` = 'train_industry'")[0]
    assert parent.data.metrics["cv/auc/Food _ drink"] > 0.8
    assert parent.data.metrics["baseline_majority/cv/auc/Toys"] == 0.5
    assert parent.data.params["regParam"] == "0.01"
    assert files(runs, parent.info.run_id, "tables") == {"metrics.csv", "confusion_cv.csv", "drivers.csv"}
    assert "auc_test.png" in files(runs, parent.info.run_id, "figures")
    signature = mlflow.models.get_model_info(f"models:/{name}").signature
    assert signature is not None
    assert {one.name: one.type.name for one in signature.inputs}["dominant_os"] == "string"
    assert {one.name: one.type.name for one in signature.inputs}["f0"] == "double"


def test_nothing_is_left_behind_in_the_data_folder(runs: Runs, industry: IndustryResult) -> None:
    assert runs.scratch is not None
    assert {path.name for path in runs.scratch.iterdir()} <= {"mlflow.db", "mlartifacts"}


def test_opening_again_finds_the_same_experiment(runs: Runs, settings: Settings) -> None:
    assert runs.scratch is not None
    assert open_runs(settings.storage, runs.scratch) == runs


def test_a_model_that_was_never_trained_is_named(runs: Runs) -> None:
    with pytest.raises(LookupError, match="no model segments_gmm has been trained yet"):
        load_champion(runs, "segments_gmm")


def test_metric_names_carry_slice_metric_and_industry() -> None:
    rows = pd.DataFrame({
        "slice": ["cv", "cv"], "metric": ["auc", "accuracy"], "industry": ["Toys", None],
        "value": [0.7, 0.6], "majority": [0.5, 0.4], "random": [0.5, 0.3],
    })  # fmt: skip
    assert metric_names(rows)["baseline_random/cv/accuracy"] == 0.3
    assert metric_names(rows)["cv/auc/Toys"] == 0.7
