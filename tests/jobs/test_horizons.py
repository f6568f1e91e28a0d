"""Of each date the months that its forecast was made for."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from segmentation.jobs.horizons import forecast_months, months_of_others
from segmentation.runtime import Job
from segmentation.schemas import CHURN_SCORES

OCTOBER, JANUARY = dt.date(2025, 10, 1), dt.date(2026, 1, 1)
#: as earlier releases noted churn, and the same for value
OF_JANUARY = {"as_of": "2026-01-01", "outlook": {"horizon_months": 3}}
FLAT = {"as_of": "2026-01-01", "horizon_months": 3}


def job(note: dict[str, Any] | None) -> Job:
    said = json.dumps(note) if note else None
    return cast(Job, SimpleNamespace(tables=SimpleNamespace(note=lambda _: said, exists=lambda _: True)))


def months(note: dict[str, Any] | None, as_of: dt.date) -> int | None:
    return forecast_months(job(note), CHURN_SCORES, "horizon_months", as_of)


def others(note: dict[str, Any], as_of: dt.date) -> dict[str, Any]:
    return months_of_others(job(note), CHURN_SCORES, "horizon_months", as_of)


@pytest.mark.parametrize("note", [OF_JANUARY, FLAT])
def test_a_note_speaks_for_its_date_and_for_no_other(note: dict[str, Any]) -> None:
    assert (months(note, JANUARY), months(note, OCTOBER)) == (3, None)
    assert months(None, JANUARY) is None


def test_a_forecast_for_another_date_keeps_those_before() -> None:
    of_october = {"as_of": "2025-10-01", "outlook": {"horizon_months": 6}}
    later = {**OF_JANUARY, **others(of_october, JANUARY)}
    assert (months(later, JANUARY), months(later, OCTOBER)) == (3, 6)
    again = {**of_october, "outlook": {"horizon_months": 2}, **others(later, OCTOBER)}
    assert (months(again, JANUARY), months(again, OCTOBER)) == (3, 2)


def test_the_note_of_the_only_date_is_that_of_earlier_releases() -> None:
    """Else everything would be forecast anew."""
    assert others(OF_JANUARY, JANUARY) == {}
