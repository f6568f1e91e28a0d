"""The asset bundle, held against the published types of its jobs and against the commands that it calls."""

from __future__ import annotations

import argparse
import itertools
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.bundles.jobs import Job
from packaging.requirements import Requirement

from segmentation.failures import Exit
from segmentation.jobs import command
from segmentation.jobs.command import job_specs
from segmentation.runtime import fill_parser
from segmentation.stores.conf import load_settings

ROOT = Path(__file__).resolve().parents[1]
#: what a bundle's own file may hold, by the JSON schema of Databricks' CLI
TOP = {"bundle", "include", "artifacts", "variables", "targets", "workspace", "permissions", "run_as", "resources"}
TARGET = {"mode", "default", "variables", "workspace", "permissions", "run_as", "presets", "resources"}
ARTIFACT = {"build", "dynamic_version", "executable", "files", "path", "type"}
VARIABLE = {"default", "description", "lookup", "type"}
LIVING = ("segmentation", "segmentation_serverless")


def _read(path: str) -> dict[str, Any]:
    tree = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    assert isinstance(tree, dict)
    return tree


def _jobs() -> dict[str, dict[str, Any]]:
    jobs = _read("resources/jobs.yml")["resources"]["jobs"]
    assert isinstance(jobs, dict)
    return jobs


def _words(tree: Any) -> Iterator[str]:
    """Every text of a tree, keys left out."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from _words(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _words(value)
    elif isinstance(tree, str):
        yield tree


def _tasks(job: str) -> list[dict[str, Any]]:
    return list(_jobs()[job]["tasks"])


def test_every_job_is_of_the_published_shape() -> None:
    """`from_dict` is generated from the schema of the CLI: it refuses unknown fields and values of other types."""
    for name, tree in _jobs().items():
        job = Job.from_dict(tree)  # type: ignore[arg-type]
        assert job.as_dict()["tasks"], name
        assert tree["max_concurrent_runs"] == 1, name
        assert tree["email_notifications"]["on_failure"] == ["${var.notify}"], name
    with pytest.raises(ValueError, match="Unexpected field 'job_cluster'"):
        Job.from_dict({"name": "x", "tasks": [{"task_key": "x", "job_cluster": "y"}]})  # type: ignore[typeddict-item]


def test_the_bundle_holds_known_keys_and_variables_only() -> None:
    bundle = _read("databricks.yml")
    assert set(bundle) <= TOP
    assert set(bundle["targets"]) == {"dev", "prod"}
    assert all(set(target) <= TARGET for target in bundle["targets"].values())
    assert all(set(artifact) <= ARTIFACT for artifact in bundle["artifacts"].values())
    assert all(set(variable) <= VARIABLE for variable in bundle["variables"].values())
    assert (set(bundle["bundle"]), set(bundle["targets"]["prod"]["workspace"])) == ({"name"}, {"root_path"})
    declared = set(bundle["variables"])
    assert all(variable["description"] for variable in bundle["variables"].values())
    for target in bundle["targets"].values():
        assert set(target["variables"]) <= declared
    used = {name for text in _words([bundle, _jobs()]) for name in re.findall(r"\$\{var\.(\w+)\}", text)}
    assert used == declared
    other = {name for text in _words([bundle, _jobs()]) for name in re.findall(r"\$\{((?!var\.)[\w.]+)\}", text)}
    assert other == {
        "bundle.name",
        "bundle.target",
        "workspace.current_user.userName",
        "workspace.current_user.short_name",
    }


def test_dev_does_not_run_by_itself_and_prod_does_every_month() -> None:
    bundle = _read("databricks.yml")
    dev, prod = bundle["targets"]["dev"], bundle["targets"]["prod"]
    assert (dev["mode"], dev["default"], prod["mode"]) == ("development", True, "production")
    assert bundle["variables"]["schedule_state"]["default"] == "PAUSED"
    assert "schedule_state" not in dev["variables"]
    assert prod["variables"]["schedule_state"] == "UNPAUSED"
    scheduled = {name: job["schedule"] for name, job in _jobs().items() if "schedule" in job}
    assert list(scheduled) == ["segmentation"]  # of two that walk the path only one may do so by itself
    assert scheduled["segmentation"]["pause_status"] == "${var.schedule_state}"
    # seconds, minutes, hours, day of the month, month, day of the week
    assert scheduled["segmentation"]["quartz_cron_expression"].split()[3:] == ["2", "*", "?"]


@pytest.mark.parametrize("job", LIVING)
def test_tasks_walk_the_path_one_after_the_other(job: str) -> None:
    """Two that write at once would overtake each other, so each waits for the one before it."""
    tasks = _tasks(job)
    assert tasks[0].get("depends_on") is None
    for before, task in itertools.pairwise(tasks):
        assert task["depends_on"] == [{"task_key": before["task_key"]}]
        assert "run_if" not in task  # what the data lack is no failure; whatever is one stops the line, and is mailed
    walk = [spec.name for spec in job_specs()]
    called = [task["python_wheel_task"]["parameters"][0] for task in tasks]
    assert called == [task["task_key"] for task in tasks]
    *line, last = called
    assert line == [name for name in walk if name in line]
    assert last == "explore"  # nothing waits for it, so its failure shall not stop the month
    without = {"generate", "replay", "rollback", "run", "forget", "status", "doctor"}
    assert set(called) == set(walk) - without


@pytest.mark.parametrize("job", LIVING)
def test_every_task_calls_a_command_that_exists_with_arguments_that_it_takes(job: str) -> None:
    specs = {spec.name: spec for spec in job_specs()}
    filled = {"var.source": "generated", "var.catalog": "main", "var.schema": "dev", "var.volume": "files"}
    for task in _tasks(job):
        name, *given = task["python_wheel_task"]["parameters"]
        parser = argparse.ArgumentParser(exit_on_error=False)
        fill_parser(parser, specs[name])
        words = [re.sub(r"\$\{([\w.]+)\}", lambda found: filled.get(found[1], "x"), word) for word in given]
        args = parser.parse_args(words)
        storage = load_settings(args.profile, args.overrides).storage
        assert (storage.catalog, storage.schema_name, storage.tracking_uri) == ("main", "dev", "databricks")
        # nothing of a task may lie on the driver's own disk
        paths = [word for word in words if "/" in word and not word.startswith("storage.")]
        assert all(path.startswith("/Volumes/main/dev/files/") for path in paths), name
        assert storage.scratch in {None, "/Volumes/main/dev/files/scratch"}


def test_both_computes_run_the_same_tasks() -> None:
    clustered, serverless = ([(task["task_key"], task["python_wheel_task"]) for task in _tasks(job)] for job in LIVING)
    assert clustered == serverless
    keys = {cluster["job_cluster_key"] for cluster in _jobs()["segmentation"]["job_clusters"]}
    assert {task["job_cluster_key"] for task in _tasks("segmentation")} == keys
    environments = {one["environment_key"] for one in _jobs()["segmentation_serverless"]["environments"]}
    assert {task["environment_key"] for task in _tasks("segmentation_serverless")} == environments


def test_every_notebook_of_the_bundle_exists_and_every_notebook_is_in_it() -> None:
    named = {task["notebook_task"]["notebook_path"] for task in _tasks("segmentation_notebooks")}
    assert named == {f"../notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    cluster = _jobs()["segmentation_notebooks"]["job_clusters"][0]["new_cluster"]
    words = cluster["spark_env_vars"]["SEGMENTATION_SETTINGS"].split()  # notebooks take no --set
    assert load_settings("databricks", words).storage.catalog == "${var.catalog}"


def test_the_page_asks_for_what_the_package_asks_for() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(text) for text in package["dependencies"] + package["optional-dependencies"]["models"]]
    least = {one.name: min(spec.version for spec in one.specifier if spec.operator == ">=") for one in wanted}
    page = (ROOT / "docs" / "how-to" / "databricks.md").read_text(encoding="utf-8")
    python = package["requires-python"].removeprefix(">=")
    versions = f"Python {python}, pandas {least['pandas']}, MLflow {least['mlflow']} and pydantic {least['pydantic']}"
    assert versions in " ".join(page.split())
    library = _tasks("segmentation")[0]["libraries"][1]["pypi"]["package"]
    assert Requirement(library).specifier == next(one.specifier for one in wanted if one.name == "mlflow")


@pytest.mark.slow
def test_every_command_starts_without_what_the_small_mlflow_does_not_bring() -> None:
    """The bundle asks for mlflow-skinny, which brings no database and no server."""

    def needs(package: str, extra: str = "") -> set[str]:
        said = (Requirement(text) for text in requires(package) or ())
        return {one.name.lower() for one in said if one.marker is None or one.marker.evaluate({"extra": extra})}

    brought = needs("mlflow-skinny") | needs("segmentation", "models") | {"mlflow-skinny", "mlflow-tracing"}
    lacking = sorted(needs("mlflow") - brought)
    assert {"sqlalchemy", "alembic"} < set(lacking)
    modules = ", ".join(path.stem for path in (ROOT / "segmentation" / "jobs").glob("[!_]*.py"))
    asks = f"import sys; sys.modules |= dict.fromkeys({lacking}); from segmentation.jobs import {modules}"
    done = subprocess.run([sys.executable, "-c", asks], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == Exit.OK, done.stderr


@pytest.mark.slow
def test_the_wheel_holds_the_settings_and_an_entry_point_that_resolves(tmp_path: Path) -> None:
    build = _read("databricks.yml")["artifacts"]["wheel"]["build"]
    assert build == "python -m pip wheel --no-deps --wheel-dir dist ."
    done = subprocess.run(
        [sys.executable, *build.split()[1:-3], "--no-build-isolation", "--quiet", "--wheel-dir", tmp_path, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        said = wheel.read(entry_points).decode()
    conf = {f"segmentation/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yml")}
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "segmentation").rglob("*.py")}
    assert conf | package <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"segmentation"}  # no top-level jobs, no notebooks
    entry = _tasks("segmentation")[0]["python_wheel_task"]["entry_point"]
    value = dict(line.split(" = ") for line in said.splitlines() if " = " in line)[entry]
    assert EntryPoint(entry, value, "console_scripts").load() is command.console


@pytest.mark.parametrize(
    ("code", "on_databricks", "raised"),
    [
        (Exit.OK, False, None),
        (Exit.INPUT, False, 3),
        (Exit.INPUT, True, 3),
        (Exit.PARTIAL, False, 5),
        (Exit.PARTIAL, True, None),
        (Exit.LACKING, False, 6),
        (Exit.LACKING, True, None),  # scores, export and report do without
        (Exit.FAILED, True, 1),
        (Exit.ENVIRONMENT, True, 4),
    ],
)
def test_a_task_fails_by_raising(
    monkeypatch: pytest.MonkeyPatch, code: Exit, on_databricks: bool, raised: int | None
) -> None:
    monkeypatch.setattr(command, "main", lambda: code)
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    if on_databricks:
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    if raised is None:
        command.console()
    else:
        with pytest.raises(SystemExit) as left:
            command.console()
        assert left.value.code == raised
