"""For how many months the forecasts of each date speak: today's settings may name others than their jobs had."""

from __future__ import annotations

import datetime as dt
import json

from segmentation.runtime import Job
from segmentation.table import Table

#: in the note of a forecast: months by as_of, of dates other than that of the note
_OF_OTHERS = "months_of"


def forecast_months(job: Job, table: Table, name: str, as_of: dt.date) -> int | None:
    """The months of a date's forecast; `name` is their setting. None where an earlier release did not keep them."""
    return _noted(job, table, name).get(str(as_of))


def months_of_others(job: Job, table: Table, name: str, as_of: dt.date) -> dict[str, dict[str, int]]:
    """What belongs into the note of a forecast for `as_of`, so that it does not forget those of other dates."""
    others = {date: months for date, months in _noted(job, table, name).items() if date != str(as_of)}
    return {_OF_OTHERS: others} if others else {}


def _noted(job: Job, table: Table, name: str) -> dict[str, int]:
    noted = json.loads(job.tables.note(table) or "{}")
    months = noted.get("outlook", noted).get(name)
    return {**noted.get(_OF_OTHERS, {}), **({noted["as_of"]: months} if months else {})}
