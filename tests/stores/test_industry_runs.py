"""A training in MLflow: what it holds, and that its model and its tables come back as they were."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import InputProblem
from segmentation.industries.audit import Audit, Finding
from segmentation.industries.gate import Decision
from segmentation.industries.result import IndustryResult
from segmentation.industries.scoring import score_industries
from segmentation.schemas import INDUSTRY_CARDS, INDUSTRY_METRICS, SEGMENT_PROFILES, SEGMENT_SUMMARIES, SEGMENTS
from segmentation.settings import Settings
from segmentation.stores.industry_runs import log_industry
from segmentation.stores.registry import CHALLENGER, champion, find_version, promote, recipe
from segmentation.stores.run_tables import read_table
from segmentation.stores.run_values import log_values, metric_names
from segmentation.stores.runs import Runs, load_model
from tests.industries import made_up
from tests.models import planted

VERSIONS = {"basetable": 0, "accounts": 3}
STALE = Finding("stale", "rows came in late", 2.0, fatal=False, fix="build it again", accounts="a007, a008")
AUDIT = Audit((STALE,), {"largest_feature_auc": 0.97})
DECISION = Decision(True, ("all metrics are finite", "not worse than the champion"), -0.1, -0.2, -0.05)


@pytest.fixture(scope="module")
def labelled(spark: SparkSession) -> DataFrame:
    rows = planted.labelled({"Food & drink": 0.6, "Toys": 0.4}, {"Toys": 2.0}, n=100)
    return made_up.with_label_nulls(spark.createDataFrame(rows)).localCheckpoint()


@pytest.fixture(scope="module")
def industry(labelled: DataFrame) -> IndustryResult:
    return made_up.result(labelled, limit=0.5, loss=0.9, reg_param=0.3)


@pytest.fixture(scope="module")
def model(runs: Runs, industry: IndustryResult, settings: Settings) -> str:
    return log_industry(runs, industry, settings, VERSIONS, planted.AS_OF, AUDIT, DECISION)


def table(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas().sort_values(frame.columns[:3], ignore_index=True)


def files(runs: Runs, run_id: str, folder: str) -> set[str]:
    return {Path(one.path).name for one in runs.client.list_artifacts(run_id, folder)}


def test_the_model_survives_the_round_trip_and_waits_to_be_promoted(
    runs: Runs, industry: IndustryResult, labelled: DataFrame, model: str, settings: Settings
) -> None:
    version = find_version(runs, model)
    assert version is not None
    assert version.aliases == [CHALLENGER]
    assert version.tags["gate"] == "passed"
    assert version.tags["gate_reason_02"] == "not worse than the champion"
    assert recipe(runs, model) == {
        "model": "lasso",
        "params": {"regParam": 0.3},
        "fixed": dict(settings.models["lasso"].params),
        "class_weight_cap": 3.0,
    }
    assert promote(runs, [model]) == []
    assert champion(runs, "industry") == model == "industry/1"
    loaded = load_model(runs, model)
    pd.testing.assert_frame_equal(table(score_industries(loaded, labelled)), table(industry.scores))
    signature = mlflow.models.get_model_info(f"models:/{model}").signature
    assert signature is not None
    assert {one.name: one.type.name for one in signature.inputs} == {"f0": "double"}
    assert runs.scratch is not None
    assert {path.name for path in runs.scratch.iterdir()} <= {"mlflow.db", "mlartifacts"}


def test_the_run_holds_all_that_was_found_but_no_account(runs: Runs, model: str, industry: IndustryResult) -> None:
    [parent] = runs.client.search_runs([runs.experiment_id], "tags.`mlflow.runName` = 'train_industry'")
    run_id = parent.info.run_id
    assert parent.data.metrics["cv/auc/Food _ drink"] == industry.metrics["value"][0]
    assert parent.data.metrics["baseline_majority/cv/auc/Toys"] == 0.5
    assert parent.data.metrics["audit/largest_feature_auc"] == 0.97
    assert parent.data.metrics["gate/high"] == -0.05
    assert parent.data.tags["metrics_undefined"] == "test/log_loss"
    assert parent.data.tags["gate"] == "passed"
    assert parent.data.params["regParam"] == "0.3"
    assert parent.data.params["delta_version.basetable"] == "0"
    assert parent.data.params["excluded.Rare"] == "2 labelled accounts"
    nested = runs.client.search_runs([runs.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert {run.info.run_name for run in nested} == {"lasso regParam=0.01", "lasso regParam=0.3"}
    assert {run.data.metrics["cv/log_loss_raw"] for run in nested} == {1.1}
    stored = {"industry_metrics", "industry_cards", "industry_coverage", "industry_drivers"}
    others = {"confusion_cv", "reliability", "calibration_lines", "learning_curve", "ablation", "shift", "audit"}
    assert files(runs, run_id, "tables") == {f"{name}.csv" for name in stored | others}
    drawn = {"confusion_cv", "reliability", "coverage", "learning_curve", "ablation", "auc_train", "auc_cv", "auc_test"}
    assert files(runs, run_id, "figures") == {f"{name}.png" for name in drawn}
    assert runs.scratch is not None
    texts = [path.read_text() for path in (runs.scratch / "mlartifacts").rglob("*.csv")]
    assert any("rows came in late" in text for text in texts)
    for account in (industry.suspects["account_id"][0], "a007", "a008"):
        assert not any(account in text for text in texts)


def test_its_tables_come_back_to_the_digit(runs: Runs, model: str, industry: IndustryResult) -> None:
    metrics = read_table(runs, model, "industry_metrics", INDUSTRY_METRICS)
    pair = (metrics[list(industry.metrics)], industry.metrics)
    back, gone = (one.astype(object).where(one.notna(), None) for one in pair)
    assert back.to_numpy().tolist() == gone.to_numpy().tolist()
    cards = read_table(runs, model, "industry_cards", INDUSTRY_CARDS).set_index("industry")
    assert cards.loc["Toys", "threshold"] == 0.8
    assert pd.isna(cards.loc["Food & drink", "threshold"])
    assert cards.loc["Toys", "reason"] == "AUC .83, all of it"


def test_lists_and_truth_values_come_back_as_such(runs: Runs, model: str) -> None:
    version = find_version(runs, model)
    assert version is not None
    assert version.run_id
    runs.client.log_text(
        version.run_id, 'previous,segment,outlier,name\n"[1, 2]",0,True,NA\n[],1,False,""\n', "tables/t.csv"
    )
    summaries = read_table(runs, model, "t", SEGMENT_SUMMARIES)
    assert summaries["previous"].tolist() == [[1, 2], []]
    assert summaries["name"][0] == "NA"
    assert read_table(runs, model, "t", SEGMENTS)["outlier"].tolist() == [True, False]


def test_a_table_that_is_gone_is_named(runs: Runs, model: str) -> None:
    for name in (model, "industry/9"):
        with pytest.raises(InputProblem, match=f"the run of {name} does not hold its table kmeans_profile"):
            read_table(runs, name, "kmeans_profile", SEGMENT_PROFILES)


def test_whatever_stands_in_a_label_it_has_a_key_of_its_own(runs: Runs) -> None:
    labels = ("Food", "Food/", "/x", "A // B", "..", "Oil & Gas", "Oil + Gas", "long " * 60, "long " * 61)
    run = runs.client.create_run(runs.experiment_id).info.run_id
    figures = {f"cv/auc/{label}": float(number) for number, label in enumerate(labels)}
    log_values(runs.client, run, {f"excluded.{label}": label for label in labels}, figures)
    logged = runs.client.get_run(run).data
    assert sorted(logged.metrics.values()) == sorted(figures.values())
    assert logged.metrics["cv/auc/Food"] == 0.0
    assert sorted(value.strip() for value in logged.params.values()) == sorted(label.strip() for label in labels)


def test_metric_names_carry_slice_metric_and_industry() -> None:
    rows = pd.DataFrame({
        "slice": ["cv", "cv"], "metric": ["auc", "accuracy"], "industry": ["Toys", None],
        "value": [0.7, 0.6], "majority": [0.5, 0.4], "random": [0.5, 0.3],
    })  # fmt: skip
    assert metric_names(rows)["baseline_random/cv/accuracy"] == 0.3
    assert metric_names(rows)["cv/auc/Toys"] == 0.7
