"""Few enough rows to count by hand."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.events.categories import category_names
from segmentation.exploration.concentration import Concentration, concentration
from segmentation.exploration.coverage import activity_gaps, category_coverage
from segmentation.exploration.events import EventCounts, count_values, profile_events
from segmentation.exploration.result import warnings
from segmentation.features.catalogue import catalogue
from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.stores.conf import load_categories
from tests.walk import AS_OF

MARCH = dt.date(2025, 3, 1)
JANUARY, FEBRUARY = dt.date(2025, 1, 1), dt.date(2025, 2, 1)


def event(
    day: int, account: int, name: str, duration: float | None, status: str | None, kept: str = "kept", month: int = 1
) -> tuple[object, ...]:
    at = dt.datetime(2025, month, day, 13, 30)
    keys = (account, account, len(name))
    texts = (f"a{account}", f"t{account}", name, "Document", "Press", None)
    return (kept, at.date().replace(day=1), at, *texts, *keys, duration, 0.0 if account == 1 else 4.0, status,
            status == "error", None)  # fmt: skip


@pytest.fixture(scope="module")
def events(spark: SparkSession) -> DataFrame:
    rows = [
        event(6, 1, "open", 1.0, "ok"),  # a Monday
        event(6, 1, "open", 2.0, "ok"),
        event(7, 1, "print", None, None),
        event(12, 2, "open", 4.0, "error", month=2),  # a Wednesday
        event(7, 1, "open", 99.0, "ok", kept="dropped"),
        event(7, 1, "open", 99.0, "ok", month=3),  # on or after as_of
    ]
    schema = (
        "disposition string, event_month date, event_ts timestamp, account_id string, token string, event_name string, "
        "category string, product string, os string, account_key long, token_key long, event_key long, "
        "duration_s double, value double, status string, is_error boolean, attributes map<string,string>"
    )
    return spark.createDataFrame(rows, schema)


@pytest.fixture(scope="module")
def profiles(events: DataFrame) -> pd.DataFrame:
    return profile_events(events, MARCH, near_constant=0.99)


@pytest.fixture(scope="module")
def counts(events: DataFrame, profiles: pd.DataFrame) -> EventCounts:
    return count_values(events, MARCH, profiles, bins=3)


def test_only_kept_rows_before_the_date_are_profiled(profiles: pd.DataFrame) -> None:
    told = profiles.set_index("column_name")
    assert set(told["rows"]) == {4}
    duration, value, system = (told.loc[name] for name in ("duration_s", "value", "os"))
    assert (duration["missing"], duration["missing_share"], duration["mean"]) == (1, 0.25, pytest.approx(7 / 3))
    assert (duration["minimum"], duration["median"], duration["maximum"]) == (1.0, 2.0, 4.0)
    assert (value["zero_share"], value["mean"], value["distinct_values"], value["estimated"]) == (0.75, 1.0, 2, True)
    assert (system["missing_share"], system["remark"], told.loc["product", "remark"]) == (
        1.0,
        "mostly missing",
        "constant",
    )
    assert told.loc["is_error", ["zero_share", "top_share", "distinct_values"]].tolist() == [0.75, 0.75, 2]
    # a smallest account id would be somebody's
    assert told.loc[["account_id", "token"], "minimum"].isna().all()


def test_bins_hours_and_weekdays_hold_every_row_once(counts: EventCounts) -> None:
    told = counts.histograms[counts.histograms["rows"] > 0]
    found = {name: rows[["low", "rows"]].to_numpy().tolist() for name, rows in told.groupby("column_name")}
    assert found["duration_s"] == [[1.0, 1], [2.0, 1], [3.0, 1]]
    assert found["hour_of_day"] == [[13.0, 4]]
    assert found["weekday"] == [[1.0, 2], [2.0, 1], [3.0, 1]]


@pytest.fixture(scope="module")
def cube(spark: SparkSession) -> DataFrame:
    rows = [
        (JANUARY, 1, "Document", "Press", "Win", 5),
        (JANUARY, 2, "System", "Press", None, 1),
        (FEBRUARY, 2, "Document", "Press", "Win", 1),
        (FEBRUARY, 3, "Document", "Desk", "Mac", 1),
        (dt.date(2024, 8, 1), 3, "System", "Desk", "Mac", 1),
        (dt.date(2024, 10, 1), 3, "System", "Desk", "Mac", 1),
        (MARCH, 1, "Document", "Press", "Win", 100),
    ]
    return spark.createDataFrame(
        rows, "event_month date, token_key long, category string, product string, os string, rows long"
    )


@pytest.fixture(scope="module")
def owners(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [(1, "A", "t1"), (2, "A", "t2"), (3, "B", "t3")], "token_key long, account_id string, token string"
    )


@pytest.fixture(scope="module")
def concentrated(cube: DataFrame, owners: DataFrame, counts: EventCounts) -> Concentration:
    return concentration(cube, owners.drop("token"), owners.drop("account_id"), counts.values, MARCH, top=2)


def test_the_heaviest_come_first_with_their_share_of_all_rows(concentrated: Concentration) -> None:
    told = concentrated.hitters
    named = told[["kind", "rank", "name", "account_id", "rows"]].astype(object)
    assert named.where(named.notna(), None).to_numpy().tolist() == [
        ["account", 1, "A", "A", 7], ["account", 2, "B", "B", 3],
        ["token", 1, "t1", "A", 5], ["token", 2, "t3", "B", 3],
        ["event_name", 1, "open", None, 3], ["event_name", 2, "print", None, 1],
        ["category", 1, "Document", None, 7], ["category", 2, "System", None, 3],
        ["product", 1, "Press", None, 7], ["product", 2, "Desk", None, 3],
        ["os", 1, "Win", None, 6], ["os", 2, "Mac", None, 3],
        ["status", 1, "ok", None, 2], ["status", 2, "error", None, 1],
    ]  # fmt: skip
    token = told[told["kind"] == "token"]
    assert token["cumulative_share"].tolist() == pytest.approx([0.5, 0.8])
    kinds = concentrated.kinds.set_index("kind")
    assert kinds.loc["token", ["names", "rows", "top_share"]].tolist() == [3, 10, 0.5]
    assert kinds.loc["token", "gini"] == pytest.approx(12 / 9 / (2 * 10 / 3))  # of 5, 2 and 3, pair by pair
    assert kinds.loc["os", "rows"] == 9


def test_coverage_counts_accounts_and_tokens_once(cube: DataFrame, owners: DataFrame) -> None:
    told = category_coverage(cube, owners, MARCH)
    whole = told[told["event_month"].isna()].set_index("category")
    assert whole[["rows", "tokens", "accounts", "account_share"]].to_dict("index") == {
        "Document": {"rows": 7, "tokens": 3, "accounts": 2, "account_share": 1.0},
        "System": {"rows": 3, "tokens": 2, "accounts": 2, "account_share": 1.0},
        "all": {"rows": 10, "tokens": 3, "accounts": 2, "account_share": 1.0},
    }
    january = told[told["event_month"] == JANUARY].set_index("category")
    assert january["accounts"].to_dict() == {"Document": 1, "System": 1, "all": 1}
    heavy = pd.DataFrame([("account", "A", 0.7)], columns=["kind", "name", "share"])
    said = list(warnings(pd.DataFrame(columns=["source", "remark", "column_name"]), heavy, told, MARCH, 0.5))
    assert said[0].startswith("account A holds 70% of all kept rows")
    assert said[1:] == ["no row at all in 2024-09, 2024-11, 2024-12: were these months delivered?"]


def test_a_few_rows_of_a_wrong_clock_do_not_make_a_thin_month_usual() -> None:
    rows = {dt.date(year, 1, 1): 1 for year in (1999, 2000, 2001)}
    rows |= {dt.date(2025, month, 1): count for month, count in ((10, 1000), (11, 1000), (12, 300))}
    told = pd.DataFrame({"category": "all", "event_month": list(rows), "rows": list(rows.values())})
    nobody = pd.DataFrame(columns=["kind", "name", "share"])
    said = list(warnings(pd.DataFrame(columns=["source", "remark", "column_name"]), nobody, told, AS_OF, 0.5))
    assert said == ["2025-12 has 300 rows, a usual month 1,000: is it complete?"]


def test_gaps_are_counted_in_months(cube: DataFrame, owners: DataFrame) -> None:
    told = {row["account_id"]: row.asDict() for row in activity_gaps(cube, owners, dt.date(2025, 6, 1)).collect()}
    assert told["B"] == {
        "as_of": dt.date(2025, 6, 1), "account_id": "B", "first_month": dt.date(2024, 8, 1), "last_month": FEBRUARY,
        "active_months": 3, "gap_months": 4, "longest_gap": 3, "silent_months": 3,
    }  # fmt: skip
    assert (told["A"]["active_months"], told["A"]["gap_months"], told["A"]["silent_months"]) == (3, 0, 2)


def test_the_command_stores_what_it_shows(
    spark: SparkSession, walked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(walked / "tables", tmp_path / "tables")
    assert main(["explore", "--data-dir", str(tmp_path)]) == Exit.OK
    shown = capsys.readouterr().out
    read = lambda name: spark.read.format("delta").load(str(tmp_path / "tables" / name)).toPandas()  # noqa: E731
    profiles, hitters, coverage = read("column_profiles"), read("heavy_hitters"), read("category_coverage")
    kept = spark.read.format("delta").load(str(tmp_path / "tables" / "events")).where("disposition = 'kept'").count()
    assert f"exploration as of {AS_OF}: {kept:,} kept rows" in shown
    assert set(profiles.loc[profiles["source"] == "events", "rows"]) == {kept}
    features = catalogue(category_names(load_categories()))
    assert (profiles["source"] == "basetable").sum() == len(features) + 1  # and the label
    assert coverage.loc[(coverage["category"] == "all") & coverage["event_month"].isna(), "rows"].tolist() == [kept]
    assert hitters.loc[hitters["kind"] == "category", "rows"].sum() == kept
    assert len(read("activity_gaps")) == len(read("account_features"))
    named = profiles[profiles["column_name"] == "account_id"]  # of all that the logs name, a token's second one too
    assert named["estimated"].all()
    assert f"about {int(named['distinct_values'].item()):,} of them, the largest holds" in shown
    tokens = int(profiles.loc[profiles["column_name"] == "token", "distinct_values"].item())
    assert re.search(rf"  token +{tokens:,} of them, the largest holds", shown)  # counted
    assert named["distinct_values"].item() == pytest.approx(len(read("account_features")), rel=0.15)
    groups = read("feature_groups")
    assert len(groups) == groups["feature"].nunique()
    assert (
        groups[groups["feature"] == groups["representative"]]["group_number"].nunique() == groups["group_number"].max()
    )
    assert main(["explore", "--data-dir", str(tmp_path)]) == Exit.OK
    assert "nothing has changed" in capsys.readouterr().out
