"""The default settings, and MLflow in a folder of its own for each test file."""

from __future__ import annotations

import pytest

from segmentation.settings import Settings
from segmentation.stores.conf import load_settings
from segmentation.stores.runs import Runs, open_runs


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings("base")


@pytest.fixture(scope="module")
def runs(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return open_runs(settings.storage, tmp_path_factory.mktemp("data"))
