"""What stands in the kept log rows before a date: two scans, whatever their number.

The first says what each column holds, the second counts names and fills the bins that the first has found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.checkpoint import settled
from segmentation.exploration.binning import LINEAR, Bins, choose_bins
from segmentation.exploration.profiles import COLUMNS, QUANTILES, remark, rounded
from segmentation.schemas import KEPT

SOURCE = "events"
NUMBERS = ("duration_s", "value")
#: name -> the column by which its distinct values are counted: keys are quicker than texts
NAMES: Mapping[str, str] = {
    "account_id": "account_key", "token": "token_key", "event_name": "event_key",
    "category": "category", "product": "product", "os": "os", "status": "status",
}  # fmt: skip
OTHERS: Mapping[str, str] = {"event_ts": "time", "is_error": "boolean", "attributes": "other"}
#: columns made of the time, with the number of their values
CLOCK = {"hour_of_day": Bins(0.0, 24.0, 24, LINEAR), "weekday": Bins(1.0, 8.0, 7, LINEAR)}
#: names that only the second scan of the events counts; activity holds the others
COUNTED = ("event_name", "status")


@dataclass(frozen=True)
class EventCounts:
    """What the second scan found."""

    #: table column_histograms less as_of and source
    histograms: pd.DataFrame
    #: one row per kind (event_name, status) and name: kind, name, rows
    values: DataFrame


def kept_before(events: DataFrame, as_of: dt.date) -> DataFrame:
    """The kept rows before as_of."""
    return events.where((F.col("disposition") == KEPT) & (F.col("event_month") < F.lit(as_of)))


def profile_events(events: DataFrame, as_of: dt.date, near_constant: float) -> pd.DataFrame:
    """Table column_profiles less as_of, for the kept rows before as_of; one scan.

    Distinct values are estimates of HyperLogLog (a standard error of 5 %), quantiles such of percentile_approx.
    `gini` and `top_share` of names come with the heavy hitters. No minimum or maximum of a text is told: it could be
    an account's.
    """
    wanted = [F.count(F.lit(1)).alias("rows")]
    for name in (*NUMBERS, *NAMES, *OTHERS):
        wanted.append(F.count(name).alias(f"{name}__given"))
    wanted += [F.approx_count_distinct(key).alias(f"{name}__distinct") for name, key in NAMES.items()]
    wanted += [column for name in NUMBERS for column in _of_number(name)]
    wanted.append(F.count_if(F.col("is_error")).alias("is_error__true"))
    found = kept_before(events, as_of).agg(*wanted).collect()[0].asDict()
    rows = [_number(name, found) for name in NUMBERS] + [_named(name, found) for name in NAMES]
    rows += [_other(name, kind, found) for name, kind in OTHERS.items()]
    table = pd.DataFrame(rows).reindex(columns=COLUMNS)
    table["remark"] = [remark(row, near_constant) for row in table.to_dict("records")]
    return table


def count_values(events: DataFrame, as_of: dt.date, profiles: pd.DataFrame, bins: int) -> EventCounts:
    """Histograms of durations, values, hours and weekdays, and rows per event name and status; one scan.

    `profiles` are those of `profile_events`: they say where the bins end.
    """
    chosen = {
        row["column_name"]: choose_bins(row["minimum"], row["maximum"], row["q75"], bins)
        for row in profiles.to_dict("records")
        if row["column_name"] in NUMBERS and not pd.isna(row["minimum"])
    }
    parts = [_part(name, F.col(name)) for name in COUNTED]
    parts += [_part(name, own.column(F.col(name)).cast("string")) for name, own in chosen.items()]
    parts.append(_part("hour_of_day", F.hour("event_ts").cast("string")))
    parts.append(_part("weekday", F.weekday("event_ts").cast("string")))
    pairs = kept_before(events, as_of).select(F.inline(F.array(*parts)))
    counted = pairs.where(F.col("name").isNotNull()).groupBy("kind", "name").agg(F.count(F.lit(1)).alias("rows"))
    counted = settled(counted)
    binned = counted.where(~F.col("kind").isin(*COUNTED)).toPandas()
    tables = [_histogram(name, one, binned) for name, one in {**chosen, **CLOCK}.items()]
    return EventCounts(pd.concat(tables, ignore_index=True), counted.where(F.col("kind").isin(*COUNTED)))


def _part(kind: str, name: Column) -> Column:
    return F.struct(F.lit(kind).alias("kind"), name.alias("name"))


def _histogram(name: str, bins: Bins, counted: pd.DataFrame) -> pd.DataFrame:
    mine = counted[counted["kind"] == name]
    rows = np.zeros(bins.count, dtype=np.int64)
    rows[mine["name"].astype(int).to_numpy()] = mine["rows"].to_numpy()
    return bins.table(name, rows)


def _of_number(name: str) -> list[Column]:
    column = F.col(name)
    return [
        F.min(column).alias(f"{name}__minimum"),
        F.max(column).alias(f"{name}__maximum"),
        F.avg(column).alias(f"{name}__mean"),
        F.stddev_samp(column).alias(f"{name}__sd"),
        F.percentile_approx(column, list(QUANTILES.values())).alias(f"{name}__quantiles"),
        F.count_if(column == 0.0).alias(f"{name}__zero"),
        F.approx_count_distinct(column).alias(f"{name}__distinct"),
    ]


def _given(name: str, kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
    rows, given = found["rows"], found[f"{name}__given"]
    share = (rows - given) / rows if rows else None
    known = {"source": SOURCE, "column_name": name, "kind": kind, "rows": rows, "estimated": False}
    return {**known, "missing": rows - given, "missing_share": share}


def _number(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    row = _given(name, "number", found)
    row |= {what: found[f"{name}__{what}"] for what in ("minimum", "maximum")}
    # sums of doubles depend on the order of the rows in their last digits
    row |= {what: rounded(found[f"{name}__{what}"]) for what in ("mean", "sd")}
    row |= dict(zip(QUANTILES, found[f"{name}__quantiles"] or [None] * len(QUANTILES), strict=True))
    given = found[f"{name}__given"]
    zero = found[f"{name}__zero"] / given if given else None
    return {**row, "zero_share": zero, "distinct_values": found[f"{name}__distinct"], "estimated": True}


def _named(name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {**_given(name, "text", found), "distinct_values": found[f"{name}__distinct"], "estimated": True}


def _other(name: str, kind: str, found: Mapping[str, Any]) -> dict[str, Any]:
    row = _given(name, kind, found)
    given = found[f"{name}__given"]
    if name == "is_error" and given:
        share = found["is_error__true"] / given
        row |= {"zero_share": 1.0 - share, "top_share": max(share, 1.0 - share), "distinct_values": 1 + (0 < share < 1)}
    return row
