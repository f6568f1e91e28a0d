"""Plans from events to the basetable, with joins as small tables have them and as large ones do."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from pyspark.sql import DataFrame

from segmentation.basetable.build import build_basetable
from segmentation.features.accounts import account_features
from segmentation.features.activity import build_activity
from segmentation.features.staleness import Stale
from segmentation.features.tokens import main_accounts, token_features
from segmentation.jobs.activity_months import months_of_cube
from segmentation.runtime import Job
from segmentation.schemas import EVENT_NAMES
from segmentation.stores.conf import load_settings
from tests.plans.conftest import CATEGORIES, MULTIPLYING, SLOW, Plan, Read, partition_filters, pushed_filters
from tests.walk import AS_OF

#: what a scan of the cube says where later months are left out
BEFORE = "(event_month < 2026-01-01)"


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


MARCH, APRIL = dt.date(2025, 3, 1), dt.date(2025, 4, 1)
#: two files that brought rows of March, each in a batch of its own
ARRIVED = ((MARCH, "b1", "f1"), (MARCH, "b2", "f2"))


def test_late_rows_are_looked_for_in_their_months_and_batches_alone(job: Job) -> None:
    """They cost one more exchange, of cube rows."""
    plan = Plan(months_of_cube(job, Stale((), (MARCH,), ARRIVED), job.tables.read(EVENT_NAMES)))
    (events,), (stored,) = plan.scans("events"), plan.scans("activity")
    assert "(event_month = 2025-03-01)" in partition_filters(events)
    assert "(event_month = 2025-03-01)" in partition_filters(stored)
    # no partition, but Delta keeps its bounds by file
    assert "In(batch_id, [b1,b2])" in pushed_filters(events)
    assert plan.exchanges == 2
    plan.require_none_of(*SLOW)


def test_months_anew_beside_late_rows_are_a_scan_of_their_own(job: Job) -> None:
    plan = Plan(months_of_cube(job, Stale((APRIL,), (MARCH,), ARRIVED), job.tables.read(EVENT_NAMES)))
    anew, late = plan.scans("events")
    assert "(event_month = 2025-04-01)" in partition_filters(anew)
    assert "batch_id" not in anew
    assert "(event_month = 2025-03-01)" in partition_filters(late)
    assert plan.tables["activity"] == 1
    assert plan.exchanges == 3
    plan.require_none_of(*SLOW)


@pytest.mark.usefixtures("size")
def test_tokens_are_one_scan_of_the_cube(read: Read, owners: DataFrame) -> None:
    """Whose they are goes to every task: the exchange is of what is measured, however many tokens there are."""
    plan = Plan(token_features(read("activity"), owners, AS_OF, 1, sketch=False))
    assert plan.tables == {"activity": 1}
    assert BEFORE in partition_filters(*plan.scans("activity"))
    assert plan.exchanges == 1
    plan.require_none_of(*SLOW, "SortAggregate", "- Sort [")


#: size -> shuffles, and joins of sorted runs, which large tables need
OF_MAIN_ACCOUNTS = {"small": (2, 0), "large": (3, 1)}
OF_BASETABLE = {"small": (1, 0), "large": (3, 1)}


def test_whose_a_token_is_costs_one_scan_of_the_cube(read: Read, size: str) -> None:
    """Exchanges: the cube to token and account, tokens to one account each; of large ones the list of tokens too."""
    plan = Plan(main_accounts(read("activity"), read("tokens"), AS_OF))
    assert plan.tables == {"activity": 1, "tokens": 1}
    assert BEFORE in partition_filters(*plan.scans("activity"))
    assert (plan.exchanges, plan.sorted_joins) == OF_MAIN_ACCOUNTS[size]
    plan.require_none_of(*MULTIPLYING)


@pytest.mark.usefixtures("size")
def test_accounts_are_one_scan_of_tokens_and_one_of_the_cube(read: Read, owners: DataFrame) -> None:
    """Exchanges: tokens to categories, categories to accounts, profiles, products twice; all of them small."""
    plan = Plan(account_features(read("token_features"), read("activity"), owners, AS_OF, CATEGORIES))
    assert plan.tables == {"token_features": 1, "activity": 1}
    assert "(as_of = 2026-01-01)" in partition_filters(*plan.scans("token_features"))
    (cube,) = plan.scans("activity")
    assert BEFORE in partition_filters(cube)
    assert "<= 12)" in partition_filters(cube)  # products and systems are of one year
    assert plan.exchanges == 5
    plan.require_none_of(*SLOW)


def test_another_category_adds_no_exchange(read: Read, owners: DataFrame) -> None:
    plan = Plan(account_features(read("token_features"), read("activity"), owners, AS_OF, (*CATEGORIES, "Ninth")))
    assert plan.exchanges == 5


def test_the_basetable_reads_its_features_once_per_use(read: Read, owners: DataFrame, size: str) -> None:
    """Exchanges: accounts to their folds; of large tables accounts and the accounts file to each other before."""
    built = build_basetable(
        read("account_features"), read("activity"), owners, read("accounts"), AS_OF, "industry", CATEGORIES,
        load_settings("local").basetable,
    )  # fmt: skip
    plan = Plan(built.frame)
    plan.require_none_of(*MULTIPLYING)
    plan.require_files_left_out()
    assert plan.tables == {"account_features": 2, "accounts": 1}
    narrow, wide = sorted(plan.scans("account_features"), key=len)
    assert "application_rows_year" in wide
    assert "_rows_" not in narrow
    assert (plan.exchanges, plan.sorted_joins) == OF_BASETABLE[size]
