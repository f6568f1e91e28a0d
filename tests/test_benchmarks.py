"""Rivals of the benchmarks as an oracle: DuckDB and Polars know nothing of the package and give the same features."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from benchmarks import duckdb_features, machine, polars_features, rounds
from benchmarks.chart import draw
from benchmarks.equality import Unequal, account_ids, require_equal, rival_features, spark_features
from benchmarks.eventlog import Query, Skew, Task, queries, tasks, worst_skew
from benchmarks.ingest_outputs import Stored, require_agreement
from benchmarks.on_cluster import Run, growth, speed_up
from benchmarks.rounds import Reading, median_ratio, medians, warm_ratio
from benchmarks.skewed import skew_lines
from benchmarks.small_half import Contest
from benchmarks.world import World, _code_of_events, prepare_drop, prepare_grown, tell_other_code, write_strings
from segmentation.events.categories import category_names
from segmentation.features.catalogue import catalogue
from segmentation.stores.conf import load_categories
from tests.walk import AS_OF

ROOT = Path(__file__).parents[1]
MEMORY = "1GB"
NAN = float("nan")


@pytest.fixture(scope="module")
def events(spark: SparkSession, walked: Path) -> list[str]:
    """The data files of the table."""
    files = spark.read.format("delta").load(str(walked / "tables" / "events")).inputFiles()
    return [file.removeprefix("file:").replace("///", "/") for file in files if "event_month=2" in file]


def test_three_engines_give_the_same_features(walked: Path, events: list[str], tmp_path: Path) -> None:
    ours = spark_features(walked, AS_OF)
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


def test_duckdb_computes_the_entries_of_a_category_once_and_joins_categories() -> None:
    wide = duckdb_features._wide()
    assert "FILTER" not in wide
    assert wide.count("FROM entries WHERE category = ") == 9
    assert wide.count("AS trend_slope,") == 1


@pytest.mark.parametrize(
    ("larger", "good", "bad"), [(False, (101.9, 100.0), (102.1, 100.0)), (True, (-101.9, -100.0), (-102.1, -100.0))]
)
def test_a_model_that_is_worse_or_failed_is_no_contest(
    larger: bool, good: tuple[float, float], bad: tuple[float, float]
) -> None:
    contest = Contest("KMeans", float, float, "inertia", 0.02, larger_is_better=larger)
    contest.require_as_good(*good)
    for ours, theirs in (bad, (NAN, good[1]), (good[0], NAN), (math.inf, good[1]), (-math.inf, good[1])):
        with pytest.raises(Unequal, match="KMeans: inertia is "):
            contest.require_as_good(ours, theirs)


def test_ratios_are_taken_within_a_round() -> None:
    played = [{"a": Reading(1, 2.0 * n, 5 + n, 3.0), "b": Reading(1, 1.0 * n, 7, n)} for n in (1, 2, 30)]
    assert median_ratio(played, "a", "b") == 2.0
    assert medians(played, "a") == Reading(1, 4.0, 35, 3.0)
    assert warm_ratio(played, "a", "b") == 1.5


def test_who_was_run_once_has_no_warm_figure() -> None:
    played = [{"a": Reading(1, 4.0, 5, None), "b": Reading(1, 2.0, 7, 2.0)}]
    assert (median_ratio(played, "a", "b"), warm_ratio(played, "a", "b")) == (2.0, None)
    assert medians(played, "a").warm is None


def test_a_chart_is_of_readings_on_as_many_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="no readings below"):
        draw(tmp_path, tmp_path / "speed.svg")
    for size, cores in ((1_000, 2), (2_000, 2), (3_000, 1)):
        monkeypatch.setenv(machine.CORES, str(cores))
        (tmp_path / str(size)).mkdir()
        rounds.remember(tmp_path / str(size) / "basetable.json", [{"spark": Reading(1, 2.0, 5, None)}])
        if cores > 1:
            assert max(draw(tmp_path, tmp_path / "speed.svg")) == size
    with pytest.raises(SystemExit, match="1,000 rows on 2, 2,000 rows on 2, 3,000 rows on 1"):
        draw(tmp_path, tmp_path / "speed.svg")
    (tmp_path / "3000" / "basetable.json").write_text("[]")
    with pytest.raises(SystemExit, match="the readings of 3,000 rows do not say"):
        draw(tmp_path, tmp_path / "speed.svg")


def test_a_chart_is_of_one_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size, name in ((1_000, "a slow one"), (2_000, "a fast one")):
        monkeypatch.setattr(rounds, "model", lambda name=name: name)
        (tmp_path / str(size)).mkdir()
        rounds.remember(tmp_path / str(size) / "basetable.json", [{"spark": Reading(1, 2.0, 5, None)}])
    kept = json.loads((tmp_path / "1000" / "basetable.json").read_text())
    assert set(kept["versions"]) == {"python", "pyspark", "duckdb", "polars", "code"}
    with pytest.raises(SystemExit, match="1,000 rows on a slow one, 2,000 rows on a fast one"):
        draw(tmp_path, tmp_path / "speed.svg")


def test_a_cube_of_other_code_is_no_start_for_a_new_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr("benchmarks.world._run", lambda *words: given.append(words[0]))
    monkeypatch.setattr("benchmarks.world._ingest", lambda data, logs: given.append(logs.name))
    prepare_grown(World(tmp_path, 9))
    prepare_grown(World(tmp_path, 9))
    assert given == ["basetable", "late"]
    monkeypatch.setattr("benchmarks.world.code_digest", lambda *_, **__: "another release")
    with pytest.raises(SystemExit, match=f"delete {tmp_path / 'grown'}, and its logs are ingested anew"):
        prepare_grown(World(tmp_path, 9))
    (tmp_path / "grown.built").unlink()  # as an earlier release left it: December must not be built
    with pytest.raises(SystemExit, match="nothing tells which code"):
        prepare_grown(World(tmp_path, 9))
    assert given == ["basetable", "late"]


@pytest.mark.parametrize("given", [["--rounds", "0"], ["--rows", "0"], ["--rows", "-5"]])
def test_nothing_is_measured_no_times(given: list[str]) -> None:
    command = [sys.executable, "-m", "benchmarks", "basetable", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"argument {given[0]}: invalid positive value: '{given[1]}'" in done.stderr


def test_a_cluster_is_given_no_cores() -> None:
    command = [sys.executable, "-m", "benchmarks", "cluster", "--cores", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--cores: the cluster has two workers of one core each" in done.stderr


def test_two_benches_do_not_share_a_home(tmp_path: Path) -> None:
    given = [sys.executable, "-m", "benchmarks", "chart", "--home", str(tmp_path)]
    with machine.alone_in(tmp_path):
        done = subprocess.run(given, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"another bench runs in {tmp_path}: wait for it, or give another --home\n"
    with machine.alone_in(tmp_path):
        pass


@pytest.mark.skipif(not shutil.which("setpriv"), reason="only the kernel of Linux ends children")
def test_a_killed_bench_takes_its_contestant_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, '{"startup": 0, "work": 1, "memory": 1, "warm": null}', "")

    monkeypatch.setattr(subprocess, "run", run)
    rounds.run(World(tmp_path, 9), "spark")
    prepare_drop(tmp_path, 9)
    assert [command[:3] for command in commands] == [["setpriv", "--pdeathsig", "KILL"]] * 2
    monkeypatch.undo()
    sleeper = machine.ended_with_us(["sleep", "60"])
    parent = f"import subprocess; child = subprocess.Popen({sleeper}); print(child.pid, flush=True); child.wait()"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        child = int(bench.stdout.readline())
        give_up = time.monotonic() + 20
        while Path(f"/proc/{child}/comm").read_text() != "sleep\n":  # before, it has not told the kernel yet
            assert time.monotonic() < give_up
            time.sleep(0.05)
        bench.kill()
    give_up = time.monotonic() + 20
    while _lives(child):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def _lives(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_cores_are_those_asked_for_or_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(machine.CORES, raising=False)
    assert machine.cores() == machine.available_cores() >= 1
    monkeypatch.setenv(machine.CORES, "3")
    assert machine.cores() == 3


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="macOS holds no process to cores")
def test_whoever_is_held_to_fewer_cores_and_all_it_starts_have_no_more() -> None:
    told = "import os; from benchmarks import machine; print(machine.cores(), len(os.sched_getaffinity(0)))"
    child = [sys.executable, "-c", told]
    held = f"import subprocess; from benchmarks import machine; machine.hold_to(1); subprocess.run({child})"
    done = subprocess.run([sys.executable, "-c", held], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


def test_logs_and_tables_of_other_code_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("benchmarks.world.code_digest", lambda *_, **__: "a")
    world, code = World(tmp_path, 9), {"drop": "a", **_code_of_events()}
    for noted, told in ((code, False), ({**code, "drop": "b"}, True), ({**code, "events": "b"}, True), (None, True)):
        (tmp_path / "done.json").write_text(json.dumps({"rows": 9, "code": noted}))
        tell_other_code(world)
        assert ("delete it to have it made anew" in capsys.readouterr().err) == told


def test_peak_memory_is_told_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.own_peak() > 10 * 2**20
    monkeypatch.setattr(machine, "_high_water", lambda process: None)
    assert machine.own_peak() > 10 * 2**20


def test_null_and_nan_are_told_apart() -> None:
    double = pd.ArrowDtype(pa.float64())
    null, nan = (pd.DataFrame({"x": pd.Series(pd.array(pa.array([1.0, last]), dtype=double))}) for last in (None, NAN))
    assert require_equal(null, null.copy(), "DuckDB") == require_equal(nan, nan.copy(), "DuckDB") == 2
    with pytest.raises(Unequal, match=r"x \(1 accounts, 1: <NA> and nan\)"):
        require_equal(null, nan, "DuckDB")


@pytest.mark.parametrize("kind", [object, "str", pd.ArrowDtype(pa.string())])
def test_texts_that_may_be_null_are_compared(kind: object) -> None:
    one, other = (pd.DataFrame({"x": pd.Series(["a", last, "c"], dtype=kind)}) for last in (None, "b"))
    assert require_equal(one, one.copy(), "DuckDB") == 3
    with pytest.raises(Unequal, match=r"x \(1 accounts, 1: "):
        require_equal(one, other, "DuckDB")


def test_outputs_of_every_round_are_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rounds, "run", lambda world, name: Reading(1, 1.0, 1, 1.0))
    seen: list[int] = []

    def check(world: World) -> str:
        seen.append(world.rows)
        if len(seen) == 2:
            raise Unequal("differs")
        return "equal"

    assert len(rounds.play(World(tmp_path, 9), ["a"], 1, check)) == 1
    kept = tmp_path / "basetable.json"
    seen.clear()
    with pytest.raises(Unequal, match="differs"):
        rounds.play(World(tmp_path, 9), ["a"], 3, check, kept)
    assert len(json.loads(kept.read_text())["rounds"]) == 1


def test_ingests_that_stored_other_rows_are_refused() -> None:
    ours = Stored({"2025-01-01 dropped duplicate": 1, "2025-01-01 kept": 8, "no month quarantined bad_time": 1}, "a", 1)
    assert require_agreement(10, ours, ours, 10, 9).startswith("10 rows")
    fewer = replace(ours, decided={**ours.decided, "2025-01-01 kept": 7})
    with pytest.raises(Unequal, match="9 stored from CSV; from CSV and from Parquet: 2025-01-01 kept 7 and 8; 10 rows"):
        require_agreement(10, fewer, ours, 9, 8)
    with pytest.raises(Unequal, match=r"^rows kept from CSV and from Parquet differ in content$"):
        require_agreement(10, ours, replace(ours, kept="b"), 10, 9)
    with pytest.raises(Unequal, match=r"^9 rows differ from each other by ours, 10 by DuckDB$"):
        require_agreement(10, ours, ours, 10, 10)


def test_the_worst_skew_is_that_of_one_stage() -> None:
    even = [Task(1, seconds, 0, 0) for seconds in (2.0, 2.0, 3.0)]
    pause = [Task(2, seconds, 0, 0) for seconds in (0.01, 0.01, 0.9)]
    assert worst_skew([*even, *pause], lambda task: task.seconds, most=1.0) == Skew(1.5, 3.0, 1, 3)
    assert worst_skew(pause, lambda task: task.seconds, most=1.0) is None


def test_a_task_with_most_of_the_rows_is_seen_however_few_tasks_there_are() -> None:
    two = [Task(1, 0.1, 0, 0, records=records) for records in (90_000, 1_000)]
    assert worst_skew(two, lambda task: task.records) == Skew(90.0, 90_000, 1, 2)
    many = [Task(2, 0.1, 0, 0, records=1_000)] * 63 + [Task(2, 0.1, 0, 0, records=300_000)]
    few = [Task(3, 0.1, 0, 0, records=records) for records in (0, 0, 40)]
    lines = list(skew_lines([*many, *few], 363_000))
    assert "the most of a task is 300,000.0, 300.0 x the median of the other 63 of stage 2" in lines[1]
    assert lines[2].endswith("no stage counts")
    assert worst_skew(few, lambda task: task.records) == Skew(math.inf, 40, 3, 3)


def test_tasks_and_plans_belong_to_the_query_that_caused_them(tmp_path: Path) -> None:
    sql = "org.apache.spark.sql.execution.ui.SparkListenerSQLExecution"
    started = {"Event": f"{sql}Start", "rootExecutionId": 4}
    events = [
        {**started, "executionId": 5, "physicalPlanDescription": "looks into the log", "time": 1500},
        {"Event": "SparkListenerJobStart", "Stage IDs": [7], "Properties": {"spark.sql.execution.root.id": "4"}},
        {**started, "executionId": 4, "physicalPlanDescription": "writes", "time": 1000},
        {"Event": "SparkListenerTaskEnd", "Stage ID": 7,
         "Task Info": {"Launch Time": 1600, "Finish Time": 2100, "Executor ID": "0"},
         "Task Metrics": {"Shuffle Write Metrics": {"Shuffle Bytes Written": 30},
                          "Shuffle Read Metrics": {"Total Records Read": 7}}},
        {"Event": f"{sql}End", "executionId": 5, "time": 2500},
        {"Event": f"{sql}End", "executionId": 4, "time": 3000},
    ]  # fmt: skip
    (tmp_path / "app").write_text("".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events))
    assert queries(tmp_path) == [Query(4, 1.0, 3.0, "looks into the log\nwrites")]
    assert tasks(tmp_path) == [Task(7, 0.5, 30, 0, query=4, executor="0", records=7)]


def test_speed_up_and_growth_of_executors_are_told() -> None:
    few = {"one executor": Run(8.0, 4.0, 90, 60, 5, 2, 30), "two executors": Run(5.0, 2.0, 90, 60, 5, 2, 30)}
    many = {name: replace(run, cube_shuffled=90, cells=45) for name, run in few.items()}
    assert speed_up([few], "work") == 1.6
    assert speed_up([few], "cube") == 2.0
    lines = list(growth({100: [few], 1000: [many]}))
    assert lines[0] == (
        "one executor, from 100 to 1,000 rows (10.0 x): tokens x months 1.50 x, bytes shuffled by the cube 1.50 x"
    )
