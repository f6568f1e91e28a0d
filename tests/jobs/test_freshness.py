"""Whether what was found still speaks for the basetable of today."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from segmentation.jobs.freshness import BESIDE, is_outdated
from segmentation.runtime import Job
from segmentation.schemas import ACCOUNT_VALUES, ACTIVITY, BASETABLE, TOKENS
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
