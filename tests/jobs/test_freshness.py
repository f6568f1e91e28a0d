"""Whether what was found still speaks for the basetable of today."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from segmentation.jobs.freshness import is_outdated
from segmentation.runtime import Job
from segmentation.schemas import BASETABLE, INDUSTRY_SCORES

AS_OF = dt.date(2026, 1, 1)
BUILT = {"2026-01-01": {"label": "industry", "at": "09:00"}}


def job(built: dict[str, Any], found: dict[str, Any] | None) -> Job:
    notes = {BASETABLE.name: json.dumps(built), INDUSTRY_SCORES.name: json.dumps(found) if found else None}
    tables = SimpleNamespace(note=lambda table: notes[table.name], exists=lambda _: True)
    return cast(Job, SimpleNamespace(tables=tables))


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
    built: dict[str, Any], found: dict[str, Any] | None, outdated: bool
) -> None:
    assert is_outdated(job(built, found), INDUSTRY_SCORES, AS_OF) == outdated
