"""Rivals of the benchmarks as an oracle: DuckDB and Polars know nothing of the package and give the same features."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from benchmarks import duckdb_features, polars_features
from benchmarks.equality import Unequal, account_ids, require_equal, rival_features
from benchmarks.eventlog import Task, worst_skew
from benchmarks.rounds import Reading, median_ratio, medians
from benchmarks.world import write_strings
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
    assert require_equal(ours, keyed, "DuckDB") == len(ours) * 396
    write_strings(events, raw)
    duckdb_features.run([str(raw)], duckdb_features.RAW, AS_OF, str(by_strings), 2, MEMORY)
    require_equal(ours, rival_features(by_strings), "DuckDB")
    polars_features.run([str(raw)], AS_OF, str(polars))
    require_equal(ours, rival_features(polars), "Polars")
    with pytest.raises(Unequal, match=r"DuckDB: 1 columns differ: tokens .* accounts"):
        require_equal(ours.assign(tokens=ours["tokens"] + 1e-6), keyed, "DuckDB")


def test_ratios_are_taken_within_a_round() -> None:
    rounds = [{"a": Reading(1, 2.0 * n, 5 + n), "b": Reading(1, 1.0 * n, 7)} for n in (1, 2, 30)]
    assert median_ratio(rounds, "a", "b") == 2.0
    assert medians(rounds, "a") == Reading(1, 4.0, 35)


def test_the_worst_skew_is_that_of_one_stage() -> None:
    even = [Task(1, seconds, 0, 0) for seconds in (2.0, 2.0, 3.0)]
    pause = [Task(2, seconds, 0, 0) for seconds in (0.01, 0.01, 0.9)]
    assert worst_skew([*even, *pause]) == (1.5, 3.0)
