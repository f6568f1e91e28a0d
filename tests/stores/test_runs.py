from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession

from segmentation.industries.result import IndustryResult
from segmentation.industries.scoring import score_industries
from segmentation.industries.training import train_industry
from segmentation.segments.result import Candidate, SegmentationResult
from segmentation.segments.scoring import score_segments
from segmentation.segments.training import train_segments
from segmentation.settings import Settings
from segmentation.stores.run_values import metric_names
from segmentation.stores.runs import Runs, load_champion, load_model, log_industry, log_segments, open_runs, promote
from tests.models import planted

VERSIONS = {"basetable": 0, "accounts": 3}
AS_OF = dt.date(2026, 1, 1)


@pytest.fixture(scope="module")
def settings() -> Settings:
    base = yaml.safe_load((Path(__file__).parents[2] / "conf" / "base.yml").read_text())
    base["segments"] |= {"k_max": 3, "pca_components": 3, "methods": ["kmeans"]}
    base["industry"] |= {"bootstrap": 50}
    base["models"] = {name: one.model_dump() for name, one in planted.MODELS.items()}
    return Settings.model_validate(base)


@pytest.fixture(scope="module")
def runs(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return open_runs(settings.storage, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def accounts(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(planted.groups().drop(columns="kind"))


@pytest.fixture(scope="module")
def segments(accounts: DataFrame, settings: Settings) -> tuple[SegmentationResult, ...]:
    return train_segments(accounts, planted.usage_features(), settings.segments, settings.models)


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


def test_segments_survive_the_round_trip(
    runs: Runs, segments: tuple[SegmentationResult, ...], settings: Settings, accounts: DataFrame
) -> None:
    names = log_segments(runs, segments, settings, VERSIONS, AS_OF)
    assert names == {"kmeans": "segments_kmeans/1"}

    with pytest.raises(LookupError):  # not before its table is published
        load_champion(runs, "segments_kmeans")
    assert promote(runs, names.values()) == []
    loaded, name = load_champion(runs, "segments_kmeans")
    assert name == "segments_kmeans/1"
    pd.testing.assert_frame_equal(table(score_segments(loaded, accounts, "kmeans")), table(segments[0].assignments))

    parent = runs.client.search_runs([runs.experiment_id], "tags.`mlflow.runName` = 'train_segments'")[0]
    assert parent.info.status == "FINISHED"
    assert parent.data.params["delta_version.basetable"] == "0"
    assert parent.data.params["kmeans.k"] == "3"
    assert parent.data.tags["as_of"] == "2026-01-01"
    nested = runs.client.search_runs(
        [runs.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'", order_by=["params.k"]
    )
    assert [run.data.params["k"] for run in nested] == ["2", "3"]
    assert all(run.data.metrics["inertia"] > 0 for run in nested)
    assert "bic" not in nested[0].data.metrics
    assert files(runs, parent.info.run_id, "figures") == {"kmeans_silhouette.png", "kmeans_inertia.png"}
    assert files(runs, parent.info.run_id, "tables") == {"candidates.csv", "kmeans_profile.csv", "kmeans_segments.csv"}
    kept = mlflow.artifacts.load_text(f"{parent.info.artifact_uri}/settings.yml")
    assert Settings.model_validate(yaml.safe_load(kept)) == settings


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


def test_nothing_is_left_behind_in_the_data_folder(runs: Runs, segments: tuple[SegmentationResult, ...]) -> None:
    assert runs.scratch is not None
    assert {path.name for path in runs.scratch.iterdir()} <= {"mlflow.db", "mlartifacts"}


def test_opening_again_finds_the_same_experiment(runs: Runs, settings: Settings) -> None:
    assert runs.scratch is not None
    assert open_runs(settings.storage, runs.scratch) == runs


def test_a_model_that_was_never_trained_is_named(runs: Runs) -> None:
    with pytest.raises(LookupError, match="no model segments_gmm has been trained yet"):
        load_champion(runs, "segments_gmm")


def test_an_undefined_metric_is_left_out_and_named(
    runs: Runs, segments: tuple[SegmentationResult, ...], settings: Settings
) -> None:
    nothing = Candidate("kmeans", 9, float("nan"), None, None, None, 0, "singular")
    broken = replace(segments[0], candidates=(*segments[0].candidates, nothing))
    log_segments(runs, [broken], settings, {}, AS_OF)
    [run] = runs.client.search_runs([runs.experiment_id], "tags.`mlflow.runName` = 'kmeans k=9'")
    assert run.info.status == "FAILED"
    assert run.data.tags["failure"] == "singular"
    assert run.data.tags["metrics_undefined"].startswith("silhouette, inertia")
    assert set(run.data.metrics) == {"smallest"}


def test_metric_names_carry_slice_metric_and_industry() -> None:
    rows = pd.DataFrame({
        "slice": ["cv", "cv"], "metric": ["auc", "accuracy"], "industry": ["Toys", None],
        "value": [0.7, 0.6], "majority": [0.5, 0.4], "random": [0.5, 0.3],
    })  # fmt: skip
    assert metric_names(rows)["baseline_random/cv/accuracy"] == 0.3
    assert metric_names(rows)["cv/auc/Toys"] == 0.7
