"""The same input gives the same bits, however rows are ordered and split, wherever the machine stands."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.basetable.build import build_basetable
from segmentation.basetable.imputation import prepare_activity
from segmentation.events.build import platform_key
from segmentation.events.dimensions import merge_platforms, merge_tokens
from segmentation.features.accounts import account_features
from segmentation.features.activity import build_activity
from segmentation.features.tokens import main_accounts, token_features
from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.schemas import ACCOUNT_FEATURES, ACTIVITY, BASETABLE, EVENTS, ROW_BALANCE, TOKEN_FEATURES, TOKENS
from segmentation.settings import BasetableSettings
from segmentation.stores.content import content_hash
from segmentation.table import Table

AS_OF = dt.date(2026, 1, 1)
CATEGORIES = ("Document", "System")
ROWS = 5_000
#: doubles whose sum depends on the order in which they are added, and one that hides all others
AWKWARD = "0.1D, 0.2D, 0.3D, 1e9D + 0.7D, -0.0D, 1e12D, null, double('NaN'), 1e-6D, -1234.567891D"
SETTINGS = {
    "as_of": None, "max_missing_share": 0.9, "folds": 5, "test_share": 0.2, "fold_seed": 11, "label_groups": {},
}  # fmt: skip


def make_events(session: SparkSession, salt: int) -> DataFrame:
    """The same events for any salt, in an order and in partitions of the salt's own; 600 names are beyond any bit."""

    def pick(what: str, size: int) -> str:
        return f"pmod(xxhash64(id, '{what}'), {size})"

    events = session.range(ROWS).selectExpr(
        "id",
        "'kept' as disposition",
        "cast(null as string) as rule",
        f"to_date('2024-06-01') + cast({pick('day', 579)} as int) as event_date",
        f"case when {pick('token', 40)} < 8 then 0 else {pick('token', 40)} end as token_key",
        f"case when {pick('name', 610)} % 3 = 0 then 'System' else 'Document' end as category",
        f"array('P', 'Q', null)[{pick('product', 3)}] as product",
        f"array('W', null)[{pick('os', 2)}] as os",
        f"array({AWKWARD})[{pick('duration', 10)}] as duration_s",
        f"array({AWKWARD})[{pick('value', 10)}] as value",
        f"{pick('name', 610)} as event_key",
        f"{pick('error', 9)} = 0 as is_error",
    )
    return (
        events.withColumns(
            {
                "event_month": F.trunc("event_date", "month"),
                "event_ts": F.expr(f"timestamp_micros(unix_date(event_date) * 86400000000 + {pick('time', 86400)})"),
                "account_key": F.floor(F.col("token_key") / 2),
                "platform_key": platform_key(),
                "token": F.format_string("t%d", "token_key"),
                "account_id": F.format_string("a%d", F.floor(F.col("token_key") / 2)),
            }
        )
        .repartition(1 + salt, F.xxhash64("id", F.lit(salt)))
        .sortWithinPartitions(F.xxhash64("id", F.lit(salt)))
    )


def hashes(session: SparkSession, salt: int) -> dict[tuple[str, str], str]:
    """The content of every table from the cube to the basetable, under both policies."""
    events = make_events(session, salt)
    category = "case when id % 3 = 0 then 'System' else 'Document' end as category"
    bit = "case when id < 10 then cast(id as int) end as bit"
    names = session.range(610).selectExpr("id as event_key", category, bit)
    activity = build_activity(events, names, merge_platforms(None, events), 1, sketch=True).localCheckpoint()
    tokens = merge_tokens(None, events).localCheckpoint()
    found = {}
    for policy in ("basetable", "logs"):
        tables = [(activity, ACTIVITY), *features_and_basetable(session, activity, tokens, policy)]
        found |= {(policy, table.name): content_hash(frame, table) for frame, table in tables}
    return found


def features_and_basetable(
    session: SparkSession, activity: DataFrame, tokens: DataFrame, policy: str
) -> list[tuple[DataFrame, Table]]:
    cube = prepare_activity(activity, AS_OF, policy)
    owners = main_accounts(cube, tokens, AS_OF).localCheckpoint()
    measured = token_features(cube, owners, AS_OF, 1, sketch=True).localCheckpoint()
    wide = account_features(measured, cube, owners, AS_OF, CATEGORIES).localCheckpoint()
    accounts = session.sql("select concat('a', id) as account_id, array('X', 'Y')[pmod(id, 2)] as b from range(15)")
    settings = BasetableSettings.model_validate(SETTINGS | {"imputation": policy})
    built = build_basetable(wide, cube, owners, accounts, AS_OF, "b", CATEGORIES, settings)
    return [(measured, TOKEN_FEATURES), (wide, ACCOUNT_FEATURES), (built.frame, BASETABLE)]


@pytest.fixture
def split_into(spark: SparkSession) -> Iterator[Callable[[int], None]]:
    """Sets the number of shuffle partitions, which are not merged again; taken back after the test."""
    keys = ("spark.sql.shuffle.partitions", "spark.sql.adaptive.coalescePartitions.enabled")
    before = {key: spark.conf.get(key) for key in keys}
    spark.conf.set(keys[1], "false")
    yield lambda count: spark.conf.set(keys[0], str(count))
    for key, value in before.items():
        spark.conf.set(key, str(value))


def test_partitions_and_order_change_no_bit(spark: SparkSession, split_into: Callable[[int], None]) -> None:
    found = []
    for partitions, salt in ((1, 1), (3, 2), (8, 3)):
        split_into(partitions)
        found.append(hashes(spark, salt))
    assert found[1] == found[0]
    assert found[2] == found[0]
    assert len(set(found[0].values())) == 7  # the cube is the same under both policies, nothing else is


TINY = [
    *("--set", "synthetic.rows=1500", "--set", "synthetic.accounts=30", "--set", "synthetic.months=3"),
    *("--set", "synthetic.labelled_share=0.6"),
]


@pytest.mark.long
def test_the_machines_time_zone_changes_no_bit(spark: SparkSession, tmp_path: Path) -> None:
    """The slow one: ingest and basetable again, in processes whose Python and Java stand in New Zealand."""
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["generate", "--data-dir", str(here), *TINY]) == Exit.OK
    away = {"TZ": "Pacific/Auckland", "_JAVA_OPTIONS": "-Duser.timezone=Pacific/Auckland"}
    for job, file in (
        (["ingest", "--source", "generated", "--input"], here / "raw" / "logs"),
        (["basetable", "--accounts"], here / "raw" / "accounts.csv"),
    ):
        words = [*job, str(file), *TINY, "--data-dir"]
        assert main([*words, str(here)]) == Exit.OK
        command = [sys.executable, "-m", "segmentation.jobs.command", *words, str(there)]
        done = subprocess.run(command, env=os.environ | away, capture_output=True, text=True, check=False)
        assert done.returncode == Exit.OK, done.stderr

    def content(folder: Path) -> dict[str, str]:
        read = spark.read.format("delta").load
        tables = (EVENTS, ROW_BALANCE, TOKENS, ACTIVITY, TOKEN_FEATURES, ACCOUNT_FEATURES, BASETABLE)
        return {table.name: content_hash(read(str(folder / "tables" / table.name)), table) for table in tables}

    assert content(there) == content(here)
