"""The slow ones: every job by spark-submit, kills at several stages, executors that lack something."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from pyspark.sql import SparkSession

from segmentation.failures import Exit
from segmentation.jobs.command import main
from segmentation.stores.jars import find_jars
from tests.cluster.conftest import ROOT, Cluster, Submit
from tests.robustness.conftest import SMALL, command, contents

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More accounts than the fewest that the driver can be told to see."""
    folder = tmp_path_factory.mktemp("raw")
    output = ["--output", str(folder), "--data-dir", str(folder / "data")]
    assert main(["generate", *output, *SMALL, "--set", "synthetic.accounts=150"]) == Exit.OK
    return folder


@pytest.fixture(scope="module")
def stages(spark: SparkSession, raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Data directories after each command of a walk in this process; `""`: before the first."""
    folder = tmp_path_factory.mktemp("stages")
    (folder / "data").mkdir()
    after = {"": folder / "before"}
    shutil.copytree(folder / "data", after[""])
    for name in ("ingest", "basetable", "segments", "industry"):
        assert main(command(name, folder / "data", raw)) == Exit.OK
        after[name] = folder / f"after-{name}"
        shutil.copytree(folder / "data", after[name])
    return after


@pytest.fixture(scope="module")
def local(stages: dict[str, Path]) -> Path:
    """Data directory of the whole path in this process."""
    return stages["industry"]


#: half a year of logs shows no three months of silence
SOON = [
    *("--set", "outlook.horizon_months=1", "--set", "outlook.active_months=1", "--set", "outlook.min_accounts=1"),
]


def steps(data: Path, raw: Path) -> dict[str, list[str]]:
    """Arguments of every entry point, in the order in which data walks through them."""
    common = ["--data-dir", str(data), *SMALL]
    return {
        "check_machine": ["--quick", *common],
        "ingest_events": command("ingest", data, raw)[1:],
        "replay_quarantine": ["--source", "generated", *common],
        "build_basetable": command("basetable", data, raw)[1:],
        "explore_tables": common,
        "train_segments": common,
        "train_industry": common,
        "forecast_churn": [*common, *SOON],
        "forecast_value": common,
        "score_accounts": common,
        "publish_report": common,
        "export_accounts": ["--to", str(data / "files"), *common],
        "show_status": common,
    }


#: `run_all` has its own tests; no Spark is in the generator; there is nothing to go back to or to forget on one walk
ELSEWHERE = {"run_all", "generate_logs", "rollback_model", "forget_account"}


def test_every_job_by_itself(
    spark: SparkSession, cluster: Cluster, submit: Submit, raw: Path, local: Path, tmp_path: Path
) -> None:
    walk = steps(tmp_path, raw)
    assert set(walk) | ELSEWHERE == {path.stem for path in (ROOT / "jobs").glob("*.py")}
    for name, arguments in walk.items():
        job = submit(cluster.master, name, arguments)
        assert job.end() == Exit.OK, f"{name}: {job.said()}"
    found = contents(spark, tmp_path)
    assert {name: found[name] for name in contents(spark, local)} == contents(spark, local)


@pytest.mark.parametrize(
    ("job", "known", "name", "after", "before"),
    [
        ("ingest_events", "", "ingest", r" rows of 6 files to events \(", "counted every row"),
        ("build_basetable", "ingest", "basetable", r"starting Spark \(", "token features"),
        ("train_segments", "basetable", "segments", r"starting Spark \(", "segments: kmeans trained"),
        ("train_segments", "basetable", "segments", "segments: kmeans trained", "segments: logged and stored"),
        ("train_industry", "segments", "industry", "industry: leakage audit", "industry: lasso trained"),
    ],
)
def test_an_executor_is_killed_between_two_lines(
    spark: SparkSession, cluster: Cluster, submit: Submit, raw: Path, stages: dict[str, Path], tmp_path: Path,
    job: str, known: str, name: str, after: str, before: str,
) -> None:  # fmt: skip
    """In the midst of a command, on what the commands before it had made."""
    shutil.copytree(stages[known], tmp_path / "data")
    started = submit(cluster.master, job, command(name, tmp_path / "data", raw)[1:])
    started.wait_for(after)
    time.sleep(1)
    os.kill(cluster.wait_for_executors(2)[0], signal.SIGKILL)
    assert before not in started.said()
    assert started.end() == Exit.OK, started.said()
    assert contents(spark, tmp_path / "data") == contents(spark, stages[name])


def rows_kept(api: str) -> bool:
    """Whether executors hold all rows of a frame whose plan was cut there; Delta's own can be read again."""
    with urlopen(api) as answer:
        (application,) = json.load(answer)
    with urlopen(f"{api}/{application['id']}/storage/rdd") as answer:
        held = [kept for kept in json.load(answer) if not kept["name"].startswith("Delta Table State")]
    return any(kept["numCachedPartitions"] == kept["numPartitions"] for kept in held)


def test_all_executors_killed_at_once_is_a_new_beginning(
    spark: SparkSession, cluster: Cluster, submit: Submit, raw: Path, local: Path, tmp_path: Path
) -> None:
    """The rows that they kept are gone for good."""
    shutil.copytree(local, tmp_path / "data")
    given = ["--force", "--data-dir", str(tmp_path / "data"), *SMALL]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ui = [word for key in ("enabled=true", f"port={port}") for word in ("--conf", f"spark.ui.{key}")]
    job = submit(cluster.master, "train_segments", given, options=ui)
    job.wait_for("starting Spark")
    cluster.wait_for_executors(2)
    while not rows_kept(f"http://127.0.0.1:{port}/api/v1/applications"):  # what is killed before costs a retry of tasks
        assert "segments: kmeans trained" not in job.said()
        time.sleep(0.1)
    for executor in cluster.executors():
        os.kill(executor, signal.SIGKILL)
    assert "segments: kmeans trained" not in job.said()
    assert job.end() == Exit.OK, job.said()
    assert "beginning again from what is published" in job.said(), job.said()
    assert contents(spark, tmp_path / "data") == contents(spark, local)


def test_executors_without_the_package(cluster: Cluster, submit: Submit, local: Path, tmp_path: Path) -> None:
    """Few accounts for the driver, so that Python on the executors places the others."""
    shutil.copytree(local, tmp_path / "data")
    few = ["--set", "segments.driver_accounts=100", "--set", "segments.methods=[kmeans, ward]"]
    arguments = ["--force", "--data-dir", str(tmp_path / "data"), *SMALL, *few]
    job = submit(cluster.master, "train_segments", arguments, py_files=None, driver_python=sys.executable)
    assert job.end() == Exit.ENVIRONMENT, job.said()
    assert (
        "\nsegmentation segments: Python on the executors has no module segmentation: "
        "give spark-submit --py-files dist/segmentation.zip (`make package`)"
    ) in job.said()
    job = submit(cluster.master, "train_segments", arguments)
    assert job.end() == Exit.OK, job.said()


def test_executors_without_deltas_jars(cluster: Cluster, submit: Submit, raw: Path, tmp_path: Path) -> None:
    """The driver alone has them."""
    here = ["--driver-class-path", ":".join(str(jar) for jar in find_jars(ROOT / ".jars"))]
    job = submit(cluster.master, "ingest_events", command("ingest", tmp_path, raw)[1:], jars=[], options=here)
    assert job.end() == Exit.ENVIRONMENT, job.said()
    assert "\nsegmentation ingest: Java lacks " in job.said()
    assert "by spark-submit --jars; what was published before" in job.said()
