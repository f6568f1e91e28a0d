"""Where runs are kept, and by what way models go there."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from segmentation.errors import InputProblem
from segmentation.stores.run_database import has_runs
from segmentation.stores.runs import open_runs
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
