"""Where runs are kept, and by what way models go there."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from mlflow.artifacts import download_artifacts

from segmentation.errors import InputProblem
from segmentation.stores import runs as stored_runs
from segmentation.stores.run_database import has_runs
from segmentation.stores.runs import Runs, _scratch, open_runs, require_runs
from tests.robustness.conftest import STORAGE

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("elsewhere", [None, "sqlite:///{}/server.db"])
def test_models_go_by_the_folder_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = elsewhere and elsewhere.format(tmp_path)
    without = STORAGE.model_copy(update={"tracking_uri": uri})
    assert open_runs(without, tmp_path / "data").scratch == (None if uri else tmp_path / "data")
    given = without.model_copy(update={"scratch": "both/see"})
    assert open_runs(given, tmp_path / "data").scratch == tmp_path / "both" / "see"


def test_a_model_goes_by_a_folder_that_others_may_use_and_delete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a Connect server of another user has written is that user's own to delete: no reason to fail."""
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch").chmod(0o2775)
    runs = open_runs(STORAGE.model_copy(update={"scratch": str(tmp_path / "scratch")}), tmp_path / "data")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patched, _scratch(runs) as folder:
        assert folder is not None
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o2775
        (Path(folder) / "part").touch()
        patched.setattr(os, "unlink", refuse)
    with _scratch(runs) as folder:
        assert folder is not None
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    ("uri", "registry"), [("databricks", "databricks-uc"), ("databricks://prod", "databricks-uc://prod")]
)
def test_models_are_registered_in_the_workspace_of_the_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str, registry: str
) -> None:
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    monkeypatch.setattr(stored_runs, "find_experiment", lambda *_: None)
    try:
        stored_runs._find(STORAGE.model_copy(update={"catalog": "main", "tracking_uri": uri}), tmp_path)
        assert mlflow.get_registry_uri() == registry
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])


@pytest.mark.parametrize("name", ["a%20b", "a?b"])
def test_a_folder_that_an_address_cannot_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputProblem, match=r"choose a --data-dir without \? and %, or set") as said:
        open_runs(STORAGE, tmp_path / name)
    assert f"{tmp_path / name}/mlflow.db" in str(said.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["50% of all", "\u00e4 #1"])
def test_any_other_folder_will_do(tmp_path: Path, name: str) -> None:
    runs = open_runs(STORAGE, tmp_path / name)
    run = runs.client.create_run(runs.experiment_id).info.run_id
    runs.client.log_text(run, "said", "note.txt")
    assert Path(open_runs(STORAGE, tmp_path / name).client.download_artifacts(run, "note.txt")).read_text() == "said"
    assert [folder.name for folder in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "mlflow.db").is_file()


def test_a_deleted_experiment_is_named_before_the_work(tmp_path: Path) -> None:
    runs = open_runs(STORAGE, tmp_path)
    runs.client.delete_experiment(runs.experiment_id)
    with pytest.raises(
        InputProblem, match=rf"experiments restore --experiment-id {runs.experiment_id}` brings it back"
    ):
        require_runs(STORAGE, tmp_path)


KILLED = """
import os, sys
from pathlib import Path
from alembic import command
from segmentation.settings import StorageSettings
from segmentation.stores.runs import open_runs
command.upgrade = lambda *_: os._exit(9)
open_runs(StorageSettings(catalog=None, schema_name="s", tracking_uri=None, experiment="e"), Path(sys.argv[1]))
"""


def test_a_creation_that_is_killed_leaves_no_database(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False).returncode == 9
    assert not has_runs(STORAGE, tmp_path)
    open_runs(STORAGE, tmp_path)
    assert has_runs(STORAGE, tmp_path)


@pytest.mark.parametrize(
    ("rows", "fix"), [("", "delete it, as it holds no run"), ("INSERT INTO runs VALUES (1)", "put a copy from before")]
)
def test_half_a_database_is_one_line_with_the_fix(tmp_path: Path, rows: str, fix: str) -> None:
    """As a kill left it that an earlier release or an upgrade of MLflow met with."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.executescript(f"CREATE TABLE runs (n INTEGER); CREATE TABLE inputs (n INTEGER); {rows};")
    with pytest.raises(InputProblem, match=fix) as said:
        open_runs(STORAGE, tmp_path)
    assert f"{tmp_path}/mlflow.db is no whole database of MLflow ((sqlite3.OperationalError) " in str(said.value)
    assert len(str(said.value).splitlines()) == 1


def kept(data_dir: Path, text: str) -> tuple[Runs, str]:
    """The runs of a data directory, and its new registered model, of which a file is all there is: `name/version`."""
    runs = open_runs(STORAGE, data_dir)
    run = runs.client.create_run(runs.experiment_id).info
    runs.client.log_text(run.run_id, text, "m/model.txt")
    if not runs.client.search_registered_models():
        runs.client.create_registered_model("m")
    return runs, runs.client.create_model_version("m", f"{run.artifact_uri}/m", run.run_id).version


def said(runs: Runs, version: str) -> str:
    """What stands in the file of a registered model."""
    folder = runs.client.get_model_version_download_uri("m", version)
    return Path(download_artifacts(f"{folder}/model.txt", tracking_uri=runs.tracking_uri)).read_text()


@pytest.mark.parametrize("first_used_for", ["segmentation", "a trial"])
def test_a_copy_has_its_own_models(tmp_path: Path, first_used_for: str) -> None:
    original = tmp_path / "original \u00e4"
    first = kept(original, "of the original")[1]
    shutil.copytree(original, tmp_path / "copy")
    open_runs(STORAGE.model_copy(update={"experiment": first_used_for}), tmp_path / "copy")
    for file in (tmp_path / "copy" / "mlartifacts").rglob("model.txt"):
        file.write_text("of the copy")
    copy, second = kept(tmp_path / "copy", "new in the copy")
    assert (said(copy, first), said(copy, second)) == ("of the copy", "new in the copy")
    assert said(open_runs(STORAGE, original), first) == "of the original"
    assert len(list((original / "mlartifacts").rglob("model.txt"))) == 1
    with closing(sqlite3.connect(tmp_path / "copy" / "mlflow.db")) as database:
        assert "original" not in "\n".join(line for line in database.iterdump() if "INSERT" in line)


def test_models_of_a_deleted_experiment_come_along(tmp_path: Path) -> None:
    """They stay registered."""
    runs, version = kept(tmp_path / "original", "of the original")
    runs.client.delete_experiment(runs.experiment_id)
    shutil.copytree(tmp_path / "original", tmp_path / "copy")
    [file] = (tmp_path / "copy" / "mlartifacts").rglob("model.txt")
    file.write_text("of the copy")
    trial = STORAGE.model_copy(update={"experiment": "a trial"})
    assert said(open_runs(trial, tmp_path / "copy"), version) == "of the copy"


def test_a_deleted_experiment_of_another_folder_keeps_nobody_out(tmp_path: Path) -> None:
    runs = open_runs(STORAGE, tmp_path / "data")
    gone = runs.client.create_experiment("trial", "file:///gone/mlartifacts")
    runs.client.create_registered_model("m")
    runs.client.create_model_version("m", "file:///gone/mlartifacts/1/m")
    with pytest.raises(InputProblem, match="without the files of 1 of its 1 models"):
        open_runs(STORAGE, tmp_path / "data")
    runs.client.delete_experiment(gone)
    assert open_runs(STORAGE, tmp_path / "data").experiment_id == runs.experiment_id


def test_a_copy_that_lacks_models_is_left_as_it_is(tmp_path: Path) -> None:
    kept(tmp_path / "original", "said")
    (tmp_path / "copy").mkdir()
    database = tmp_path / "copy" / "mlflow.db"
    shutil.copy(tmp_path / "original" / "mlflow.db", database)
    before = database.read_bytes()
    with pytest.raises(InputProblem, match="without the files of 1 of its 1 models: copy what is in file:") as refused:
        open_runs(STORAGE, tmp_path / "copy")
    assert f"{tmp_path}/original/mlartifacts to {tmp_path}/copy/mlartifacts, or move" in str(refused.value)
    assert database.read_bytes() == before


def test_models_that_somebody_keeps_elsewhere_stay_there(tmp_path: Path) -> None:
    first = open_runs(STORAGE, tmp_path)
    named = STORAGE.model_copy(update={"experiment": "elsewhere"})
    identity = first.client.create_experiment("elsewhere", (tmp_path / "shared").as_uri())
    assert open_runs(named, tmp_path).experiment_id == identity
    assert first.client.get_experiment(identity).artifact_location == (tmp_path / "shared").as_uri()
