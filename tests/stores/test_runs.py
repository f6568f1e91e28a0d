"""Where runs are kept, and by what way models go there."""

from __future__ import annotations

from pathlib import Path

import pytest

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
