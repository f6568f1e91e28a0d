"""Calendar of a monthly cube: plain dates and integers, no Spark."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterator, Mapping

from segmentation.errors import InputProblem

YEAR = 12  #: months in the window that "year" means everywhere: the twelve before as_of
QUARTER = 3
HISTORY = 24  #: months whose row counts are kept one by one


def check_as_of(as_of: dt.date) -> dt.date:
    """The date itself; raises InputProblem unless it is the first day of a month, since the cube is monthly."""
    if as_of.day != 1:
        raise InputProblem(f"as_of {as_of} is not the first day of a month; use {as_of.replace(day=1)}")
    return as_of


def months_before(as_of: dt.date, count: int) -> dt.date:
    """First day of the month `count` months before as_of's.

    >>> months_before(dt.date(2026, 1, 1), 1)
    datetime.date(2025, 12, 1)
    """
    index = month_index(as_of) - count
    return dt.date(index // 12, index % 12 + 1, 1)


def month_index(day: dt.date) -> int:
    """Months since year 0, so that months can be subtracted."""
    return day.year * 12 + day.month - 1


def weekend_mask(month: dt.date) -> int:
    """Bit d-1 is set when day d of the month is a Saturday or Sunday.

    >>> bin(weekend_mask(dt.date(2025, 2, 1)))  # 1 February 2025 is a Saturday
    '0b11000001100000110000011'
    """
    _, days = calendar.monthrange(month.year, month.month)
    return sum(1 << (day - 1) for day in range(1, days + 1) if month.replace(day=day).weekday() >= calendar.SATURDAY)


def epoch_seconds(day: dt.date) -> int:
    """Midnight UTC of the day; free of the session's time zone."""
    return calendar.timegm(day.timetuple())


def last_as_of(last_event: dt.date) -> dt.date:
    """The latest as_of whose months are complete: the first of the month that the day after the last event is in.

    >>> last_as_of(dt.date(2025, 12, 31)), last_as_of(dt.date(2025, 12, 30))
    (datetime.date(2026, 1, 1), datetime.date(2025, 12, 1))
    """
    return (last_event + dt.timedelta(days=1)).replace(day=1)


def last_in_turn(months: Mapping[dt.date, int]) -> dt.date:
    """The last month, of those with rows, that is no few rows of a wrong clock.

    It has a thousandth of the rows of the largest of the twelve months before it, or where the month right before it
    has none, a tenth of those of the largest of all. A month that has just begun may have fewer: then the last day of
    the one before it tells the same. A stretch of months of which none has a hundredth of the largest does not count.

    >>> last_in_turn({dt.date(2025, 11, 1): 90, dt.date(2025, 12, 1): 90, dt.date(2026, 6, 1): 1})
    datetime.date(2025, 12, 1)
    """
    return max(_in_turn(months, 1))


def first_in_turn(months: Mapping[dt.date, int]) -> dt.date:
    """The first month, of those with rows, that is no few rows of a wrong clock: as the last one, looked at backwards.

    >>> first_in_turn({dt.date(2000, 1, 1): 1, dt.date(2025, 11, 1): 90, dt.date(2025, 12, 1): 90})
    datetime.date(2025, 11, 1)
    """
    return min(_in_turn(months, -1))


def _in_turn(months: Mapping[dt.date, int], step: int) -> Iterator[dt.date]:
    """Months with many rows, or with not too few beside their neighbours: those before, with step -1 those after."""
    most, peak = max(months.values()), 0
    for month in sorted(months, reverse=step < 0):
        rows = months[month]
        beside = [months.get(months_before(month, step * back), 0) for back in range(1, YEAR + 1)]
        joined = beside[0] > 0 and rows >= max(beside) / 1000
        peak = max(peak, rows) if joined else rows  # of the stretch that the month goes on with, or begins
        if rows >= most / 10 or (joined and peak >= most / 100):
            yield month
