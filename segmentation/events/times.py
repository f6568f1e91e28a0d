"""The moment of an event: what the log wrote, where that is in UTC, and the hours that clocks skip or repeat."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.column_names import quoted
from segmentation.settings import TimeSettings

#: Python and pandas hold no other years
_FIRST, _LAST = "0001-01-02 00:00:00", "9999-12-30 00:00:00"
_BEYOND = 1 << 62  # microseconds: the year 148,000, for numbers that do not fit into a timestamp at all
_UNITS = {"seconds": (1_000_000, 1), "millis": (1_000, 1), "micros": (1, 1), "nanos": (1, 1_000)}
#: twenty digits before the point are more than any number that is a time, and products of it fit as well
_FRACTION = "DECIMAL(29, 9)"
#: what says of a Parquet column of nanoseconds, which is one of numbers to Spark, that the numbers count in UTC
IN_UTC = "in_utc"
#: what names the unit of a Parquet column of durations, one of numbers to Spark as well
DURATION_UNIT = "duration_unit"
#: a letter of a format that reads an offset or a zone
_OFFSET = re.compile("[XxZOVvz]")


def written_time(time: TimeSettings, parsed: DataFrame) -> Column:
    """The time as the log has it, in the source's own zone (`is_moment`: in UTC); null where it cannot be read."""
    sql, kind = _sql(time, parsed), given_time(time, parsed).dataType
    if time.epoch:
        return F.timestamp_micros(_micros(sql, kind, time.epoch))
    if not isinstance(kind, T.StringType):
        return F.expr(sql).cast("timestamp")
    text = F.trim(F.expr(sql))
    # a year of five digits is read with a sign only; it is out of range, which says more than unreadable
    far = F.when(text.rlike("^[0-9]{5,}"), _first_format(F.concat(F.lit("+"), text), time.formats))
    return F.coalesce(_first_format(text, time.formats), far)


def is_moment(time: TimeSettings, parsed: DataFrame) -> Column:
    """Whether the time says by itself where it is in UTC, so that the source's zone is nothing to it; never null.

    A text does by the format that reads it, a column of Parquet by its type. In UTC there is nothing to tell apart.
    """
    if time.zone == "UTC":
        return F.lit(False)
    given = given_time(time, parsed)
    if time.epoch:
        return F.lit(IN_UTC in given.metadata)
    if not isinstance(given.dataType, T.StringType):
        return F.lit(isinstance(given.dataType, T.TimestampType))
    text = F.trim(F.expr(_sql(time, parsed)))
    readings = [one for form in time.formats for one in _readings(form)]
    if len({_has_offset(form) for form in readings}) == 1:
        return F.lit(_has_offset(readings[0]))
    read = (F.when(F.try_to_timestamp(text, F.lit(form)).isNotNull(), F.lit(_has_offset(form))) for form in readings)
    return F.coalesce(*read, F.lit(False))


def given_time(time: TimeSettings, parsed: DataFrame) -> T.StructField:
    """Type and metadata of what the source names as the time. Spark raises AnalysisException where that is nothing."""
    return parsed.select(F.expr(_sql(time, parsed))).schema[0]


def unfit_time(kind: str, time: TimeSettings) -> str | None:
    """Why a time of that type, in Spark's short name for it, cannot be read as the source says: None when it can.

    Spark would fail, or take its unit for another.
    """
    if kind.startswith(("timestamp", "date")):
        is_number = f"{time.column} is {kind}, and the source reads it as a number (time.epoch: {time.epoch})"
        return is_number if time.epoch else None
    if time.epoch or (kind == "string" and time.formats):
        return None
    if kind == "string":
        return f"{time.column} is string, and the source has neither time.formats nor time.epoch"
    nanos = "nanos" + (", as which Spark reads a Parquet timestamp of nanoseconds" if kind == "bigint" else "")
    return f"{time.column} is {kind}: say of what by time.epoch: seconds, millis, micros or {nanos}"


def to_utc(written: Column, zone: str, is_moment: Column) -> Column:
    """The moment in UTC, null for years that Python cannot hold; of an hour that occurs twice, the first."""
    fits = written.between(F.lit(_FIRST).cast("timestamp"), F.lit(_LAST).cast("timestamp"))
    if zone == "UTC":
        return F.when(fits, written)
    return F.when(fits, F.when(is_moment, written).otherwise(F.to_utc_timestamp(written, zone)))


def event_months(parsed: DataFrame, time: TimeSettings) -> DataFrame:
    """One row per month in UTC, `event_month`, into which a parsed row may fall, whatever Java knows of the zone.

    Rows without a readable time are left out. Between two releases of Java a zone's rules may change by hours, so
    that what was stored stands a day before or after.
    """
    moment = to_utc(written_time(time, parsed), time.zone, is_moment(time, parsed))
    # V, v and z in a format stand for the name of a zone
    is_fixed = time.zone == "UTC" and not any(letter in form for form in time.formats for letter in "Vvz")
    months = (F.trunc(F.date_add(F.to_date(moment), day), "MM") for day in ([0] if is_fixed else [-1, 0, 1]))
    found = parsed.select(F.explode(F.array(*months)).alias("event_month"))
    # a day off may lead out of the years that Python holds
    return found.where("event_month BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'").distinct()


def in_gap(written: Column, moment: Column, zone: str) -> Column:
    """The clocks of the zone skipped the local time: on its way to UTC and back it becomes another one."""
    return F.lit(False) if zone == "UTC" else F.from_utc_timestamp(moment, zone) != written


def is_ambiguous(written: Column, moment: Column, zone: str) -> Column:
    """The clocks of the zone showed the local time twice, so that `moment` is one of two."""
    if zone == "UTC":
        return F.lit(False)
    # clocks that are set back within three hours are behind by then; only there is a second look needed
    while_ = F.make_dt_interval(hours=F.lit(3))
    later = F.from_utc_timestamp(moment + while_, zone) - while_
    return (later < written) & (F.from_utc_timestamp(moment + (written - later), zone) == written)


def _first_format(text: Column, formats: Sequence[str]) -> Column:
    return F.coalesce(*(F.try_to_timestamp(text, F.lit(form)) for form in formats))


def _sql(time: TimeSettings, parsed: DataFrame) -> str:
    """The column of that name, in capitals or not, and where there is none the SQL that it is then."""
    named = time.column.lower() in {name.lower() for name in parsed.columns}
    return quoted(time.column) if named else f"({time.column})"


def _micros(sql: str, kind: T.DataType, unit: str) -> Column:
    """Microseconds since 1970 of a number in another unit; `_BEYOND` where they do not fit, null of what is no number.

    Whole numbers stay such all the way, since a double holds no more than 53 bits of a nanosecond count.
    """
    up, down = _UNITS[unit]
    whole, fraction = f"try_cast({sql} AS BIGINT)", f"try_cast({sql} AS {_FRACTION})"
    exact = f"try_multiply({whole} DIV {down}, {up}L)"
    if isinstance(kind, T.IntegralType):
        return F.expr(f"coalesce({exact}, IF({whole} IS NOT NULL, {_BEYOND}L, NULL))")
    rounded = f"try_cast(floor({fraction} * {up} / {down}) AS BIGINT)"
    there = f"IF({fraction} IS NOT NULL, {_BEYOND}L, NULL)"
    # of a text fractions are looked for where it is no whole number, which they seldom are
    parts = [exact, rounded, there] if isinstance(kind, T.StringType) else [rounded, there]
    return F.expr(f"coalesce({', '.join(parts)})")


def _has_offset(form: str) -> bool:
    return _OFFSET.search(_bare(form)) is not None


def _readings(form: str) -> list[str]:
    """The format; of one with an optional offset, such as `HH:mm[XXX]`, the one with it and the one without."""
    bare = _bare(form)
    while part := re.search(r"\[[^\[\]]*\]", bare):
        start, end = part.span()
        if _OFFSET.search(part[0]):
            before, inside, after = form[:start], form[start + 1 : end - 1], form[end:]
            return [*_readings(before + inside + after), *_readings(before + after)]
        bare = bare[:start] + "." * (end - start) + bare[end:]  # what is around it may hold one
    return [form]


def _bare(form: str) -> str:
    """The format, of the same length, without the text that stands in it in quotes."""
    return re.sub("'[^']*'", lambda quoted: "'" * len(quoted[0]), form)
