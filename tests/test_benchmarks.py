"""Rivals of the benchmarks as an oracle: DuckDB and Polars know nothing of the package and give the same features."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from benchmarks import duckdb_features, polars_features
from benchmarks.equality import Unequal, account_ids, require_equal, rival_features
from benchmarks.eventlog import Query, Task, queries, tasks, worst_skew
from benchmarks.on_cluster import Run, growth, speed_up
from benchmarks.rounds import Reading, median_ratio, medians
from benchmarks.world import write_strings
from segmentation.events.categories import category_names
from segmentation.features.catalogue import catalogue
from segmentation.stores.conf import load_categories
from tests.walk import AS_OF

MEMORY = "1GB"


@pytest.fixture(scope="module")
def events(spark: SparkSession, walked: Path) -> list[str]:
    """The data files of the table."""
    files = spark.read.format("delta").load(str(walked / "tables" / "events")).inputFiles()
    return [file.removeprefix("file:").replace("///", "/") for file in files if "event_month=2" in file]


def test_three_engines_give_the_same_features(
    spark: SparkSession, walked: Path, events: list[str], tmp_path: Path
) -> None:
    table = spark.read.format("delta").load(str(walked / "tables" / "account_features"))
    ours = table.where(f"as_of = DATE '{AS_OF}'").drop("as_of").toPandas().set_index("account_id").sort_index()
    by_keys, by_strings, polars, raw = (tmp_path / name for name in ("keys", "strings", "polars", "raw.parquet"))
    duckdb_features.run(events, duckdb_features.EVENTS, AS_OF, str(by_keys), 2, MEMORY)
    keyed = rival_features(by_keys, account_ids(walked))
    assert require_equal(ours, keyed, "DuckDB") == len(ours) * len(catalogue(category_names(load_categories())))
    write_strings(events, raw)
    duckdb_features.run([str(raw)], duckdb_features.RAW, AS_OF, str(by_strings), 2, MEMORY)
    require_equal(ours, rival_features(by_strings), "DuckDB")
    polars_features.run([str(raw)], AS_OF, str(polars))
    require_equal(ours, rival_features(polars), "Polars")
    with pytest.raises(Unequal, match=r"DuckDB: 1 columns differ: tokens .* accounts"):
        require_equal(ours.assign(tokens=ours["tokens"] + 1e-6), keyed, "DuckDB")


def test_ratios_are_taken_within_a_round() -> None:
    rounds = [{"a": Reading(1, 2.0 * n, 5 + n, 3.0), "b": Reading(1, 1.0 * n, 7, n)} for n in (1, 2, 30)]
    assert median_ratio(rounds, "a", "b") == 2.0
    assert medians(rounds, "a") == Reading(1, 4.0, 35, 3.0)
    assert median_ratio(rounds, "a", "b", "warm") == 1.5


def test_the_worst_skew_is_that_of_one_stage() -> None:
    even = [Task(1, seconds, 0, 0) for seconds in (2.0, 2.0, 3.0)]
    pause = [Task(2, seconds, 0, 0) for seconds in (0.01, 0.01, 0.9)]
    assert worst_skew([*even, *pause]) == (1.5, 3.0)


def test_tasks_and_plans_belong_to_the_query_that_caused_them(tmp_path: Path) -> None:
    sql = "org.apache.spark.sql.execution.ui.SparkListenerSQLExecution"
    started = {"Event": f"{sql}Start", "rootExecutionId": 4}
    events = [
        {**started, "executionId": 5, "physicalPlanDescription": "looks into the log", "time": 1500},
        {"Event": "SparkListenerJobStart", "Stage IDs": [7], "Properties": {"spark.sql.execution.root.id": "4"}},
        {**started, "executionId": 4, "physicalPlanDescription": "writes", "time": 1000},
        {"Event": "SparkListenerTaskEnd", "Stage ID": 7,
         "Task Info": {"Launch Time": 1600, "Finish Time": 2100, "Executor ID": "0"},
         "Task Metrics": {"Shuffle Write Metrics": {"Shuffle Bytes Written": 30}}},
        {"Event": f"{sql}End", "executionId": 5, "time": 2500},
        {"Event": f"{sql}End", "executionId": 4, "time": 3000},
    ]  # fmt: skip
    (tmp_path / "app").write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))
    assert queries(tmp_path) == [Query(4, 1.0, 3.0, "looks into the log\nwrites")]
    assert tasks(tmp_path) == [Task(7, 0.5, 30, 0, query=4, executor="0")]


def test_speed_up_and_growth_of_executors_are_told() -> None:
    few = {"one executor": Run(8.0, 4.0, 90, 60, 5, 2, 30), "two executors": Run(5.0, 2.0, 90, 60, 5, 2, 30)}
    many = {name: replace(run, cube_shuffled=90, cells=45) for name, run in few.items()}
    assert speed_up([few], "work") == 1.6
    assert speed_up([few], "cube") == 2.0
    lines = list(growth({100: [few], 1000: [many]}))
    assert lines[0] == (
        "one executor, from 100 to 1,000 rows (10.0 x): tokens x months 1.50 x, bytes shuffled by the cube 1.50 x"
    )
