"""Real jobs in processes of their own, and what their tables say afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.industries.gate import REFUSED
from segmentation.schemas import (
    ACCOUNT_POSITIONS,
    ACCOUNT_RFM,
    ACTIVITY,
    EVENTS,
    INDUSTRY_CARDS,
    INDUSTRY_COVERAGE,
    INDUSTRY_DRIVERS,
    INDUSTRY_FILL,
    INDUSTRY_METRICS,
    INDUSTRY_SCORES,
    INDUSTRY_SUSPECTS,
    LEDGER,
    ROW_BALANCE,
    SEGMENT_PROFILES,
    SEGMENT_SUMMARIES,
    SEGMENTS,
    TABLES,
)
from segmentation.settings import StorageSettings
from segmentation.stores.content import content_hash
from segmentation.stores.registry import GATE, champion, find_version
from segmentation.stores.runs import open_runs
from segmentation.stores.tables import TableStore

ROOT = Path(__file__).resolve().parents[2]
STORAGE = StorageSettings(catalog=None, schema_name="s", tracking_uri=None, experiment="segmentation")
#: what one training writes, and readers are to see at once
TOGETHER = (
    (SEGMENTS, SEGMENT_SUMMARIES, SEGMENT_PROFILES, ACCOUNT_RFM, ACCOUNT_POSITIONS),
    (INDUSTRY_SCORES, INDUSTRY_CARDS, INDUSTRY_COVERAGE, INDUSTRY_DRIVERS, INDUSTRY_FILL, INDUSTRY_METRICS,
     INDUSTRY_SUSPECTS),
)  # fmt: skip


@dataclass
class Victim:
    """A job that runs in a process group of its own."""

    process: subprocess.Popen[str]
    marker: Path
    log: Path

    def reached(self, seconds: float = 240) -> list[int]:
        """Wait until it stands still; the process ids of driver and JVM (0 without one)."""
        until = time.monotonic() + seconds
        while not self.marker.is_file():
            assert self.process.poll() is None, f"it ended before the point: {self.log.read_text()}"
            assert time.monotonic() < until, f"it never came to the point: {self.log.read_text()}"
            time.sleep(0.02)
        return [int(number) for number in self.marker.read_text().split()]

    def kill(self) -> None:
        """`kill -9` of everything: the driver, its JVM, its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


Start = Callable[..., Victim]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(point, "ingest", "--data-dir", ...)` starts a job that stands still at the point."""
    victims: list[Victim] = []

    def run(point: str, *arguments: str, **environment: str) -> Victim:
        marker, log = tmp_path / f"marker-{len(victims)}", tmp_path / f"log-{len(victims)}"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.robustness.victim", point, str(marker), *arguments],
                cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, text=True, start_new_session=True,
                env={**os.environ, **environment},
            )  # fmt: skip
        victims.append(Victim(process, marker, log))
        return victims[-1]

    yield run
    for victim in victims:
        victim.kill()


def store(spark: SparkSession, data_dir: Path) -> TableStore:
    """The tables as a reader sees them now."""
    return TableStore(spark, STORAGE, data_dir)


def contents(spark: SparkSession, data_dir: Path) -> dict[str, str]:
    """Content hash of every published table."""
    tables = store(spark, data_dir)
    return {table.name: content_hash(tables.read(table), table) for table in TABLES if tables.exists(table)}


def require_whole(spark: SparkSession, data_dir: Path) -> int:
    """What a reader sees agrees with itself, at any moment; returns the number of rows in `events`."""
    tables = store(spark, data_dir)
    if not tables.exists(EVENTS):
        assert tables.published == {}
        return 0
    rows = tables.read(EVENTS).count()
    ledger = tables.read(LEDGER).agg(F.sum("rows_in"), F.sum("kept"), F.sum("quarantined"), F.sum("dropped")).first()
    counted = tables.read(ROW_BALANCE).where("disposition <> 'flagged'").agg(F.sum("rows")).first()
    assert ledger is not None
    assert counted is not None
    assert ledger[0] == sum(ledger[1:]) == counted[0] == rows
    if tables.exists(ACTIVITY):
        cube = tables.read(ACTIVITY).agg(F.sum("rows")).first()
        assert cube is not None
        assert cube[0] <= ledger[1]
    return rows


def require_whole_trainings(spark: SparkSession, data_dir: Path) -> None:
    """Of what one training writes readers see all or nothing."""
    tables = store(spark, data_dir)
    for group in TOGETHER:
        there = {table.name for table in group if tables.exists(table)}
        assert there in (set(), {table.name for table in group})


def require_champions(spark: SparkSession, data_dir: Path) -> None:
    """The models in use are those behind the rows that readers see, but for one that the gate refused."""
    tables, runs = store(spark, data_dir), open_runs(STORAGE, data_dir)
    for table in (SEGMENTS, INDUSTRY_SCORES):
        [model] = [row["model"] for row in tables.read(table).select("model").distinct().collect()]
        version = find_version(runs, model)
        assert version is not None
        refused = version.tags.get(GATE) == REFUSED
        assert champion(runs, model.split("/")[0]) == (None if refused else model)


SMALL = [
    *("--set", "synthetic.rows=6000", "--set", "synthetic.accounts=90", "--set", "synthetic.months=6"),
    *("--set", "synthetic.labelled_share=0.9", "--set", "synthetic.majority_share=0.25"),
    *("--set", "segments.k_min=2", "--set", "segments.k_max=3"),
    *("--set", "segments.methods=[kmeans]", "--set", "industry.min_accounts=4", "--set", "industry.bootstrap=20"),
    *("--set", "models.lasso.grid={regParam: [0.02]}", "--set", "basetable.folds=3"),
    *("--set", "segments.resamples=0", "--set", "industry.repeats=1", "--set", "industry.resamples=0"),
    *("--set", "industry.learning_shares=[]", "--set", "industry.ablation=false"),
]


def command(name: str, data_dir: Path, raw: Path) -> list[str]:
    log = ["--source", "generated", "--input", str(raw / "logs")]
    accounts = ["--accounts", str(raw / "accounts.csv"), "--label", "industry"]
    own = {"ingest": log, "basetable": accounts, "run": [*log, *accounts]}.get(name, [])
    return [name, *own, "--data-dir", str(data_dir), *SMALL]
