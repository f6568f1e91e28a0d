"""Aliases follow what readers see, and the registry knows who was champion before. No model is needed for that."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from segmentation.errors import InputProblem
from segmentation.industries.gate import OVERRULED, PASSED, REFUSED
from segmentation.schemas import INDUSTRY_CARDS
from segmentation.settings import StorageSettings
from segmentation.stores.registry import (
    CHALLENGER,
    GATE,
    RECIPE,
    champion,
    champions,
    inputs_of,
    promote,
    recipe,
    register_challenger,
    tag_version,
)
from segmentation.stores.run_tables import read_table
from segmentation.stores.runs import Runs, open_runs

pytestmark = pytest.mark.slow

STORAGE = StorageSettings(catalog=None, schema_name="s", tracking_uri=None, experiment="e")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return open_runs(STORAGE, tmp_path_factory.mktemp("data"))


@pytest.fixture
def name(runs: Runs, request: pytest.FixtureRequest) -> str:
    """A registered model of the test's own with three versions."""
    own = str(request.node.name)
    runs.client.create_registered_model(own)
    for _ in range(3):
        runs.client.create_model_version(own, source="file:///nowhere")
    return own


def challenger(runs: Runs, name: str) -> str | None:
    aliases = runs.client.get_registered_model(name).aliases
    return None if CHALLENGER not in aliases else str(aliases[CHALLENGER])


def test_a_challenger_becomes_champion_and_its_past_is_kept(runs: Runs, name: str) -> None:
    assert (champion(runs, name), champions(runs, name), champions(runs, "nobody")) == (None, [], [])
    for number in ("1", "2"):
        register_challenger(
            runs, f"{name}/{number}", {GATE: PASSED, RECIPE: {"model": "lasso", "params": {"r": 0.015}}}
        )
        assert challenger(runs, name) == number
        assert promote(runs, [f"{name}/{number}", "runs:/abc"]) == []
        assert challenger(runs, name) is None
    assert champion(runs, name) == f"{name}/2"
    assert champions(runs, name) == ["1", "2"]
    assert recipe(runs, f"{name}/2") == {"model": "lasso", "params": {"r": 0.015}}
    assert recipe(runs, f"{name}/3") is None


def test_promoting_again_changes_nothing_and_what_is_gone_is_named(runs: Runs, name: str) -> None:
    promote(runs, [f"{name}/2"])
    assert promote(runs, [f"{name}/2", f"{name}/9", "nothing/1"]) == [f"{name}/9", "nothing/1"]
    assert champions(runs, name) == ["2"]


def test_going_back_takes_the_later_ones_out_of_the_past(runs: Runs, name: str) -> None:
    for number in (1, 2, 3, 1):
        promote(runs, [f"{name}/{number}"])
    assert (champion(runs, name), champions(runs, name)) == (f"{name}/1", ["1"])
    promote(runs, [f"{name}/3"])
    assert champions(runs, name) == ["1", "3"]


def test_a_refused_version_stays_challenger_until_it_is_overruled(runs: Runs, name: str) -> None:
    register_challenger(runs, f"{name}/1", {GATE: REFUSED, "gate_reason_01": "refused: " + "x" * 900})
    assert promote(runs, [f"{name}/1"]) == []
    assert (champion(runs, name), challenger(runs, name)) == (None, "1")
    tag_version(runs, f"{name}/1", GATE, OVERRULED)
    promote(runs, [f"{name}/1"])
    assert (champion(runs, name), challenger(runs, name)) == (f"{name}/1", None)


def test_a_champion_from_before_there_was_a_history_is_the_first_of_it(runs: Runs, name: str) -> None:
    runs.client.set_registered_model_alias(name, "champion", "1")
    assert champions(runs, name) == ["1"]
    promote(runs, [f"{name}/2"])
    assert champions(runs, name) == ["1", "2"]


def test_an_alias_that_a_kill_left_behind_is_made_good(runs: Runs, name: str) -> None:
    """The history is written first."""
    promote(runs, [f"{name}/1"])
    promote(runs, [f"{name}/2"])
    runs.client.set_registered_model_alias(name, "champion", "1")
    promote(runs, [f"{name}/2"])
    assert (champion(runs, name), champions(runs, name)) == (f"{name}/2", ["1", "2"])


def test_opening_again_finds_the_same_experiment(runs: Runs) -> None:
    assert runs.scratch is not None
    assert open_runs(STORAGE, Path(runs.scratch)) == runs


def test_a_version_without_its_files_is_one_line_with_the_fix(runs: Runs, name: str) -> None:
    with pytest.raises(
        InputProblem, match=rf"the files of the model {name}/1 are not there .*: train anew with --force"
    ):
        inputs_of(f"{name}/1")


@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "No space left"), ConnectionError("Connection reset")])
def test_a_server_or_a_disk_in_trouble_does_not_make_a_model_gone(
    runs: Runs, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be published and noted for that would stay. Whatever MLflow says, the files are there."""
    own = f"model of {type(trouble).__name__}"
    run = runs.client.create_run(runs.experiment_id)
    runs.client.log_text(run.info.run_id, "industry,labelled\nToys,3\n", "tables/cards.csv")
    runs.client.log_text(run.info.run_id, "flavors: {}\n", "model/MLmodel")
    runs.client.create_registered_model(own)
    runs.client.create_model_version(own, f"{run.info.artifact_uri}/model", run.info.run_id)
    asked = (lambda: inputs_of(f"{own}/1"), lambda: read_table(runs, f"{own}/1", "cards", INDUSTRY_CARDS))
    assert asked[1]()["labelled"].tolist() == [3]

    def fails(*_: object, **__: object) -> None:
        raise trouble

    with monkeypatch.context() as patch:
        patch.setattr(LocalArtifactRepository, "download_artifacts", fails)
        for ask in asked:
            with pytest.raises((MlflowException, OSError)):  # but no InputProblem, as for what is gone
                ask()
    shutil.rmtree(Path(run.info.artifact_uri.removeprefix("file://")))
    for ask in asked:
        with pytest.raises(InputProblem, match="train anew with --force"):
            ask()
