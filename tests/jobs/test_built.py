"""By what jobs tell that a basetable would be the same again."""

from __future__ import annotations

import datetime as dt
import importlib
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.jobs import built
from segmentation.jobs.built import code_digest, digest_of
from segmentation.stores.conf import load_settings


def test_another_formula_is_another_code_also_in_a_zip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(folder: str, formula: str, zipped: bool = False) -> str:
        package = tmp_path / folder / "some_formulas"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "measures.py").write_text(f"MEASURE = '{formula}'\n")
        place = shutil.make_archive(str(tmp_path / folder), "zip", package.parent) if zipped else package.parent
        monkeypatch.syspath_prepend(str(place))
        monkeypatch.delitem(sys.modules, "some_formulas", raising=False)
        importlib.invalidate_caches()
        return code_digest(["some_formulas"])

    before = digest("checkout", "rows / days")
    assert digest("py_files", "rows / days", zipped=True) == before
    assert digest("upgraded", "rows / active_days") != before


def test_a_basetable_of_other_formulas_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = SimpleNamespace(versions=lambda asked: {table.name: 3 for table in asked})
    settings = load_settings("local")
    job: Any = SimpleNamespace(settings=settings, tables=tables, args=SimpleNamespace(label="industry"))
    before, as_of = digest_of(job, dt.date(2026, 1, 1), ["Document"]), dt.date(2026, 1, 1)
    assert digest_of(job, as_of, ["Document"]) == before
    monkeypatch.setattr(built, "code_digest", lambda packages: "upgraded")
    assert digest_of(job, as_of, ["Document"]) != before
