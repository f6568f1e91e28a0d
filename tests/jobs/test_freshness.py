"""Whether what was found still speaks for the basetable of today."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from segmentation.jobs import freshness
from segmentation.jobs.freshness import BESIDE, is_outdated, training_note
from segmentation.models.catalogue import Task
from segmentation.runtime import Job
from segmentation.schemas import ACCOUNT_VALUES, ACTIVITY, BASETABLE, TOKENS
from segmentation.stores.conf import load_settings
from segmentation.table import Table

AS_OF = dt.date(2026, 1, 1)
BUILT = {"2026-01-01": {"label": "industry", "at": "09:00"}}


VERSIONS = {ACTIVITY.name: 4, TOKENS.name: 7}


def job(built: dict[str, Any], table: Table, found: dict[str, Any] | None) -> Job:
    notes = {BASETABLE.name: json.dumps(built), table.name: json.dumps(found) if found else None}
    tables = SimpleNamespace(
        note=lambda one: notes[one.name],
        exists=lambda _: True,
        versions=lambda asked: {one.name: VERSIONS[one.name] for one in asked},
    )
    return cast(Job, SimpleNamespace(tables=tables))


@pytest.mark.parametrize("table", [one for one in BESIDE if one is not ACCOUNT_VALUES], ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("built", "found", "outdated"),
    [
        (BUILT, {"as_of": "2026-01-01", "built": "09:00"}, False),
        (BUILT, {"as_of": "2026-01-01", "built": "08:00"}, True),
        (BUILT, {"as_of": "2026-01-01", "built": 3}, True),  # of an earlier release, before it was built anew
        (BUILT, {"as_of": "2026-02-01", "built": "08:00"}, False),  # nothing tells of this date
        (BUILT, None, False),
        ({"as_of": "2026-01-01", "label": "industry"}, {"as_of": "2026-01-01", "built": 3}, False),
    ],
)
def test_what_was_found_in_an_earlier_build_is_outdated(
    table: Table, built: dict[str, Any], found: dict[str, Any] | None, outdated: bool
) -> None:
    assert is_outdated(job(built, table, found), table, AS_OF) == outdated


@pytest.mark.parametrize(
    ("found", "outdated"),
    [
        ({"as_of": "2026-01-01", **VERSIONS}, False),  # whatever became of the basetable, of which they know nothing
        ({"as_of": "2026-01-01", **VERSIONS, ACTIVITY.name: 3}, True),
        ({"as_of": "2026-02-01", **VERSIONS, ACTIVITY.name: 3}, False),
        (None, False),
    ],
)
def test_values_are_outdated_when_the_cube_is_another_one(found: dict[str, Any] | None, outdated: bool) -> None:
    assert is_outdated(job(BUILT, ACCOUNT_VALUES, found), ACCOUNT_VALUES, AS_OF) == outdated


def test_another_release_trains_again_what_its_code_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    one = job(BUILT, BASETABLE, BUILT)
    one.settings = load_settings("local", [])

    def noted(task: Task, release: str) -> str:
        """With a release in which the code of segments alone has changed."""
        monkeypatch.setattr(
            freshness, "code_digest", lambda of: release if "segmentation.segments" in of else "as before"
        )
        return training_note(one, AS_OF, task, task=task)

    assert noted("segments", "1.0") == noted("segments", "1.0") != noted("segments", "1.1")
    assert noted("industry", "1.0") == noted("industry", "1.1")


@pytest.mark.parametrize(
    ("setting", "segments", "industry"),
    [
        ("models.kmeans.params.maxIter=31", True, False),
        ("models.lasso.params.maxIter=31", False, True),
        ("models.gbt.params.maxIter=31", False, True),  # the champion may have been trained with it
        ("segments.k=4", True, False),
        ("industry.seed=8", False, True),
        ("outlook.seed=8", False, False),
    ],
)
def test_a_setting_trains_again_what_depends_on_it_and_nothing_else(
    setting: str, segments: bool, industry: bool
) -> None:
    def noted(task: Task, *changed: str) -> str:
        one = job(BUILT, BASETABLE, BUILT)
        one.settings = load_settings("local", list(changed))
        return training_note(one, AS_OF, task, task=task)

    assert (noted("segments") != noted("segments", setting)) == segments
    assert (noted("industry") != noted("industry", setting)) == industry
