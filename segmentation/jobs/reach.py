"""How far the logs reach, and so for which date a basetable or a forecast speaks."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.features.months import YEAR, last_as_of, last_in_turn, months_before
from segmentation.runtime import Job
from segmentation.schemas import EVENTS, KEPT, LEDGER, ROW_BALANCE, TOKENS


def reached_date(job: Job, asked: dt.date | None) -> dt.date:
    """The as_of that is asked for, else the last that the logs reach; InputProblem where they do not reach it."""
    # dates are taken in Spark: a collected timestamp would be in the machine's time zone
    first, last = F.to_date(F.min("first_seen")).alias("first"), F.to_date(F.max("last_seen")).alias("last")
    span = job.tables.read(TOKENS).agg(first, last).first()
    if span is None or span["last"] is None:
        raise InputProblem("no row of the logs was kept, so there is nothing to build from; look at the row balance")
    as_of = asked or _last_reached(job, span["last"])
    if as_of <= span["first"]:
        if asked is None:
            raise InputProblem(
                f"the logs begin on {span['first']} and end on {span['last']}: no month of them is complete"
            )
        raise InputProblem(f"the logs begin on {span['first']}, so nothing happened before --as-of {as_of}")
    if as_of > months_before(span["last"], -1):
        raise InputProblem(
            f"the logs end on {span['last']}: --as-of {as_of} would take months nobody saw for quiet ones"
        )
    tell_unseen_days(job, as_of, span["last"])
    return as_of


def last_day(tokens: DataFrame) -> dt.date | None:
    """The last day of the logs, UTC; None where no row was kept. `tokens`: the table of that name."""
    row = tokens.agg(F.to_date(F.max("last_seen")).alias("last")).first()
    return row["last"] if row else None


def tell_unseen_days(job: Job, as_of: dt.date, last: dt.date | None) -> None:
    """A line where the logs, of which `last` is the last day, end before as_of."""
    if last and as_of > last + dt.timedelta(days=1):
        job.show(f"the logs end on {last}: the days from then to --as-of {as_of} count as quiet ones")


def silent_sources(job: Job, as_of: dt.date) -> list[str]:
    """A line for each source that ended within the year before as_of, though not in its last month.

    A log that did not come, or was refused, looks like customers that fell silent. Where there is one source alone
    `reached_date` has told it.
    """
    ledger = job.tables.read(LEDGER).select("batch_id", "file_id", "source").distinct()
    kept = job.tables.read(ROW_BALANCE).where((F.col("disposition") == KEPT) & (F.col("event_month") < F.lit(as_of)))
    counted = kept.join(ledger, on=["batch_id", "file_id"]).groupBy("source", "event_month").agg(F.sum("rows"))
    months: dict[str, dict[dt.date, int]] = {}
    for source, month, rows in counted.collect():
        months.setdefault(source, {})[month] = rows
    last = {source: last_in_turn(found) for source, found in sorted(months.items())}
    first_told, expected = months_before(as_of, YEAR), months_before(as_of, 1)
    return [
        f"the logs of source {source} end in {month:%Y-%m}: from then to --as-of {as_of} its customers count as silent"
        for source, month in last.items()
        if len(last) > 1 and first_told <= month < expected
    ]


def _last_reached(job: Job, last: dt.date) -> dt.date:
    """The latest as_of whose months are complete, less few rows at the end: a wrong clock would make all quiet."""
    kept = job.tables.read(ROW_BALANCE).where((F.col("disposition") == KEPT) & F.col("event_month").isNotNull())
    counted = kept.groupBy("event_month").agg(F.sum("rows").alias("rows")).collect()
    month = last_in_turn({row["event_month"]: row["rows"] for row in counted})
    if last < months_before(month, -1):
        return last_as_of(last)
    # of the events, as a token's last day may be that of a stray row; of one month alone, and only where there is one
    in_month = job.tables.read(EVENTS).where((F.col("event_month") == F.lit(month)) & F.col("rule").isNull())
    found: dt.date = in_month.agg(F.max("event_date")).collect()[0][0]
    if last_as_of(found) != last_as_of(last):  # else it is the next month, which may just have begun
        job.show(f"the logs end on {found}, but for few rows until {last}: a wrong clock? If not, give --as-of")
    return last_as_of(found)
