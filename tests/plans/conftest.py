"""What tests of physical plans share: the plan of a frame, of the frames a stage starts, and the tables of a walk."""

from __future__ import annotations

import argparse
import datetime as dt
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.classic.dataframe import DataFrame as ClassicDataFrame

from segmentation.checkpoint import settled
from segmentation.features.tokens import main_accounts
from segmentation.runtime import Job
from segmentation.schemas import TABLES
from segmentation.stores import delta
from segmentation.stores.capabilities import setting
from segmentation.stores.conf import load_categories, load_settings
from tests.walk import AS_OF

Read = Callable[[str], DataFrame]
CATEGORIES = tuple(category.name for category in load_categories())
#: what multiplies rows, and beside it what sorts and compares where hashing would do
MULTIPLYING = ("CartesianProduct", "BroadcastNestedLoopJoin", "Expand [")
SLOW = (*MULTIPLYING, "SortMergeJoin")
#: what makes Spark start a frame; first, head and take collect
_ACTIONS = ("collect", "toPandas", "localCheckpoint", "count", "toArrow", "isEmpty", "toLocalIterator", "tail")
_PARTITIONS = {table.name: table.partition_by for table in TABLES}


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

    @property
    def sorted_joins(self) -> int:
        return self.count(r"- SortMergeJoin ")

    @property
    def tables(self) -> dict[str, int]:
        """How often each stored table is scanned."""
        return dict(Counter(re.findall(r"FileScan.*?/tables/(\w+)", self.text)))

    def scans(self, table: str) -> list[str]:
        """The lines that say how a stored table is read."""
        return [line for line in self.text.splitlines() if re.search(rf"FileScan.*/tables/{table}\b", line)]

    def require_none_of(self, *slow: str) -> None:
        assert [word for word in slow if word in self.text] == []

    def require_files_left_out(self) -> None:
        """Every scan of a table that lies in partitions opens files of some of them alone."""
        for table in self.tables:
            for scan in self.scans(table):
                # Spark adds "is not null" to any join by itself, and no partition is left out by it
                asked = re.sub(r"isnotnull\(\w+\)", "", partition_filters(scan))
                assert all(column in asked for column in _PARTITIONS.get(table, ())), scan


def partition_filters(scan: str) -> str:
    """What a scan says of the files it leaves out by their partition."""
    [found] = re.findall(r"PartitionFilters: \[(.*?)\], PushedFilters", scan)
    return str(found)


def pushed_filters(scan: str) -> str:
    """What a scan looks for in the bounds that files keep of their columns."""
    [found] = re.findall(r"PushedFilters: \[(.*?)\], ReadSchema", scan)
    return str(found)


class Started:
    """The plans of all frames whose rows a stage asks for, in that order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plans: list[Plan] = []
        self._inner = threading.local()
        for name in _ACTIONS:
            monkeypatch.setattr(ClassicDataFrame, name, self._noting(getattr(ClassicDataFrame, name)))

    def _noting(self, action: Callable[..., Any]) -> Callable[..., Any]:
        def noted(frame: DataFrame, *args: Any, **options: Any) -> Any:
            # toPandas may itself collect
            if getattr(self._inner, "busy", False):
                return action(frame, *args, **options)
            self.plans.append(Plan(frame))
            self._inner.busy = True
            try:
                return action(frame, *args, **options)
            finally:
                self._inner.busy = False

        return noted


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    return Started(monkeypatch)


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


@pytest.fixture
def job(spark: SparkSession, walked: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    """One over the tables of the walk, all of which are read by Spark, however small."""
    monkeypatch.setattr(delta, "small_frame", lambda *_: None)
    return Job("plans", argparse.Namespace(), load_settings("local"), walked, dt.datetime(2026, 1, 2), _spark=spark)


@pytest.fixture(params=["small", "large"])
def size(request: pytest.FixtureRequest, spark: SparkSession) -> Iterator[str]:
    """What Spark takes stored tables for: of large ones it sends none to every task, unless told to."""
    threshold = str(spark.conf.get("spark.sql.autoBroadcastJoinThreshold")) if request.param == "small" else "-1"
    with setting(spark, "spark.sql.autoBroadcastJoinThreshold", threshold, "a plan of large tables"):
        yield str(request.param)
