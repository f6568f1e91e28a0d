"""By what jobs tell that a basetable would be the same again."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from segmentation.basetable.imputation import basetable_features
from segmentation.code_digest import code_digest
from segmentation.jobs import built
from segmentation.jobs.built import digest_of, is_behind
from segmentation.stores.conf import load_settings

AS_OF = dt.date(2026, 1, 1)
FEATURES = basetable_features(["Document"], "basetable")


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


def job_with(versions: dict[str, int], **changed: object) -> Any:
    """A job over tables of these versions, whose basetable of AS_OF notes what it was built from, if told."""
    note = json.dumps({str(AS_OF): {"label": "industry", **changed}})
    tables = SimpleNamespace(versions=lambda asked: {one.name: versions.get(one.name, 3) for one in asked},
                             note=lambda _: note)  # fmt: skip
    return SimpleNamespace(settings=load_settings("local"), tables=tables)


def test_a_basetable_of_other_formulas_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_with({})
    before = digest_of(job, AS_OF, FEATURES, "industry")
    assert digest_of(job, AS_OF, FEATURES, "industry") == before
    assert digest_of(job, AS_OF, FEATURES, "branch") != before
    monkeypatch.setattr(built, "code_digest", lambda packages: "upgraded")
    assert digest_of(job, AS_OF, FEATURES, "industry") != before


def test_a_basetable_is_behind_when_the_cube_or_the_code_has_changed_since(monkeypatch: pytest.MonkeyPatch) -> None:
    made_from = digest_of(job_with({}), AS_OF, FEATURES, "industry")
    assert not is_behind(job_with({}, made_from=made_from), AS_OF, FEATURES)
    assert not is_behind(job_with({}), AS_OF, FEATURES)  # an earlier release did not note it
    assert is_behind(job_with({"activity": 4}, made_from=made_from), AS_OF, FEATURES)
    monkeypatch.setattr(built, "code_digest", lambda packages: "upgraded")
    assert is_behind(job_with({}, made_from=made_from), AS_OF, FEATURES)
