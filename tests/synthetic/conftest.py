"""Small drops, made once for all tests that only read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentation.settings import SyntheticSettings
from segmentation.synthetic.drop import DropSummary, write_drop

CONF = Path(__file__).parents[2] / "conf"
SMALL = {"seed": 3, "rows": 6000, "accounts": 80, "months": 3, "end": "2025-04-01", "processes": 1,
         "bad_timestamp_share": 0.004, "missing_field_share": 0.006, "two_account_token_share": 0.05}  # fmt: skip

MakeSettings = Callable[..., SyntheticSettings]


@pytest.fixture(scope="session")
def make_settings() -> MakeSettings:
    defaults = yaml.safe_load((CONF / "base.yml").read_text(encoding="utf-8"))["synthetic"]

    def make(**changes: Any) -> SyntheticSettings:
        return SyntheticSettings(**{**defaults, **SMALL, **changes})

    return make


@pytest.fixture(scope="session")
def categories() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = yaml.safe_load((CONF / "categories.yml").read_text(encoding="utf-8"))["categories"]
    return entries


@pytest.fixture(scope="session")
def event_names(categories: list[dict[str, Any]]) -> dict[str, list[str]]:
    return {entry["name"]: entry["names"] for entry in categories}


@pytest.fixture(scope="session")
def drop(
    make_settings: MakeSettings, event_names: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, DropSummary]:
    out = tmp_path_factory.mktemp("drop") / "csv"
    return out, write_drop(make_settings(), event_names, out, lambda _: None)
