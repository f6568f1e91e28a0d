from __future__ import annotations

import datetime as dt
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from pyspark.ml import PipelineModel
from pyspark.ml.feature import SQLTransformer
from pyspark.sql import DataFrame, SparkSession

from segmentation.segments.importance import Surrogate
from segmentation.segments.profiles import profile
from segmentation.segments.result import Candidate, Segment, SegmentationResult, SegmentationRun
from segmentation.settings import Settings
from segmentation.stores.runs import Runs
from segmentation.stores.segment_runs import load_earlier, log_segments

AS_OF = dt.date(2026, 1, 1)
ACCOUNTS = [f"a{place}" for place in range(6)]
SEGMENTS = np.array([0, 0, 0, 1, 1, -1])


@pytest.fixture(scope="module")
def accounts(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([(name, float(place)) for place, name in enumerate(ACCOUNTS)], "account_id string, "
                                 "all_rows_year double")  # fmt: skip


@pytest.fixture(scope="module")
def values() -> pd.DataFrame:
    columns = {"all_rows_year": [9.0, 8, 7, 2, 1, 5], "late": [1.0, 2, 3, 7, 8, 5]}
    return pd.DataFrame(columns, index=pd.Index(ACCOUNTS, name="account_id"))


def result(method: str, model: PipelineModel | None, accounts: DataFrame, values: pd.DataFrame) -> SegmentationResult:
    segments = (
        Segment(0, "Heavy use", "3 accounts.", 3, 0.5, 0.9, 8.0),
        Segment(1, "Light use", "2 accounts.", 2, 0.3, None, 1.5),
    )
    tried = (
        Candidate(method, 2, silhouette=0.5, inertia=3.0, sizes=(3, 2), stability=0.8),
        Candidate(method, 3, silhouette=float("nan"), failure="singular"),
    )
    return SegmentationResult(
        method=method, k=2, reason="k = 2, the best", model=model, candidates=tried, segments=segments,
        profile=profile(values, SEGMENTS, {"late"}), summaries=pd.DataFrame(segments), changes=(),
        assignments=accounts, sampled=SEGMENTS, accounts=6, components=2, explained_variance=0.9,
        numeric=("all_rows_year",), categorical=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def logged(runs: Runs, settings: Settings, accounts: DataFrame, values: pd.DataFrame) -> dict[str, str]:
    named = "SELECT *, CAST(all_rows_year > 2 AS INT) AS prediction, 'x' AS segment_name FROM __THIS__"
    model = PipelineModel([SQLTransformer(statement=named)])
    run = SegmentationRun(
        results=(result("kmeans", model, accounts, values), result("consensus", None, accounts, values)),
        skipped={"hdbscan": "fewer than two clusters"}, outlier_rule="the least likely", outliers=1,
        points=values, values=values, held_out=("late",),
    )  # fmt: skip
    surrogates = {
        "kmeans": Surrogate(0.9, 0.5, pd.DataFrame({"feature": ["f"], "importance": [1.0]})),
        "consensus": None,
    }
    return log_segments(runs, run, surrogates, settings, {"basetable": 0}, AS_OF)


def files(runs: Runs, run_id: str, folder: str) -> set[str]:
    return {Path(one.path).name for one in runs.client.list_artifacts(run_id, folder)}


def parent(runs: Runs) -> mlflow.entities.Run:
    [run] = runs.client.search_runs([runs.experiment_id], "tags.`mlflow.runName` = 'train_segments'")
    return run


def test_only_methods_with_a_model_are_registered(logged: dict[str, str], runs: Runs) -> None:
    assert logged == {"kmeans": "segments_kmeans/1", "consensus": f"runs:/{parent(runs).info.run_id}"}
    assert [model.name for model in runs.client.search_registered_models()] == ["segments_kmeans"]
    signature = mlflow.models.get_model_info("models:/segments_kmeans/1").signature
    assert signature is not None
    assert {one.name: one.type.name for one in signature.inputs} == {"all_rows_year": "double"}


def test_an_earlier_model_scores_again_and_a_lost_one_is_none(
    logged: dict[str, str], runs: Runs, accounts: DataFrame
) -> None:
    loaded = load_earlier(runs, logged["kmeans"])
    assert loaded is not None
    assert [row["prediction"] for row in loaded.transform(accounts).collect()] == [0, 0, 0, 1, 1, 1]
    assert load_earlier(runs, logged["consensus"]) is None
    assert load_earlier(runs, "segments_kmeans/7") is None


def test_the_run_says_what_was_chosen_and_from_what(logged: dict[str, str], runs: Runs) -> None:
    run = parent(runs)
    assert run.info.status == "FINISHED"
    assert run.data.params["delta_version.basetable"] == "0"
    assert run.data.params["kmeans.k"] == "2"
    assert run.data.params["hdbscan.skipped"] == "fewer than two clusters"
    assert run.data.metrics["kmeans/silhouette"] == 0.5
    assert run.data.metrics["kmeans/stability/0"] == 0.9
    assert "kmeans/stability/1" in run.data.tags["metrics_undefined"]
    assert run.data.metrics["kmeans/surrogate_accuracy"] == 0.9
    assert files(runs, run.info.run_id, "tables") == {
        "candidates.csv", "kmeans_profile.csv", "kmeans_segments.csv", "kmeans_importance.csv",
        "consensus_profile.csv", "consensus_segments.csv",
    }  # fmt: skip
    assert files(runs, run.info.run_id, "figures") >= {
        "kmeans_silhouette.png", "kmeans_inertia.png", "kmeans_stability.png", "kmeans_profile.png", "kmeans_map.png",
    }  # fmt: skip
    assert "kmeans_bic.png" not in files(runs, run.info.run_id, "figures")


def test_each_candidate_is_a_nested_run_and_a_failed_one_says_why(logged: dict[str, str], runs: Runs) -> None:
    inside = f"tags.`mlflow.parentRunId` = '{parent(runs).info.run_id}'"
    nested = runs.client.search_runs([runs.experiment_id], inside + " and params.method = 'kmeans'")
    found = {run.data.params["k"]: run for run in nested}
    assert found["2"].data.params["chosen"] == "True"
    assert found["2"].data.metrics == {"silhouette": 0.5, "inertia": 3.0, "stability": 0.8, "smallest": 2.0}
    assert found["3"].info.status == "FAILED"
    assert found["3"].data.tags["failure"] == "singular"
    assert found["3"].data.tags["metrics_undefined"].startswith("silhouette, davies_bouldin")
