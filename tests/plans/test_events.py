"""Plans on the way from raw logs to `events`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.events.balance import row_balance
from segmentation.events.build import build_events, lay_out
from segmentation.events.dimensions import kept_names, merge_tokens
from segmentation.events.duplicates import KNOWN, mark_copies, suspects
from segmentation.events.parse import identify, parse
from segmentation.events.revisions import VERSION, supersede
from segmentation.events.rule_set import RuleSet
from segmentation.jobs import stored_hashes
from segmentation.jobs.batches import HASHES_PER_TASK, hash_partitions
from segmentation.jobs.plans import Plan as Batch
from segmentation.runtime import Job
from segmentation.schemas import INGEST_PLANS
from segmentation.stores.capabilities import setting
from segmentation.stores.conf import load_categories, load_settings, load_source
from segmentation.stores.drops import list_drop, read_drop
from tests.plans.conftest import SLOW, Plan, Read, partition_filters, pushed_filters


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


@pytest.mark.parametrize("into", ["nothing", "events"])
def test_rows_meet_what_overtakes_them_without_a_shuffle(spark: SparkSession, read: Read, into: str) -> None:
    """Of an event's versions two numbers go to every task, and no row does."""
    decided = read("events").withColumn("event_id_hash", F.col("row_hash") % 1000)
    stored = read("events").select(*VERSION).withColumn("event_id_hash", F.col("row_hash") % 1000)
    with setting(spark, "spark.sql.autoBroadcastJoinThreshold", "-1", "a guess that is too high"):
        rows, overtaken = supersede(decided, stored if into == "events" else None)
        plan = Plan(rows)
        plan.require_none_of(*SLOW)
    assert plan.exchanges == 0
    assert (overtaken is None) == (into == "nothing")


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
    # rows stay in the task that has read them
    assert plan.count("FileScan") == 1
    assert plan.exchanges == 0


COUNTED: dict[str, tuple[Callable[[Read, DataFrame], DataFrame], int]] = {
    # combinations of flags, then each flag
    "balance": (lambda _, batch: row_balance(batch), 2),
    "names": (lambda _, batch: kept_names(batch), 1),
    # those that arrived, then with the known ones by account, then by token
    "tokens": (lambda read, batch: merge_tokens(read("tokens"), batch), 3),
}


@pytest.mark.parametrize("what", COUNTED)
def test_a_stored_batch_is_counted_in_one_scan(read: Read, what: str) -> None:
    count, exchanges = COUNTED[what]
    plan = Plan(count(read, read("events").where("batch_id = 'b1'")))
    (scan,) = plan.scans("events")
    assert "batch_id" in pushed_filters(scan)
    assert plan.exchanges == exchanges
    plan.require_none_of(*SLOW)


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


def test_copies_among_stored_rows_are_looked_for_in_files_of_the_batchs_months(
    job: Job, walked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And among rows without a month; what is read of them is hashes and what became of the row."""
    monkeypatch.setattr(stored_hashes, "MANY", 0)
    monkeypatch.setattr(stored_hashes, "MANY_TIMES", 0)
    plans = job.tables.read_latest(INGEST_PLANS)
    assert plans is not None
    rules = RuleSet.model_validate_json(plans.collect()[0]["rules"])
    march = [file for file in list_drop(walked / "raw" / "logs", rules.source) if "2025-03" in file.path.name]
    found, _ = stored_hashes.stored_hashes(job, Batch("later", rules, dt.datetime(2026, 1, 2), tuple(march)))
    assert found is not None
    plan = Plan(found)
    (scan,) = plan.scans("events")
    assert "isnull(event_month)" in partition_filters(scan)
    months = re.findall(r"event_month = ([\d-]+)", partition_filters(scan))
    assert months == ["2025-03-01"]
    assert plan.exchanges == 0
    columns = re.findall(r"\w+", scan.split("[")[1].split("]")[0])
    assert set(columns) == {"event_month", *KNOWN}
