"""`kill -9` wherever it hurts: afterwards the same command gives the same tables, and no reader saw half of any."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.schemas import ACCOUNT_FEATURES, ACCOUNTS, ACTIVITY, ACTIVITY_FILES, BASETABLE, EVENTS
from tests.robustness.conftest import (
    Start,
    command,
    contents,
    require_champions,
    require_whole,
    require_whole_trainings,
    store,
)
from tests.robustness.victim import POINTS

#: the part of the path in which each point lies; the commands before it are run first, unharmed
INGEST_POINTS = tuple(point for point in list(POINTS)[:5])
BASETABLE_POINTS = tuple(point for point in list(POINTS)[5:9])
TRAINING_POINTS = tuple(point for point in list(POINTS)[9:14])
#: the table that is being written at a point
WRITTEN = {
    "in the midst of parsing": EVENTS,
    "in the midst of the cube": ACTIVITY,
    "in the midst of the account features": ACCOUNT_FEATURES,
    "in the midst of the basetable": BASETABLE,
}
#: what a build shows first, with the cube: no later table speaks of less than they do
WITH_THE_CUBE = {ACTIVITY.name, ACTIVITY_FILES.name, ACCOUNTS.name}
#: attempts to strike at a moment that lasts some hundredths of a second
TRIES = 4
#: what `make test` runs of them
FEW = ("after the data, before the commit",)


def was_killed_there(spark: SparkSession, data_dir: Path, point: str) -> bool:
    """The kill struck where it was meant to: data files without a commit, or a commit that nobody is shown."""
    if point == "after the data, before the commit":
        files = list((data_dir / "tables" / EVENTS.name).rglob("*.parquet"))
        return bool(files) and store(spark, data_dir).latest_version(EVENTS) == 0  # the empty table
    if point == "after the commit, before the audit":
        return store(spark, data_dir).latest_version(EVENTS) == 1 and not store(spark, data_dir).exists(EVENTS)
    # of a table that is created empty the first rows are its second commit
    return point not in WRITTEN or store(spark, data_dir).latest_version(WRITTEN[point]) <= 0


def kill_and_repeat(
    spark: SparkSession, start: Start, data_dir: Path, raw: Path, name: str, point: str, before: dict[str, str]
) -> None:
    unharmed = data_dir.with_name("unharmed")
    if data_dir.exists():
        shutil.copytree(data_dir, unharmed)
    for _ in range(TRIES):
        victim = start(point, *command(name, data_dir, raw))
        victim.reached()
        victim.kill()
        if was_killed_there(spark, data_dir, point):
            break
        shutil.rmtree(data_dir)  # on a busy machine the commit may be made before the JVM is stopped: once more
        if unharmed.exists():
            shutil.copytree(unharmed, data_dir)
    else:
        pytest.fail(f"no kill struck {point}")
    require_whole(spark, data_dir)
    require_whole_trainings(spark, data_dir)
    seen = contents(spark, data_dir)
    assert {table: seen[table] for table in before} == before
    # those were killed behind a publication
    shown = WITH_THE_CUBE if name == "basetable" and WRITTEN.get(point) is not ACTIVITY else set()
    if point != "before the champion":
        assert seen.keys() - before.keys() <= shown
    assert main(command(name, data_dir, raw)) == Exit.OK


@pytest.mark.parametrize("point", [p if p in FEW else pytest.param(p, marks=pytest.mark.long) for p in INGEST_POINTS])
def test_a_killed_ingest_is_finished_by_the_next(
    spark: SparkSession, start: Start, tmp_path: Path, raw: Path, unharmed: dict[str, dict[str, str]], point: str
) -> None:
    kill_and_repeat(spark, start, tmp_path / "data", raw, "ingest", point, {})
    assert contents(spark, tmp_path / "data") == unharmed["ingest"]


@pytest.mark.parametrize(
    "point", [p if p in FEW else pytest.param(p, marks=pytest.mark.long) for p in BASETABLE_POINTS]
)
def test_a_killed_basetable_is_built_by_the_next(
    spark: SparkSession, start: Start, tmp_path: Path, raw: Path, unharmed: dict[str, dict[str, str]], point: str
) -> None:
    data_dir = tmp_path / "data"
    assert main(command("ingest", data_dir, raw)) == Exit.OK
    kill_and_repeat(spark, start, data_dir, raw, "basetable", point, unharmed["ingest"])
    assert contents(spark, data_dir) == unharmed["basetable"]


@pytest.mark.long
@pytest.mark.parametrize("point", TRAINING_POINTS)
def test_a_killed_training_is_done_by_the_next(
    spark: SparkSession, start: Start, tmp_path: Path, raw: Path, unharmed: dict[str, dict[str, str]], point: str
) -> None:
    data_dir = tmp_path / "data"
    for name in ("ingest", "basetable"):
        assert main(command(name, data_dir, raw)) == Exit.OK
    name = "industry" if "industries" in point else "segments"
    kill_and_repeat(spark, start, data_dir, raw, name, point, unharmed["basetable"])
    for rest in ("segments", "industry"):
        assert main(command(rest, data_dir, raw)) == Exit.OK
    assert contents(spark, data_dir) == unharmed["industry"]
    require_champions(spark, data_dir)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20))
def test_a_kill_at_any_time(
    spark: SparkSession, start: Start, tmp_path: Path, raw: Path, unharmed: dict[str, dict[str, str]], seed: int
) -> None:
    """The whole path, killed once at random, watched by a reader all the while, then given again."""
    data_dir, dice = tmp_path / "data", random.Random(seed)
    victim = start("never", *command("run", data_dir, raw))
    end = time.monotonic() + dice.uniform(5, 65)
    while time.monotonic() < end and victim.process.poll() is None:
        require_whole(spark, data_dir)
        require_whole_trainings(spark, data_dir)
        time.sleep(0.5)
    if victim.process.poll() is not None:
        assert victim.process.returncode == Exit.OK, victim.log.read_text()
        pytest.skip("a machine this fast was done before the kill")
    victim.kill()
    require_whole(spark, data_dir)
    require_whole_trainings(spark, data_dir)
    assert main(command("run", data_dir, raw)) == Exit.OK
    assert contents(spark, data_dir) == unharmed["industry"]
    require_champions(spark, data_dir)


@pytest.mark.long
def test_resume_finishes_without_being_told_what(
    spark: SparkSession, start: Start, tmp_path: Path, raw: Path, unharmed: dict[str, dict[str, str]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Only the driver dies; its JVM, left alone, must not spoil what the next one does."""
    data_dir = tmp_path / "data"
    victim = start("before ingest publishes", *command("ingest", data_dir, raw))
    driver, jvm = victim.reached()
    assert jvm
    os.kill(driver, signal.SIGKILL)
    victim.process.wait()
    assert main(["ingest", "--resume", "--data-dir", str(data_dir)]) == Exit.OK
    said = capsys.readouterr()
    assert "an earlier ingest did not finish" in said.err
    assert "are there already" in said.err
    assert contents(spark, data_dir) == unharmed["ingest"]
    assert main(["ingest", "--resume", "--data-dir", str(data_dir)]) == Exit.OK
    assert "nothing to resume" in capsys.readouterr().out


@pytest.mark.spark
def test_a_killed_jvm_is_one_line(start: Start, tmp_path: Path, raw: Path) -> None:
    victim = start("never", *command("ingest", tmp_path / "data", raw))
    until = time.monotonic() + 240
    while "starting Spark" not in victim.log.read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    children = Path(f"/proc/{victim.process.pid}/task/{victim.process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    assert victim.process.wait(timeout=120) == Exit.ENVIRONMENT
    said = victim.log.read_text().splitlines()
    assert said[-1].startswith("segmentation ingest: Spark's JVM is gone")
    assert "Traceback" not in "\n".join(said)
