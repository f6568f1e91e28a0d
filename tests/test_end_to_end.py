"""The whole path on generated logs, held against the truth that was planted in them."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import adjusted_rand_score

from segmentation.events.build import read_category
from segmentation.events.categories import category_names
from segmentation.features.activity import build_activity, mask_words
from segmentation.features.catalogue import catalogue
from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.schemas import (
    ACCOUNT_ACTIONS,
    ACCOUNT_SCORES,
    ACCOUNT_VALUES,
    ACTIVITY_GAPS,
    CATEGORY_COVERAGE,
    CHURN_METRICS,
    CHURN_SCORES,
    COLUMN_HISTOGRAMS,
    COLUMN_PROFILES,
    FEATURE_GROUPS,
    HEAVY_HITTERS,
    INDUSTRY_METRICS,
    INDUSTRY_SUSPECTS,
    REPORT_CHANGES,
    SEGMENT_INDUSTRIES,
    SEGMENT_MOVES,
    TABLES,
)
from segmentation.stores.conf import load_categories
from tests.walk import AS_OF, SMALL, walk

#: written by commands that `run` is not made of
EXPLORED = (
    COLUMN_PROFILES, COLUMN_HISTOGRAMS, HEAVY_HITTERS, CATEGORY_COVERAGE, ACTIVITY_GAPS, FEATURE_GROUPS,
)  # fmt: skip
ELSEWHERE = (
    SEGMENT_INDUSTRIES,
    ACCOUNT_ACTIONS,
    REPORT_CHANGES,
    CHURN_SCORES,
    CHURN_METRICS,
    ACCOUNT_VALUES,
    ACCOUNT_SCORES,
    *EXPLORED,
)
WRITTEN = [table for table in TABLES if table not in ELSEWHERE]
#: nobody has moved since a run that there was not, and no label need look wrong
MAY_BE_EMPTY = (SEGMENT_MOVES, INDUSTRY_SUSPECTS)

Read = Callable[[str], DataFrame]


@pytest.fixture(scope="module")
def read(spark: SparkSession, walked: Path) -> Read:
    return lambda name: spark.read.format("delta").load(str(walked / "tables" / name))


def truth(walked: Path, name: str, key: str, value: str) -> dict[str, str]:
    with (walked / "raw" / "truth" / name).open(encoding="utf-8") as stream:
        return {row[key]: row[value] for row in csv.DictReader(stream)}


def test_every_planted_piece_of_mess_is_found_by_its_rule(walked: Path, read: Read) -> None:
    planted = json.loads((walked / "raw" / "truth" / "mess.json").read_text(encoding="utf-8"))
    rows = read("row_balance").groupBy("disposition", "rule").agg(F.sum("rows").alias("rows")).collect()
    found = {(row["disposition"], row["rule"]): row["rows"] for row in rows}
    assert found == {
        ("kept", None): planted["rows"]
        - sum(n for (kind, _), n in found.items() if kind in ("quarantined", "dropped")),
        # some are no times, and some are times of the year 12021
        ("quarantined", "bad_time"): planted["kinds"]["bad_timestamp"] - found["quarantined", "time_out_of_range"],
        ("quarantined", "time_out_of_range"): planted["kinds"]["bad_timestamp"] // 4,
        ("quarantined", "missing_account"): planted["missing_field"]["account"],
        ("quarantined", "missing_token"): planted["missing_field"]["token"],
        ("quarantined", "missing_event_name"): planted["missing_field"]["event_name"],
        ("dropped", "outdated_user"): planted["kinds"]["outdated"],
        ("dropped", "duplicate"): planted["kinds"]["duplicate"],
        ("flagged", "unmatched_event_name"): planted["kinds"]["unknown_event"],
    }


def test_every_table_is_there_and_unique_by_its_key(read: Read) -> None:
    for table in WRITTEN:
        frame = read(table.name)
        assert frame.count() > 0 or table in MAY_BE_EMPTY, table.name
        if table.unique_by:
            assert frame.groupBy(*table.unique_by).count().where("count > 1").count() == 0, table.name


def test_events_lie_in_order_inside_their_files(read: Read) -> None:
    second = F.unix_seconds("event_ts").alias("second")  # below a second the order does not matter
    place = (F.input_file_name().alias("file"), F.monotonically_increasing_id().alias("at"))
    kept = read("events").where("disposition = 'kept'").select(*place, "category", "token_key", second)
    rows = kept.toPandas().sort_values("at")
    for run in (["file", "category"], ["file", "category", "token_key"]):
        begins = (rows[run] != rows[run].shift()).any(axis=1)
        assert begins.sum() == len(rows[run].drop_duplicates())  # each of them in one piece
    assert rows.groupby(["file", "category", "token_key"])["second"].is_monotonic_increasing.all()


def test_one_category_is_read_by_its_columns_and_pages_alone(read: Read) -> None:
    frame = read_category(read("events"), "Document", "duration_s")
    plan = frame._jdf.queryExecution().executedPlan().toString()
    assert "EqualTo(category,Document)" in plan.split("PushedFilters")[1]
    assert set(re.findall(r"(\w+):", plan.split("ReadSchema: struct<")[1])) == {"category", "disposition", "duration_s"}
    everything = read("events").where("category = 'Document' and disposition = 'kept'")
    assert frame.count() == everything.count() > 0


def test_the_cube_holds_every_kept_row_once(read: Read) -> None:
    kept = read("events").where("disposition = 'kept'").count()
    assert read("activity").agg(F.sum("rows")).first() == (kept,)


def test_tokens_under_two_accounts_stay_with_their_true_one(walked: Path, read: Read) -> None:
    tokens = {row["token"]: row["account_id"] for row in read("tokens").collect()}
    true = truth(walked, "tokens.csv", "token", "account")
    assert tokens == {token: true[token] for token in tokens}
    assert read("tokens").where(F.size("accounts") > 1).count() > 0


def test_the_basetable_has_every_feature_and_no_gap(read: Read) -> None:
    basetable = read("basetable").drop("industry")
    assert len(basetable.columns) - 4 == len(catalogue(category_names(load_categories())))
    assert basetable.dropna().count() == basetable.count() == read("account_features").count()


def test_planted_segments_are_recovered(walked: Path, read: Read) -> None:
    planted = truth(walked, "accounts.csv", "account", "segment")
    rows = read("segments").where("method = 'kmeans'").collect()
    found = [row["segment"] for row in rows]
    assert adjusted_rand_score([planted[row["account_id"]] for row in rows], found) > 0.9


def test_every_account_has_probabilities_that_sum_to_one(read: Read) -> None:
    sums = read("industry_scores").groupBy("account_id").agg(F.sum("probability").alias("total")).collect()
    assert len(sums) == read("basetable").count()
    assert all(row["total"] == pytest.approx(1.0) for row in sums)


def test_metrics_tell_train_from_unseen(read: Read) -> None:
    rows = read("industry_metrics").where("metric = 'macro_auc'").collect()
    macro = {row["slice"]: row["value"] for row in rows}
    assert macro["train"] > macro["cv"] > 0.5
    assert all(row["majority"] == 0.5 for row in rows)


def test_runs_carry_settings_versions_and_champions(walked: Path, read: Read) -> None:
    client = mlflow.MlflowClient(f"sqlite:///{walked / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("segmentation")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    parents = {run.info.run_name: run for run in runs if "mlflow.parentRunId" not in run.data.tags}
    assert set(parents) == {"train_segments", "train_industry"}
    assert sum("mlflow.parentRunId" in run.data.tags for run in runs) == 2 * 3 + 1 + 2
    params = parents["train_industry"].data.params
    assert {"delta_version.events", "delta_version.activity", "delta_version.basetable"} <= set(params)
    artifacts = [a.path for a in client.list_artifacts(parents["train_industry"].info.run_id)]
    assert "settings.yml" in artifacts
    models = {row["model"] for row in read("segments").select("model").distinct().collect()}
    for method in ("kmeans", "gmm"):
        version = client.get_model_version_by_alias(f"segments_{method}", "champion")
        assert f"segments_{method}/{version.version}" in models
    assert client.get_model_version("industry", "1").tags["label"] == "industry"


def test_the_summary_names_what_was_done(walked: Path, capsys: pytest.CaptureFixture[str], read: Read) -> None:
    """A second run finds nothing to do, says so, and shows the same screen."""
    versions = {table.name: read(table.name).count() for table in WRITTEN}
    capsys.readouterr()
    assert walk(walked) == Exit.OK
    said = capsys.readouterr().out
    for line in (
        "nothing to ingest",
        "basetable as of 2026-01-01: nothing has changed",
        "segments as of",
        "consensus    ",
        "fill in      ",
        f"tables       {walked}/tables/",
        f"model runs   mlflow ui --backend-store-uri sqlite:///{walked}/mlflow.db",
    ):
        assert line in said
    assert "rows         in 60,000 = kept" in said
    told = read(INDUSTRY_METRICS.name).where("metric = 'auc' AND industry = 'Commercial Print'").collect()
    train, cv, test = ({row["slice"]: row for row in told}[part] for part in ("train", "cv", "test"))
    figures = [train["value"], cv["value"], cv["low"], cv["high"], test["value"], cv["majority"]]
    [line] = [one for one in said.splitlines() if one.startswith("  Commercial Print ")]
    assert line.replace(" - ", " ").split()[2:8] == [f"{figure:.2f}" for figure in figures]
    assert {table.name: read(table.name).count() for table in WRITTEN} == versions


@pytest.mark.long
def test_late_rows_recompute_only_their_month(walked: Path, spark: SparkSession, read: Read, tmp_path: Path) -> None:
    shutil.copytree(walked / "tables", tmp_path / "tables")
    late, cube = tmp_path / "late.csv", str(tmp_path / "tables" / "activity")
    header = next((walked / "raw" / "logs").glob("*.csv")).read_text(encoding="utf-8").splitlines()[0]
    token = read("tokens").orderBy("token").select("token", "account_id").first()
    assert token is not None
    row = f"2025-03-04 05:06:07.008,{token['token']},{token['account_id']},PDF Opened,P,1,OS,active,1.5,,ok"
    late.write_text(f"{header}\n{row}\n", encoding="utf-8")
    paths = ["--data-dir", str(tmp_path)]
    assert main(["ingest", "--source", "generated", "--input", str(late), *paths]) == Exit.OK
    before = set(spark.read.format("delta").load(cube).inputFiles())
    assert main(["basetable", *paths, "--as-of", str(AS_OF), *SMALL]) == Exit.OK
    after = spark.read.format("delta").load(cube)
    assert {file.split("event_month=")[1][:10] for file in set(after.inputFiles()) ^ before} == {"2025-03-01"}
    stored = (tmp_path / "tables" / name for name in ("events", "event_names", "platforms"))
    events, names, platforms = (spark.read.format("delta").load(str(table)) for table in stored)
    # the late row was added to the stored month; from all its rows it would be the same
    whole = build_activity(events, names, platforms, *mask_words(names)).drop("name_sketch")
    assert whole.exceptAll(after.select(*whole.columns)).isEmpty()
    assert after.count() == whole.count()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["basetable", "--as-of", "2020-01-01"], "nothing happened before --as-of 2020-01-01"),
        (["basetable", "--label", "sector", "--force"], "no column 'sector'"),
        (["segments", "--as-of", "2025-05-01"], "no basetable as of 2025-05-01 (there is 2026-01-01)"),
        (["segments", "--set", "segments.methods=[kmean]"], "did you mean 'kmeans'"),
        pytest.param(["segments", "--set", "segments.k=5000"], "5000", marks=pytest.mark.long),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    walked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    shutil.copytree(walked / "tables", tmp_path / "tables")
    assert main([*arguments, "--data-dir", str(tmp_path)]) == Exit.INPUT
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


@pytest.mark.long
def test_what_the_data_lack_is_said_in_one_line_with_a_code_of_its_own(
    walked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(walked / "tables", tmp_path / "tables")
    arguments = ["industry", "--set", "industry.min_accounts=5000", "--data-dir", str(tmp_path)]
    assert main(arguments) == Exit.LACKING
    said = capsys.readouterr().err
    assert "5000" in said
    assert "Traceback" not in said
