"""The basetable by spark-submit on a standalone master with two workers of one core each, on one executor and on two.

Seconds and bytes come from Spark's event log. All of it runs on one machine, and the driver has its share of the cores.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb

from benchmarks import equality, eventlog
from benchmarks.machine import ended_with_us
from benchmarks.rounds import remember
from benchmarks.world import AS_OF, World, link_tables
from segmentation.stores.archive import write_archive
from segmentation.stores.jars import find_jars
from tests.cluster.conftest import ROOT, SPARK_HOME, WORKERS, Cluster, environment

#: 2 GB per core, as docs/how-to/cluster.md advises; no more fits into a worker
MEMORY = "2g"
#: contestants, by the number of their executors
EXECUTORS = {"one executor": 1, "two executors": 2}
#: what Spark's plans say of the cube alone: no other step reads the rows of events
READS_EVENTS = "/tables/events"


@dataclass(frozen=True)
class Run:
    """One build on the cluster: seconds, bytes written for shuffles, tasks, of the whole work and of the cube alone."""

    work: float  #: from the first query to the end of the last, so without the start of driver and executors
    cube: float  #: the write of `activity`, Delta's looks into its log and its commit included
    shuffled: int
    cube_shuffled: int
    tasks: int
    cube_tasks: int
    cells: int  #: tokens x months that the cube has rows of


Round = dict[str, Run]


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster that is stopped, with all its executors, when the block is left."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder), worker_memory=MEMORY)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def play(cluster: Cluster, world: World, count: int, kept: Path) -> list[Round]:
    """So many rounds, each kept at once, with one build by each contestant; raises Unequal when features differ."""
    played: list[Round] = []
    for number in range(count):
        # whoever comes first finds colder files and a cooler machine
        order = list(EXECUTORS)[:: -1 if number % 2 else 1]
        done = {name: _build(cluster, world, name) for name in order}
        one, two = (equality.spark_features(_output(world, name) / "data") for name in EXECUTORS)
        equality.require_equal(one, two, "two executors")
        played.append({name: done[name] for name in EXECUTORS})
        remember(kept, played)
        line = ", ".join(f"{name} {run.work:.1f} s (cube {run.cube:.1f} s)" for name, run in played[-1].items())
        sys.stderr.write(f"round {number + 1} of {count}, {world.rows:,} rows: {line}\n")
    return played


def report(rows: int, played: Sequence[Round]) -> Iterator[str]:
    """Lines on one size: medians of each contestant, then how many times as fast two executors are."""
    for name in EXECUTORS:
        work, cube = (statistics.median(getattr(each[name], what) for each in played) for what in ("work", "cube"))
        last = played[-1][name]  # tasks and bytes are the same in all rounds, or nearly
        yield (
            f"{rows:>12,} {name:13} work {work:7.2f} s, {last.shuffled / 2**20:6.1f} MiB shuffled, {last.tasks} tasks; "
            f"the cube {cube:7.2f} s, {last.cube_shuffled / 2**20:6.1f} MiB, {last.cube_tasks} tasks, "
            f"{last.cube_shuffled / last.cells:.0f} bytes per token and month"
        )
    yield (
        f"{rows:>12,} two executors are {speed_up(played, 'work'):.2f} x as fast as one, "
        f"{speed_up(played, 'cube'):.2f} x at the cube"
    )


def speed_up(played: Sequence[Round], what: str) -> float:
    """Median over rounds of one executor's seconds (`work` or `cube`) over two executors' of the same round."""
    one, two = EXECUTORS
    ratios: list[float] = [getattr(each[one], what) / getattr(each[two], what) for each in played]
    return statistics.median(ratios)


def growth(readings: dict[int, list[Round]]) -> Iterator[str]:
    """Lines on how the cube's shuffle grows from one number of rows to the next; none for a single size."""
    for small, large in pairwise(sorted(readings)):
        for name in EXECUTORS:
            a, b = readings[small][-1][name], readings[large][-1][name]
            yield (
                f"{name}, from {small:,} to {large:,} rows ({large / small:.1f} x): tokens x months "
                f"{b.cells / a.cells:.2f} x, bytes shuffled by the cube {b.cube_shuffled / a.cube_shuffled:.2f} x"
            )


def _output(world: World, name: str) -> Path:
    return world.home / "out" / f"cluster_{EXECUTORS[name]}"


def _build(cluster: Cluster, world: World, name: str) -> Run:
    """One full build; raises SystemExit with what the job said when it fails."""
    out = _output(world, name)
    shutil.rmtree(out, ignore_errors=True)
    link_tables(world.data, out / "data")
    done = subprocess.run(
        ended_with_us(_command(cluster, world, out, EXECUTORS[name])),
        env=environment(PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable),
        cwd=out, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"the build on {name} failed on {world.rows:,} rows:\n{done.stdout}{done.stderr}")
    return _read(out, EXECUTORS[name])


def _command(cluster: Cluster, world: World, out: Path, executors: int) -> list[str]:
    conf = eventlog.settings(out / "log") | {
        "spark.cores.max": str(executors),
        "spark.dynamicAllocation.enabled": "false",
        # no query before all executors are there
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        # the same for both, so that both shuffle the same
        "spark.sql.shuffle.partitions": str(WORKERS),
        "spark.ui.enabled": "false",
    }
    return [
        str(SPARK_HOME / "bin" / "spark-submit"), "--master", cluster.master, "--deploy-mode", "client",
        *("--driver-memory", "2g", "--driver-java-options", "-XX:-DontCompileHugeMethods"),
        *("--executor-memory", MEMORY, "--executor-cores", "1"),
        *("--py-files", str(write_archive(out / "segmentation.zip"))),
        *("--jars", ",".join(str(jar.absolute()) for jar in find_jars())),
        *(part for key, value in conf.items() for part in ("--conf", f"{key}={value}")),
        *(str(ROOT / "jobs" / "build_basetable.py"), "--data-dir", str(out / "data"), "--as-of", str(AS_OF)),
        *("--accounts", str(world.drop / "accounts.csv")),
    ]  # fmt: skip


def _read(out: Path, executors: int) -> Run:
    """What the event log says; raises SystemExit when another number of executors did the work."""
    queries, tasks = eventlog.queries(out / "log"), eventlog.tasks(out / "log")
    if (used := len({task.executor for task in tasks})) != executors:
        raise SystemExit(f"{used} executors did the work, not {executors}")
    (cube,) = (query for query in queries if READS_EVENTS in query.plans)
    of_cube = [task for task in tasks if task.query == cube.number]
    return Run(
        max(query.ended for query in queries) - min(query.began for query in queries),
        cube.ended - cube.began,
        sum(task.shuffled for task in tasks),
        sum(task.shuffled for task in of_cube),
        len(tasks),
        len(of_cube),
        _cells(out / "data"),
    )


def _cells(data: Path) -> int:
    files = f"{data}/tables/activity/event_month=*/*.parquet"
    cells = f"SELECT DISTINCT event_month, token_key FROM read_parquet('{files}', hive_partitioning = true)"
    with duckdb.connect() as connection:
        ((number,),) = connection.execute(f"SELECT count(*) FROM ({cells})").fetchall()
    return int(number)
