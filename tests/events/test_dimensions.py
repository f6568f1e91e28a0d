"""tokens and event_names: one row each, bits handed out once, the account by rule."""

from __future__ import annotations

import datetime as dt

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.events.build import platform_key
from segmentation.events.dimensions import (
    KeyCollision,
    could_have_bits,
    give_bits,
    kept_names,
    merge_event_names,
    merge_platforms,
    merge_tokens,
    refuse_collisions,
)
from tests.events.conftest import CATEGORIES, HEADER, Ingest


def log(*rows: tuple[str, str, str, str]) -> str:
    return HEADER + "".join(
        f"2025-03-{day} 00:00:00,{token},{account},{name},1\n" for day, token, account, name in rows
    )


def bits(names: DataFrame) -> dict[str, int | None]:
    return {row["event_name"]: row["bit"] for row in names.collect()}


def test_account_of_a_token_is_the_one_with_most_rows(ingest: Ingest) -> None:
    text = log(("01", "t", "b", "x"), ("02", "t", "b", "x"), ("03", "t", "a", "x"), ("09", "u", "a", "x"))
    tokens = {row["token"]: row for row in merge_tokens(None, ingest({"a.csv": text})).collect()}
    assert (tokens["t"]["account_id"], tokens["t"]["rows"]) == ("b", 3)
    assert [(a["account_id"], a["rows"]) for a in tokens["t"]["accounts"]] == [("a", 1), ("b", 2)]
    assert (tokens["t"]["first_seen"], tokens["t"]["last_seen"]) == (dt.datetime(2025, 3, 1), dt.datetime(2025, 3, 3))
    assert tokens["u"]["account_id"] == "a"


def test_a_tie_goes_to_the_latest_seen_then_to_the_smallest_id(ingest: Ingest) -> None:
    text = log(("01", "t", "a", "x"), ("02", "t", "b", "x"), ("01", "u", "d", "x"), ("01", "u", "c", "x"))
    tokens = merge_tokens(None, ingest({"a.csv": text})).collect()
    assert {row["token"]: row["account_id"] for row in tokens} == {"t": "b", "u": "c"}


def test_a_later_batch_can_change_the_account(ingest: Ingest) -> None:
    first = merge_tokens(None, ingest({"a.csv": log(("01", "t", "a", "x"))}).localCheckpoint()).localCheckpoint()
    second = merge_tokens(first, ingest({"a.csv": log(("02", "t", "b", "x"), ("03", "t", "b", "x"))})).collect()
    assert [(row["account_id"], row["rows"], row["first_seen"].day) for row in second] == [("b", 3, 1)]


def test_a_raised_limit_gives_bits_to_names_that_came_too_late(ingest: Ingest) -> None:
    rows = [("01", "t", "a", f"app.{letter}") for letter in "abc"] + [("01", "t", "a", "PDF Opened")]
    names = merge_event_names(None, kept_names(ingest({"a.csv": log(*rows)})), CATEGORIES, 2).localCheckpoint()
    assert bits(names) == {"app.a": 0, "app.b": 1, "app.c": None, "PDF Opened": 0}
    assert [could_have_bits(names, limit) for limit in (1, 2, 3)] == [False, False, True]
    more = give_bits(names, 3)
    assert bits(more) == {"app.a": 0, "app.b": 1, "app.c": 2, "PDF Opened": 0}
    assert not could_have_bits(more, 4)


def test_bits_are_in_order_of_name_and_never_change(ingest: Ingest) -> None:
    one = ingest({"a.csv": log(("01", "t", "a", "app.z"), ("01", "t", "a", "app.m"), ("01", "t", "a", "PDF Opened"))})
    first = merge_event_names(None, kept_names(one.localCheckpoint()), CATEGORIES, 3).localCheckpoint()
    assert bits(first) == {"app.m": 0, "app.z": 1, "PDF Opened": 0}
    two = ingest({"a.csv": log(("01", "t", "a", "app.a"), ("01", "t", "a", "app.z"), ("01", "t", "a", "app.b"))})
    second = merge_event_names(first, kept_names(two), CATEGORIES, 3)
    assert bits(second) == {"app.m": 0, "app.z": 1, "PDF Opened": 0, "app.a": 2, "app.b": None}
    rules = {row["event_name"]: row["rule"] for row in second.collect()}
    assert (rules["app.a"], rules["PDF Opened"]) == ("prefix:app.", "exact")


def test_a_platform_is_a_product_with_a_system(spark: SparkSession) -> None:
    def kept(*pairs: tuple[str | None, str | None]) -> DataFrame:
        frame = spark.createDataFrame(
            [("kept", *pair) for pair in pairs], "disposition string, product string, os string"
        )
        return frame.withColumn("platform_key", platform_key())

    first = merge_platforms(None, kept(("P", None), ("P", None), (None, "P")))
    second = merge_platforms(first, kept(("P", "W"), (None, "P"), (None, None)))
    rows = {row["platform_key"]: (row["product"], row["os"]) for row in second.collect()}
    assert sorted(rows.values(), key=str) == [("P", "W"), ("P", None), (None, "P"), (None, None)]
    assert second.count() == len(rows)


def test_a_key_collision_is_named(spark: SparkSession) -> None:
    frame = spark.createDataFrame([(1, "a"), (1, "b"), (2, "c")], "token_key long, token string")
    with pytest.raises(KeyCollision, match="'a' and 'b' have the same token_key 1"):
        refuse_collisions(frame, "token_key", "token")
