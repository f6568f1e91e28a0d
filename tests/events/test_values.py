"""The values of a row: times that clocks skip or repeat, numbers that are none, one spelling of every name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segmentation.events.categories import CategoryError, exact_rules
from segmentation.settings import CategorySettings
from tests.events.conftest import Ingest

GOOD = {"time": "2025-03-04 05:06:07", "token": "t1", "account": "a1", "name": "Started", "seconds": "1", "worth": "1"}
FORMATS = ["yyyy-MM-dd HH:mm:ss"]


def log(*changes: dict[str, str]) -> str:
    rows = [{**GOOD, **change} for change in changes]
    return "".join(",".join(row) + "\n" for row in [list(GOOD), *(list(row.values()) for row in rows)])


def test_numbers_and_missing_values(ingest: Ingest) -> None:
    cases: list[tuple[dict[str, str], str | None]] = [
        ({"account": ""}, "missing_account"),
        ({"token": " "}, "missing_token"),
        ({"name": ""}, "missing_event_name"),
        ({"name": "A name of more than twenty"}, "text_too_long"),
        ({"seconds": "x"}, "bad_duration"),
        ({"seconds": "NaN"}, "duration_not_finite"),
        ({"seconds": "Infinity"}, "duration_not_finite"),
        ({"seconds": "1e400"}, "duration_not_finite"),
        ({"seconds": "-1"}, "negative_duration"),
        ({"seconds": "1000000000001"}, "number_out_of_range"),
        ({"seconds": "1e12"}, None),
        ({"seconds": "5d"}, "bad_duration"),
        ({"seconds": "2.D\t"}, "bad_duration"),
        ({"seconds": "0x1p3"}, "bad_duration"),
        ({"worth": "3f"}, "bad_value"),
        ({"worth": "1e3F"}, "bad_value"),
        ({"worth": "0X1P3"}, "bad_value"),
        ({"worth": "-inf"}, "value_not_finite"),
        ({"worth": "+Infinity"}, "value_not_finite"),
        ({"worth": "1,5"}, "wrong_field_count"),
        ({"worth": "1_5"}, "bad_value"),
        ({"worth": "nan"}, "value_not_finite"),
        ({"worth": "-1e400"}, "value_not_finite"),
        ({"worth": "-2e12"}, "number_out_of_range"),
        ({"worth": "-7"}, None),
        ({"seconds": "", "worth": ""}, None),
    ]
    rows = ingest({"a.csv": log(*(change for change, _ in cases))}, value="worth").select("rule", "raw").collect()
    assert len(rows) == len(cases)
    lines = {",".join({**GOOD, **change}.values()): rule for change, rule in cases if rule}
    assert {row["raw"].decode(): row["rule"] for row in rows if row["rule"]} == lines


@pytest.mark.parametrize("column", ["product", "os"])
def test_a_product_or_system_that_is_too_long_is_no_key_of_a_table(ingest: Ingest, column: str) -> None:
    rows = ingest({"a.csv": log({"worth": "more than twenty letters"}, {"worth": "few"})}, **{column: "worth"})
    assert {row[column]: row["rule"] for row in rows.collect()} == {
        "more than twenty letters": "text_too_long",
        "few": None,
    }


def test_times(ingest: Ingest) -> None:
    cases = {
        "0000-00-00 00:00:00": "bad_time",
        "not a date": "bad_time",
        "": "bad_time",
        "2025-02-29 00:00:00": "bad_time",
        "12021-03-04 05:06:07": "time_out_of_range",
        "0000-01-01 00:00:00": "time_out_of_range",
        "1999-12-31 23:59:59": "time_out_of_range",
        "2000-01-01 00:00:00": None,
        "2025-06-03 00:00:00": None,
        "2025-06-03 00:00:01": "time_out_of_range",
    }
    rows = ingest({"a.csv": log(*({"time": time, "token": time or "-"} for time in cases))}).collect()
    assert {row["token"].strip("-"): row["rule"] for row in rows} == cases
    # neither a nonsense year nor one that Python cannot hold is a month to partition by
    assert {row["event_month"] for row in rows if row["rule"]} == {None}


def test_hours_that_clocks_skip_or_repeat(ingest: Ingest) -> None:
    cases: dict[str, tuple[str | None, list[str] | None, dt.datetime]] = {
        "2025-03-09 01:59:59": (None, None, dt.datetime(2025, 3, 9, 6, 59, 59)),
        "2025-03-09 02:30:00": ("time_in_dst_gap", None, dt.datetime(2025, 3, 9, 7, 30)),
        "2025-03-09 03:00:00": (None, None, dt.datetime(2025, 3, 9, 7)),
        "2024-11-03 00:59:59": (None, None, dt.datetime(2024, 11, 3, 4, 59, 59)),
        "2024-11-03 01:30:00": (None, ["ambiguous_time"], dt.datetime(2024, 11, 3, 5, 30)),
        "2024-11-03 02:00:00": (None, None, dt.datetime(2024, 11, 3, 7)),
        "2025-03-31 23:30:00": (None, None, dt.datetime(2025, 4, 1, 3, 30)),
    }
    time = {"column": "time", "formats": FORMATS, "zone": "America/New_York"}
    rows = ingest({"a.csv": log(*({"time": time, "token": time} for time in cases))}, time=time).collect()
    assert {row["token"]: (row["rule"], row["flags"], row["event_ts"]) for row in rows} == cases


def test_the_repeated_hour_is_as_long_as_the_zone_makes_it(ingest: Ingest) -> None:
    """Lord Howe sets its clocks back by half an hour, at 2:00."""
    time = {"column": "time", "formats": FORMATS, "zone": "Australia/Lord_Howe"}
    text = log(*({"time": f"2025-04-06 {clock}:00"} for clock in ("01:29", "01:30", "01:59", "02:00")))
    rows = ingest({"a.csv": text}, time=time).orderBy("event_ts").collect()
    assert [row["flags"] for row in rows] == [None, ["ambiguous_time"], ["ambiguous_time"], None]


NOON = "2024-07-04 12:00:00"
BRUSSELS = {"column": "time", "zone": "Europe/Brussels", "formats": [*FORMATS, "yyyy-MM-dd'T'HH:mm:ssXXX"]}


@pytest.mark.parametrize(
    "formats",
    [
        BRUSSELS["formats"],
        ["yyyy-MM-dd'T'HH:mm:ssXXX", *FORMATS],
        ["yyyy-MM-dd'T'HH:mm:ss[XXX]", "yyyy-MM-dd HH:mm[:ss[ 'Z'VV]]"],
        ["yyyy-MM-dd'T'HH:mm[:ss[.SSS]XXX]", *FORMATS],
    ],
)
def test_a_time_that_names_its_offset_is_not_of_the_sources_zone(ingest: Ingest, formats: list[str]) -> None:
    written = [NOON, "2024-07-04T12:00:00+02:00", "2024-07-04T10:00:00Z"]
    if "[XXX]" in formats[0]:
        written += ["2024-07-04T12:00:00", f"{NOON} ZEurope/Brussels"]
    if "[:ss" in formats[0]:
        written += ["2024-07-04T12:00"]
    rows = ingest(
        {"a.csv": log(*({"time": time} for time in written))}, time={**BRUSSELS, "formats": formats}
    ).collect()
    assert [row["event_ts"] for row in rows] == [dt.datetime(2024, 7, 4, 10)] * len(written)
    assert {row["rule"] for row in rows} == {None}


def test_hours_that_clocks_skip_or_repeat_are_those_of_local_times_alone(ingest: Ingest) -> None:
    cases: dict[str, tuple[str | None, list[str] | None, dt.datetime]] = {
        "2025-03-30 02:30:00": ("time_in_dst_gap", None, dt.datetime(2025, 3, 30, 1, 30)),
        "2025-03-30T02:30:00Z": (None, None, dt.datetime(2025, 3, 30, 2, 30)),
        "2024-10-27 02:30:00": (None, ["ambiguous_time"], dt.datetime(2024, 10, 27, 0, 30)),
        "2024-10-27T02:30:00+01:00": (None, None, dt.datetime(2024, 10, 27, 1, 30)),
        "2024-10-27T02:30:00Z": (None, None, dt.datetime(2024, 10, 27, 2, 30)),
    }
    text = log(*({"time": time, "token": time[5:]} for time in cases))
    rows = ingest({"a.csv": text}, time=BRUSSELS).collect()
    assert {row["token"]: (row["rule"], row["flags"], row["event_ts"]) for row in rows} == {
        time[5:]: case for time, case in cases.items()
    }


def parquet(folder: Path, time: pa.Array) -> dict[str, bytes]:
    others = {name: pa.array([GOOD[name]] * len(time)) for name in ("token", "account", "name", "seconds")}
    pq.write_table(pa.table({"time": time, **others}), folder / "a.parquet")
    return {"a.parquet": (folder / "a.parquet").read_bytes()}


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize(("zone", "hour"), [("UTC", 10), (None, 8)])
def test_a_parquet_timestamp_is_local_only_where_it_is_not_adjusted_to_utc(
    ingest: Ingest, tmp_path: Path, zone: str | None, hour: int, unit: str
) -> None:
    """Also in nanoseconds, which Spark reads as numbers."""
    moment = pa.array([dt.datetime(2024, 7, 4, 10)], pa.timestamp(unit)).cast(pa.timestamp(unit, zone))
    time = {"column": "TIME", "zone": "Europe/Brussels"} | ({"epoch": "nanos"} if unit == "ns" else {})
    rows = ingest(parquet(tmp_path, moment), format="parquet", time=time).collect()
    assert [(row["rule"], row["event_ts"]) for row in rows] == [(None, dt.datetime(2024, 7, 4, hour))]


@pytest.mark.parametrize(
    ("epoch", "number"), [("seconds", "1741064767"), ("millis", "1741064767000"), ("nanos", "1741064767000000999")]
)
def test_times_as_numbers(ingest: Ingest, epoch: str, number: str) -> None:
    text = log({"time": number}, {"time": "x"}, {"time": "9223372036854775807"})
    rows = ingest({"a.csv": text}, time={"column": "time", "epoch": epoch}).collect()
    times = {row["rule"]: row["event_ts"] for row in rows}
    beyond = dt.datetime(2262, 4, 11, 23, 47, 16, 854775) if epoch == "nanos" else None
    assert times == {None: dt.datetime(2025, 3, 4, 5, 6, 7), "bad_time": None, "time_out_of_range": beyond}


FRACTIONS: dict[str, tuple[str | None, dt.datetime | None]] = {
    "1741064767.123": (None, dt.datetime(2025, 3, 4, 5, 6, 7, 123_000)),
    "1.741064767000001e9": (None, dt.datetime(2025, 3, 4, 5, 6, 7, 1)),
    "99999999999999999.5": ("time_out_of_range", None),
    "NaN": ("bad_time", None),
}


def test_seconds_may_have_a_fraction_in_text_and_as_doubles(ingest: Ingest, tmp_path: Path) -> None:
    time = {"column": "time", "epoch": "seconds"}
    text = log(*({"time": number, "token": number} for number in FRACTIONS))
    rows = ingest({"a.csv": text}, time=time).collect()
    assert {row["token"]: (row["rule"], row["event_ts"]) for row in rows} == FRACTIONS
    doubles = parquet(tmp_path, pa.array([float(number) for number in FRACTIONS]))
    rows = ingest(doubles, folder="doubles", format="parquet", time=time).collect()
    assert sorted((str(row["rule"]), str(row["event_ts"])) for row in rows) == sorted(
        (str(rule), str(moment)) for rule, moment in FRACTIONS.values()
    )


def test_a_time_may_be_sql_over_several_columns(ingest: Ingest) -> None:
    text = "day,clock,token,account,name\n2025-03-04,05:06:07,t1,a1,Started\n2025-03-04,,t2,a1,Started\n"
    time = {"column": "concat(day, ' ', clock)", "formats": FORMATS, "zone": "Europe/Brussels"}
    columns = ["day", "clock", "token", "account", "name"]
    rows = ingest({"a.csv": text}, columns=columns, time=time, duration_s=None).collect()
    found = {row["token"]: (row["rule"], row["event_ts"]) for row in rows}
    assert found == {"t1": (None, dt.datetime(2025, 3, 4, 4, 6, 7)), "t2": ("bad_time", None)}


def test_two_spellings_of_a_letter_are_one_name(ingest: Ingest) -> None:
    apart, composed = "Mu\u0308ller", "M\u00fcller"
    same: list[dict[str, Any]] = [{"token": n, "account": n, "name": f"{n} opened"} for n in (apart, composed)]
    categories = (CategorySettings(name="Document", names=(f"{apart} opened",)),)
    rows = ingest({"a.csv": log(*same, {"token": "Muller"})}, categories=categories).collect()
    keys = [(row["token"], row["account_id"], row["event_name"], row["token_key"], row["event_key"]) for row in rows]
    assert len(rows) == 3
    assert len({key for key in keys if key[0] == composed}) == len(set(keys)) - 1 == 1
    assert {row["category"] for row in rows if row["token"] == composed} == {"Document"}


def test_a_name_in_two_spellings_and_two_categories_is_refused() -> None:
    one, other = (CategorySettings(name=c, names=(n,)) for c, n in (("A", "Mu\u0308ller"), ("B", "M\u00fcller")))
    with pytest.raises(CategoryError, match="stands in 'A' and in 'B'"):
        exact_rules([one, other])
