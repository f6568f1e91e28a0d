"""Where runs are kept, and by what way models go there."""

from __future__ import annotations

from pathlib import Path

import pytest

from segmentation.errors import InputProblem
from segmentation.stores.runs import open_runs
from tests.robustness.conftest import STORAGE


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
