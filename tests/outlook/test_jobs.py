"""`segmentation churn` and `segmentation value` on a cube in which some accounts use less and less, and then stop."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.features.months import months_before
from segmentation.jobs import forecast_churn, forecast_value, freshness
from segmentation.jobs.horizons import forecast_months
from segmentation.notebook import open_house
from segmentation.outlook.churn import score_churn
from segmentation.outlook.snapshots import CHURNED, snapshot
from segmentation.runtime import Exit, Job, JobSpec, execute
from segmentation.schemas import (
    ACCOUNT_VALUES,
    ACCOUNTS,
    ACTIVITY,
    BASETABLE,
    CHURN_METRICS,
    CHURN_SCORES,
    EVENT_NAMES,
    EVENTS,
    TOKENS,
)
from segmentation.stores.conf import load_settings
from segmentation.stores.registry import champion
from segmentation.stores.runs import load_model, open_runs
from tests.features.conftest import Rows
from tests.robustness.conftest import store

AS_OF, MONTHS = dt.date(2025, 11, 1), 10
CATEGORIES = ("Document",)
#: kind -> accounts, and how many months from the first one on until the last rows; 99: it goes on
KINDS = {"steady": (30, 99), "gone by July": (15, 6), "gone by September": (15, 8), "going": (20, 10)}
FORECAST = [
    *("--set", "outlook.horizon_months=2", "--set", "outlook.active_months=1", "--set", "outlook.min_accounts=10"),
    *("--set", "outlook.bootstrap=100", "--set", "outlook.value_months=3"),
    *("--set", "models.lasso.grid={regParam: [0.01]}"),
]


#: of a wrong clock
STRAY = {"month": "2021-01", "token": 1, "account": 1, "rows": 1, "days": (1,), "value_count": 1, "value_sum": 1.0}


def usage() -> list[dict[str, object]]:
    """Rows of a month halve in each of an account's last five months; days and values follow them."""
    random, rows, place = np.random.default_rng(1), [], 0
    for accounts, last in KINDS.values():
        for _ in range(accounts):
            place += 1
            for month in range(min(last, MONTHS)):
                count = max(1, int(random.normal(64, 10) / 2 ** max(0, 5 - (last - 1 - month))))
                days = np.sort(random.choice(np.arange(1, 29), min(1 + count // 12, 8), replace=False))
                rows.append({"month": f"2025-{month + 1:02d}", "token": place, "account": place, "rows": count,
                             "days": tuple(int(day) for day in days), "value_count": len(days),
                             "value_sum": round(float(random.gamma(5.0, 2.0)) * len(days), 2)})  # fmt: skip
    rows.append(STRAY)
    return rows


def kind(account_id: str) -> str:
    edges = np.cumsum([accounts for accounts, _ in KINDS.values()])
    return list(KINDS)[int(np.searchsorted(edges, int(account_id[1:])))]


@pytest.fixture(scope="module")
def data_dir(spark: SparkSession, cube: Rows, tokens: Rows, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tables that the jobs read, as the jobs before them would have left them; one category for speed."""
    folder = tmp_path_factory.mktemp("outlook")
    activity = cube(*usage()).localCheckpoint()
    owned = tokens({place: {place: f"a{place:02d}"} for place in range(1, 81)})
    owned = owned.withColumn("last_seen", F.to_timestamp(F.lit("2025-10-31 12:00:00"))).localCheckpoint()
    now = snapshot(activity, owned, AS_OF, 1, CATEGORIES, (1, False), load_settings("local", []).basetable)
    tables = store(spark, folder)
    names = [(1, "open", "Document", "exact", 0, dt.datetime(2025, 1, 1))]
    for frame, table in (
        (activity, ACTIVITY), (owned, TOKENS), (now.drop(CHURNED), BASETABLE),
        (spark.createDataFrame(names, EVENT_NAMES.columns), EVENT_NAMES),
        (spark.createDataFrame([], EVENTS.columns), EVENTS), (spark.createDataFrame([], ACCOUNTS.columns), ACCOUNTS),
    ):  # fmt: skip
        tables.append(frame, table)
    tables.publish("tests", dt.datetime(2025, 11, 2, tzinfo=dt.UTC))
    with pytest.MonkeyPatch.context() as patched:
        for module in (freshness, forecast_churn):
            patched.setattr(module, "stored_categories", lambda job: CATEGORIES)
        yield folder


def run(job: JobSpec, folder: Path, *more: str) -> int:
    return execute(job, ["--data-dir", str(folder), *FORECAST, *more])


def read(spark: SparkSession, folder: Path, name: str) -> DataFrame:
    return spark.read.format("delta").load(str(folder / "tables" / name))


def test_accounts_that_use_less_and_less_are_found(
    spark: SparkSession, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(forecast_churn.JOB, data_dir) == Exit.OK
    said = capsys.readouterr().out
    assert "the logs hold 6 months before 2025-07-01" in said
    assert "churn, active accounts: 15 of 65 silent for 2 months; AUC 1.00" in said
    assert "better than recency alone" in said
    scores = read(spark, data_dir, CHURN_SCORES.name).toPandas()
    assert (len(scores), set(scores["as_of"])) == (80, {AS_OF})
    assert scores["active"].sum() == 50
    given = scores["probability"].groupby(scores["account_id"].map(kind)).median()
    assert given["steady"] < 0.2
    assert given["going"] > 0.8
    metrics = read(spark, data_dir, CHURN_METRICS.name).toPandas().set_index(["population", "slice", "metric"])
    assert len(metrics) == 2 * 2 * 4
    test = metrics.loc[("active", "test", "auc")]
    assert (test["accounts"], test["churned"], test["base_rate"]) == (65, 15, 0.5)
    assert test["low"] > test["recency"]
    assert metrics.loc[("all", "test", "auc"), "churned"] == 30  # 15 were gone long before


def test_the_model_is_registered_and_gives_the_stored_scores(spark: SparkSession, data_dir: Path) -> None:
    settings = load_settings("local", [])
    runs = open_runs(settings.storage, data_dir)
    name = champion(runs, "churn")
    assert name == "churn/1"
    model = load_model(runs, name)
    again = score_churn(model, read(spark, data_dir, BASETABLE.name), active_months=1).toPandas()
    stored = read(spark, data_dir, CHURN_SCORES.name)
    assert {row["model"] for row in stored.select("model").distinct().collect()} == {name}
    pd.testing.assert_frame_equal(
        again.sort_values("account_id", ignore_index=True),
        stored.drop("model").toPandas().sort_values("account_id", ignore_index=True),
    )
    client = MlflowClient(tracking_uri=runs.tracking_uri)
    run_id = client.get_model_version("churn", "1").run_id
    assert client.get_run(run_id).data.metrics["test/auc/active"] > 0.9
    nested = client.search_runs([runs.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    assert len(nested) == 1


def test_a_second_run_finds_nothing_new(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(forecast_churn.JOB, data_dir, "--set", "models.kmeans.params.maxIter=31") == Exit.OK
    assert "nothing has changed" in capsys.readouterr().out
    assert champion(open_runs(load_settings("local", []).storage, data_dir), "churn") == "churn/1"


def test_too_short_a_history_is_refused_in_one_line(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(forecast_churn.JOB, data_dir, "--set", "outlook.horizon_months=5") == Exit.LACKING
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("segmentation churn: churn needs 11 months of logs before 2025-11-01")


def test_a_basetable_without_a_feature_is_refused_before_anything_is_learned(
    data_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that would be built otherwise is told of."""
    monkeypatch.setattr("segmentation.jobs.freshness.is_behind", lambda *_: True)
    assert run(forecast_churn.JOB, data_dir, "--set", "basetable.imputation=logs") == Exit.INPUT
    *_, told, line = capsys.readouterr().err.splitlines()
    assert "the basetable as of 2025-11-01 would be built otherwise today" in told
    assert line.startswith("segmentation churn: the basetable lacks 4 feature(s): filled_")
    assert "build it again" in line


def test_values_are_forecast_and_checked(
    spark: SparkSession, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(forecast_value.JOB, data_dir) == Exit.OK
    said, progress = capsys.readouterr()
    assert "left aside: 1 row with a value before 2025-01-01, so few that a wrong clock is likelier" in progress
    assert "value as of 2025-11-01: 80 accounts" in said
    assert "days from 2025-08-01 on:" in said
    found = read(spark, data_dir, ACCOUNT_VALUES.name).toPandas()
    assert len(found) == 80
    assert found["age_days"].max() < 366  # the row of a wrong clock makes nobody older
    by_kind = found.groupby(found["account_id"].map(kind)).mean(numeric_only=True)
    assert by_kind.loc["steady", "alive"] > 0.9
    assert by_kind.loc["gone by July", "alive"] < 0.1
    assert by_kind.loc["steady", "lifetime_value"] > 10 * by_kind.loc["gone by July", "lifetime_value"]
    assert run(forecast_value.JOB, data_dir) == Exit.OK
    assert "nothing has changed" in capsys.readouterr().out


def test_a_report_speaks_of_the_months_that_were_forecast(data_dir: Path) -> None:
    found = dict[str, int]()

    def look(job: Job) -> None:
        found["churn"] = forecast_months(job, CHURN_SCORES, "horizon_months", AS_OF)
        found["value"] = forecast_months(job, ACCOUNT_VALUES, "value_months", AS_OF)
        found["of another date"] = forecast_months(job, ACCOUNT_VALUES, "value_months", months_before(AS_OF, 1))

    spec = JobSpec("look", "the months of both forecasts", lambda parser: None, look, writes=False)
    assert execute(spec, ["--data-dir", str(data_dir)]) == Exit.OK  # by the settings of today
    assert found == {"churn": 2, "value": 3, "of another date": None}
    assert open_house(data_dir).horizon_months == 2


def test_logs_without_a_value_are_one_clear_line(data_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(forecast_value.JOB, data_dir, "--as-of", "2020-06-01") == Exit.LACKING
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("segmentation value: no log row before 2020-06-01 carries a value")
    assert run(forecast_value.JOB, data_dir, "--as-of", "2026-03-01") == Exit.INPUT
    assert "the logs end on 2025-10-31" in capsys.readouterr().err
