"""Physical plans of the stages, read without a clock: a plan that became slow fails here."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.basetable.build import build_basetable
from segmentation.checkpoint import settled
from segmentation.events.build import build_events, lay_out
from segmentation.events.duplicates import KNOWN, mark_copies, suspects
from segmentation.events.parse import identify, parse
from segmentation.features.accounts import account_features
from segmentation.features.activity import build_activity, mask_words, merge_activity
from segmentation.features.tokens import main_accounts, token_features
from segmentation.jobs.batches import HASHES_PER_TASK, hash_partitions
from segmentation.stores.capabilities import setting
from segmentation.stores.conf import load_categories, load_settings, load_source
from segmentation.stores.drops import list_drop, read_drop
from tests.walk import AS_OF

Read = Callable[[str], DataFrame]
CATEGORIES = tuple(category.name for category in load_categories())


class Plan:
    """The plan of a frame as Spark would start it."""

    def __init__(self, frame: DataFrame) -> None:
        self.text = re.sub(r"#\d+L?", "", str(frame._jdf.queryExecution().executedPlan().toString()))

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, self.text))

    @property
    def exchanges(self) -> int:
        """Shuffles; what is broadcast is none."""
        return self.count(r"- Exchange (hashpartitioning|SinglePartition|rangepartitioning|RoundRobin)")

    def scans(self, table: str) -> list[str]:
        return [line for line in self.text.splitlines() if "FileScan" in line and f"/tables/{table}" in line]

    def require_none_of(self, *slow: str) -> None:
        assert [word for word in slow if word in self.text] == []


#: what multiplies rows, or sorts and compares where hashing would do
SLOW = ("CartesianProduct", "BroadcastNestedLoopJoin", "Expand [", "SortMergeJoin")


@pytest.fixture(scope="module", autouse=True)
def whole_lines(spark: SparkSession) -> Iterator[None]:
    """Spark cuts off what it says of a scan after a hundred characters."""
    spark.conf.set("spark.sql.maxMetadataStringLength", "10000")
    yield
    spark.conf.unset("spark.sql.maxMetadataStringLength")


@pytest.fixture(scope="module")
def read(spark: SparkSession, walked: Path) -> Read:
    return lambda name: spark.read.format("delta").load(str(walked / "tables" / name))


@pytest.fixture(scope="module")
def owners(read: Read) -> DataFrame:
    return settled(main_accounts(read("activity"), read("tokens"), AS_OF))


def test_the_cube_is_one_scan_of_the_wanted_months_and_one_exchange(read: Read) -> None:
    months = "event_month IN (DATE '2025-03-01', DATE '2025-04-01')"
    plan = Plan(build_activity(read("events").where(months), read("event_names"), read("platforms"), 1, sketch=False))
    (scan,) = plan.scans("events")
    assert re.search(r"PartitionFilters: \[[^]]*event_month IN", scan)
    assert "IsNull(rule)" in scan.split("PushedFilters")[1]
    columns = set(re.findall(r"\w+", scan.split("[")[1].split("]")[0]))
    assert columns == {
        "rule", "event_ts", "token_key", "account_key", "event_key", "platform_key", "duration_s", "value", "is_error",
        "event_month",
    }  # fmt: skip
    assert plan.exchanges == 1
    assert plan.count("BroadcastExchange") == 3  # bits of names, their categories, platforms
    # buffers of fixed size in generated code, no objects and no sorted runs
    plan.require_none_of(*SLOW, "SortAggregate", "ObjectHashAggregate", "- Sort [")


def test_late_rows_cost_one_more_exchange_of_cube_rows(read: Read) -> None:
    words, sketch = mask_words(read("event_names"))
    months = "event_month = DATE '2025-03-01'"
    late = build_activity(read("events").where(months), read("event_names"), read("platforms"), words, sketch)
    plan = Plan(merge_activity(read("activity").where(months).unionByName(late), words, sketch))
    assert len(plan.scans("events")) == len(plan.scans("activity")) == 1
    assert plan.exchanges == 2
    plan.require_none_of(*SLOW)


def test_tokens_are_one_scan_of_the_cube(read: Read, owners: DataFrame) -> None:
    plan = Plan(token_features(read("activity"), owners, AS_OF, 1, sketch=False))
    assert len(plan.scans("activity")) == 1
    assert plan.exchanges == 1
    plan.require_none_of(*SLOW, "SortAggregate", "- Sort [")


def test_whose_a_token_is_costs_one_scan_of_the_cube(read: Read) -> None:
    plan = Plan(main_accounts(read("activity"), read("tokens"), AS_OF))
    assert len(plan.scans("activity")) == 1
    assert plan.exchanges == 2
    plan.require_none_of(*SLOW)


def test_accounts_are_one_scan_of_tokens_and_one_of_the_cube(read: Read, owners: DataFrame) -> None:
    """Exchanges: tokens to categories, categories to accounts, profiles, products twice; all of them small."""
    plan = Plan(account_features(read("token_features"), read("activity"), owners, AS_OF, CATEGORIES))
    assert len(plan.scans("token_features")) == len(plan.scans("activity")) == 1
    assert "as_of" in plan.scans("token_features")[0].split("PartitionFilters")[1].split("]")[0]
    assert plan.exchanges == 5
    plan.require_none_of(*SLOW)


def test_another_category_adds_no_exchange(read: Read, owners: DataFrame) -> None:
    plan = Plan(account_features(read("token_features"), read("activity"), owners, AS_OF, (*CATEGORIES, "Ninth")))
    assert plan.exchanges == 5


@pytest.mark.parametrize("into", ["nothing", "events"])
def test_rows_meet_their_copies_without_a_shuffle(spark: SparkSession, read: Read, walked: Path, into: str) -> None:
    """Few copies go to every task, whatever Spark would guess of them."""
    source = load_source("generated")
    files = list_drop(walked / "raw" / "logs", source)
    known = read("events").select(*KNOWN) if into == "events" else None
    with setting(spark, "spark.sql.autoBroadcastJoinThreshold", "-1", "a guess that is too high"):
        identified = identify(read_drop(spark, files, source), files, source)
        plan = Plan(mark_copies([identified], known, drop=True)[0])
        plan.require_none_of(*SLOW)
    assert plan.exchanges == 0


def test_copies_are_looked_for_in_a_narrow_exchange(spark: SparkSession, walked: Path) -> None:
    """What is exchanged is a hash and a place."""
    source = load_source("generated")
    files = list_drop(walked / "raw" / "logs", source)
    plan = Plan(suspects([identify(read_drop(spark, files, source), files, source)], None, drop=True))
    plan.require_none_of(*SLOW)
    exchanged = [line for line in plan.text.splitlines() if "- Exchange " in line]
    assert exchanged
    below = plan.text.splitlines()
    for line in exchanged:
        node = below[below.index(line) + 1]
        assert "line" not in re.findall(r"\w+", node.split("[", 1)[-1]), node


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_rows_on_their_way_to_events_are_written_out_for_one_function_only(
    spark: SparkSession, walked: Path, tmp_path: Path, kind: str
) -> None:
    """Where Spark generates no code for a function it writes every row out before it: here to compose letters."""
    source, logs = load_source("generated").model_copy(update={"format": kind}), walked / "raw" / "logs"
    if kind == "parquet":
        logs = tmp_path / "logs"
        types = "duration_s double, value double"
        columns = ", ".join(f"{name} string" for name in source.columns if name not in types)
        spark.createDataFrame([], f"{columns}, {types}").select(*source.columns).coalesce(1).write.parquet(str(logs))
    files = list_drop(logs, source)
    [marked] = mark_copies([identify(read_drop(spark, files, source), files, source)], None, drop=True)
    parsed = parse(marked, source, files[0].columns, 1_000_000)
    rules = load_settings("local").ingest
    with setting(spark, "spark.sql.adaptive.enabled", "false", "a look at stages"):
        events = build_events(parsed, source, load_categories(source), rules, "b1", "2025-06-01 00:00:00")
        plan = Plan(lay_out(events))
    without_code = [line for line in plan.text.splitlines() if re.match(r"[\s:+-]*(Project|Filter) \[", line)]
    assert ["java_method" in line for line in without_code] == [True]


def test_hashes_of_a_large_batch_are_dealt_by_rows(spark: SparkSession, walked: Path) -> None:
    """No task gets more hashes than it holds in memory, however few partitions Spark's settings say."""
    source = load_source("generated")
    files = list_drop(walked / "raw" / "logs", source)
    rows = identify(read_drop(spark, files, source), files, source)
    few = int(str(spark.conf.get("spark.sql.shuffle.partitions")))
    assert hash_partitions(spark, few * HASHES_PER_TASK) is None
    dealt = hash_partitions(spark, few * HASHES_PER_TASK + 1)
    assert dealt == few + 1
    plan = Plan(suspects([rows], None, drop=True, partitions=dealt))
    assert plan.count(rf"- Exchange hashpartitioning\(_row_hash, {dealt}\)") == 1


def test_the_basetable_reads_its_features_once_per_use(read: Read, owners: DataFrame) -> None:
    settings = load_settings("local").basetable
    built = build_basetable(
        read("account_features"), read("activity"), owners, read("accounts"), dt.date(2026, 1, 1), "industry",
        CATEGORIES, settings,
    )  # fmt: skip
    plan = Plan(built.frame)
    plan.require_none_of(*SLOW)
    assert plan.scans("activity") == []
    narrow, wide = sorted(plan.scans("account_features"), key=len)
    assert "application_rows_year" in wide
    assert "_rows_" not in narrow
    assert plan.exchanges == 1  # of accounts and their labels, to be dealt to folds
