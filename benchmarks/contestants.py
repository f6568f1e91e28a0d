"""One run of one contestant in a process of its own: `python -m benchmarks.contestants NAME HOME ROWS OUT`.

Prints one line of JSON: seconds of Spark's start (0 without it; Python's imports are told nowhere), seconds of the
work, peak memory of the process in bytes (and of its JVM, where there is one), and seconds of the same work a second
time in the same process, where Java had to warm up for the first.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import eventlog
from benchmarks.machine import cores, ended_spark_peak, own_peak, spark_peak
from benchmarks.rounds import again
from benchmarks.world import AS_OF, HEAP, World, link_tables

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: rivals may have all that Spark takes for its heap and for what lies beside it
RIVAL_MEMORY = "8GB"
#: into how many tasks rows are dealt where their skew is looked at
SKEW_PARTITIONS = 64
#: what the cube reads of `events`
COLUMNS = ("event_month", "token_key", "account_key", "platform_key", "event_key", "event_ts", "is_error", "duration_s",
           "value")  # fmt: skip

#: seconds of Spark's start, of the work, and of the work a second time (None: it was done once)
Timing = tuple[float, float, float | None]
Contestant = Callable[[World, Path], Timing]


def spark_basetable(world: World, out: Path) -> Timing:
    """Our own job, from `events` to the basetable, all its tables written; `out` becomes its data directory."""
    return _basetable(world, world.data, out)


def spark_logged(world: World, out: Path) -> Timing:
    """As `spark`, dealt to many tasks, with Spark's event log beside the output.

    Of as many tasks as there are cores, two here, none could be more than twice their mean, whatever the data. All
    else that is adaptive stays as the job has it.
    """
    log = out.with_name("log")
    shutil.rmtree(log, ignore_errors=True)
    dealt = {
        "spark.sql.shuffle.partitions": str(SKEW_PARTITIONS),
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }
    return _basetable(world, world.data, out, eventlog.settings(log) | dealt, warm=False)


def spark_new_month(world: World, out: Path) -> Timing:
    """The same job where all but a new month, and late rows of two others, is in the cube already."""
    return _basetable(world, world.grown, out)


def _basetable(
    world: World, ingested: Path, out: Path, more: dict[str, str] | None = None, *, warm: bool = True
) -> Timing:
    _, started = _session(time.perf_counter(), more)
    work = _build(world, ingested, out)
    return started, work, _build(world, ingested, again(out)) if warm else None


def _build(world: World, ingested: Path, out: Path) -> float:
    """Seconds of the job on hard links to the tables."""
    link_tables(ingested, out)
    from segmentation.jobs.build_basetable import JOB  # noqa: PLC0415  # a rival's process must not load it
    from segmentation.runtime import execute  # noqa: PLC0415

    began = time.perf_counter()
    code = execute(JOB, ["--data-dir", str(out), "--accounts", str(world.drop / "accounts.csv"), "--as-of", str(AS_OF)])
    if code:
        raise SystemExit(code)
    return time.perf_counter() - began


def spark_scan(world: World, out: Path) -> Timing:
    """Spark reading the columns of the cube, with the cube's filter, and throwing them away."""
    spark, started = _session(time.perf_counter())
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        events = spark.read.format("delta").load(str(world.data / "tables" / "events")).where("rule IS NULL")
        events.select(*COLUMNS).write.format("noop").mode("overwrite").save()
        seconds.append(time.perf_counter() - began)
    return started, seconds[0], seconds[1]


def duckdb_raw(world: World, out: Path) -> Timing:
    """DuckDB on strings in order of time."""
    from benchmarks import duckdb_features as rival  # noqa: PLC0415  # as above

    return 0.0, rival.run(world.raw, rival.RAW, AS_OF, str(out), cores(), RIVAL_MEMORY), None


def duckdb_events(world: World, out: Path) -> Timing:
    """DuckDB on the very files of our table."""
    from benchmarks import duckdb_features as rival  # noqa: PLC0415

    return 0.0, rival.run(world.events, rival.EVENTS, AS_OF, str(out), cores(), RIVAL_MEMORY), None


def duckdb_scan(world: World, out: Path) -> Timing:
    """DuckDB reading the same columns of the same files."""
    from benchmarks import duckdb_features as rival  # noqa: PLC0415

    return 0.0, rival.scan(world.events, rival.EVENTS, cores(), RIVAL_MEMORY), None


def polars_raw(world: World, out: Path) -> Timing:
    """Polars on strings in order of time."""
    os.environ["POLARS_MAX_THREADS"] = str(cores())
    from benchmarks import polars_features as rival  # noqa: PLC0415

    return 0.0, rival.run(world.raw, AS_OF, str(out)), None


def spark_ingest(world: World, out: Path) -> Timing:
    """Our own job on CSV: every row validated, categorised, accounted for, copies told apart."""
    return _ingest(world.csv, "csv", out)


def spark_ingest_parquet(world: World, out: Path) -> Timing:
    """Our own job on the same rows in Parquet."""
    return _ingest(world.drop / "logs", "parquet", out)


def spark_copy(world: World, out: Path) -> Timing:
    """Spark's bare copy of the CSV into Delta."""
    spark, started = _session(time.perf_counter())
    from benchmarks import ingest_rivals as rival  # noqa: PLC0415

    return started, rival.spark_copy(spark, world.csv, out), None


def duckdb_distinct(world: World, out: Path) -> Timing:
    """DuckDB reading the CSV, taking equal rows once, sorting, adding keys."""
    from benchmarks import ingest_rivals as rival  # noqa: PLC0415

    return 0.0, rival.duckdb_distinct(world.csv, out, cores(), RIVAL_MEMORY), None


def _ingest(logs: Path, kind: str, out: Path) -> Timing:
    _, started = _session(time.perf_counter())
    from segmentation.jobs.ingest_events import JOB  # noqa: PLC0415
    from segmentation.runtime import execute  # noqa: PLC0415

    began = time.perf_counter()
    given = ["--data-dir", str(out), "--source", "generated", "--format", kind, "--input", str(logs)]
    if code := execute(JOB, given):
        raise SystemExit(code)
    return started, time.perf_counter() - began, None


BASETABLE: dict[str, Contestant] = {
    "spark": spark_basetable,
    "spark_scan": spark_scan,
    "duckdb_raw": duckdb_raw,
    "duckdb_events": duckdb_events,
    "duckdb_scan": duckdb_scan,
    "polars_raw": polars_raw,
}
NEW_MONTH: dict[str, Contestant] = {"spark": spark_basetable, "spark_new_month": spark_new_month}
SKEW: dict[str, Contestant] = {"spark_logged": spark_logged, "duckdb_raw": duckdb_raw}
INGEST: dict[str, Contestant] = {
    "spark_ingest": spark_ingest,
    "spark_ingest_parquet": spark_ingest_parquet,
    "spark_copy": spark_copy,
    "duckdb_distinct": duckdb_distinct,
}

#: those of whom `events` is looked at after the clock has stopped
STORE_EVENTS = ("spark_ingest", "spark_ingest_parquet")


def _session(began: float, more: dict[str, str] | None = None) -> tuple[SparkSession, float]:
    from segmentation.settings import SessionSettings  # noqa: PLC0415
    from segmentation.stores.spark import get_session  # noqa: PLC0415

    settings = SessionSettings(
        app_name="bench", master=f"local[{cores()}]", driver_memory=HEAP, shuffle_partitions=cores(), spark=more or {}
    )
    spark = get_session(settings)
    return spark, time.perf_counter() - began


def session() -> SparkSession:
    """The session in which every contestant of Spark's runs."""
    return _session(time.perf_counter())[0]


def basetable(data: Path) -> DataFrame:
    """The basetable of a data directory."""
    return session().read.format("delta").load(str(data / "tables" / "basetable"))


def _main() -> None:
    name, home, rows, out = sys.argv[1:]
    startup, work, warm = (BASETABLE | NEW_MONTH | SKEW | INGEST)[name](World(Path(home), int(rows)), Path(out))
    memory = spark_peak() if name.startswith("spark") else own_peak()
    if name in STORE_EVENTS:
        from benchmarks.ingest_outputs import tell  # noqa: PLC0415

        tell(session(), Path(out))
    if memory is None:
        memory = ended_spark_peak()
    if not name.startswith("spark"):
        warm = work
    sys.stdout.write(json.dumps({"startup": startup, "work": work, "memory": memory, "warm": warm}) + "\n")


if __name__ == "__main__":
    _main()
