"""What the contestants work on: logs of the size wanted, made once and kept."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from benchmarks.machine import cores, ended_with_us
from segmentation.code_digest import code_digest

AS_OF = dt.date(2026, 1, 1)
#: the size of the customer base whose year is the measure of everything here
ACCOUNTS, TOKENS_PER_ACCOUNT, MONTHS = 2991, 2.11, 12
HEAP = "3g"
#: months of which some rows come late
LATE_MONTHS = (3, 8)


@dataclass(frozen=True)
class World:
    """One customer base and a year of its logs, `rows` in all."""

    home: Path
    rows: int

    @property
    def drop(self) -> Path:
        """Generated logs (Parquet, a file a month) and the accounts file."""
        return self.home / "drop"

    @property
    def data(self) -> Path:
        """A data directory into which they were ingested."""
        return self.home / "data"

    @property
    def csv(self) -> Path:
        """The same logs as CSV, for those who ingest."""
        return self.home / "csv" / "logs"

    @property
    def raw(self) -> list[str]:
        """Parquet files of the rows that ingest kept, as strings in order of time: what rivals start from."""
        return sorted(map(str, (self.home / "raw").glob("*.parquet")))

    @property
    def grown(self) -> Path:
        """A data directory whose cube ends a month earlier, with the last month and late rows of two others in it."""
        return self.home / "grown"

    @property
    def events(self) -> list[str]:
        """The data files of the table `events`."""
        return sorted(map(str, (self.data / "tables" / "events").glob("event_month=2*/*.parquet")))


def command(*arguments: str | Path) -> list[str]:
    """The project's own command line."""
    return [str(Path(sys.executable).with_name("segmentation")), *map(str, arguments)]


def settings(**values: object) -> list[str]:
    """As `--set` takes them."""
    return [part for key, value in values.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]


def prepare(home: Path, rows: int) -> World:
    """Generate, ingest and write out as strings what is not there yet; returns where it all is."""
    world = World(home / str(rows), rows)
    is_done = (world.home / "done.json").exists() and world.grown.exists()
    if not is_done or not world.drop.exists():
        prepare_drop(home, rows)
    if not is_done:
        ingest_and_write(world)
    tell_other_code(world)
    return world


def tell_other_code(world: World) -> None:
    """Say where other code than today's has ingested the logs, or generated what was ingested."""
    done = json.loads((world.home / "done.json").read_text(encoding="utf-8"))
    if done.get("code") != {"drop": code_digest(["segmentation.synthetic"]), **_code_of_events()}:
        sys.stderr.write(f"other code than today's made {world.home}: delete it to have it made anew\n")


def _code_of_events() -> dict[str, str]:
    """What decides which logs are asked for, what their rows come to, and which of them lie together in a file."""
    return {
        "asked": f"{ACCOUNTS} accounts x {TOKENS_PER_ACCOUNT} tokens, {MONTHS} months before {AS_OF}",
        "events": code_digest(["segmentation.events"]),
        "files": code_digest(["segmentation.jobs"], only="batches.py"),
    }


def prepare_drop(home: Path, rows: int) -> World:
    """Generate the logs where they are not there yet; returns where they are. The command says if other code did."""
    world = World(home / str(rows), rows)
    world.home.mkdir(parents=True, exist_ok=True)
    _generate(world, world.drop, "parquet")
    return world


def prepare_csv(world: World) -> None:
    """Generate `world.csv`; what is there is left, and the command says where other code wrote it."""
    _generate(world, world.csv.parent, "csv")


def _generate(world: World, output: Path, kind: str) -> None:
    given = settings(
        synthetic__rows=world.rows,
        synthetic__accounts=ACCOUNTS,
        synthetic__tokens_per_account=TOKENS_PER_ACCOUNT,
        synthetic__months=MONTHS,
        synthetic__files_per_month=1,
        synthetic__end=AS_OF,
        synthetic__labelled_share=1.0,
        synthetic__format=kind,
    )
    _run("generate", "--data-dir", world.data, "--output", output, *given)


def ingest_and_write(world: World) -> None:
    """The drop into our tables and, as strings, into Parquet; then the world is done.

    It comes in two batches. What the first one made stays beside as hard links, where `prepare_grown` goes on. What
    each took is said, and kept in `ingest_of_world.json`.
    """
    for tables in (world.data, world.grown):  # of a run that was killed
        shutil.rmtree(tables, ignore_errors=True)
    for mark in ("done.json", "grown.built", "grown.done"):
        (world.home / mark).unlink(missing_ok=True)
    early, late = _batches(world)
    first = _ingest(world.data, early)
    link_tables(world.data, world.grown)
    readings = [first, _ingest(world.data, late)]
    (world.home / "ingest_of_world.json").write_text(json.dumps(readings, indent=1), encoding="utf-8")
    _write_strings(world)
    from segmentation.synthetic.drop import GENERATOR  # noqa: PLC0415  # a rival's process must not load it

    settings_of_drop = json.loads((world.drop / "truth" / "settings.json").read_text(encoding="utf-8"))
    code = {"drop": settings_of_drop.get(GENERATOR), **_code_of_events()}
    (world.home / "done.json").write_text(json.dumps({"rows": world.rows, "code": code}), encoding="utf-8")


def _batches(world: World) -> tuple[Path, Path]:
    """The logs as they come: eleven months, then the twelfth with a hundredth of the rows of two others."""
    early, late = world.home / "early", world.home / "late"
    for folder in (early, late):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for number, log in enumerate(sorted((world.drop / "logs").glob("*.parquet")), 1):
        if number in LATE_MONTHS:
            rows = pq.read_table(log)
            held = len(rows) // 100
            pq.write_table(rows.slice(0, len(rows) - held), early / log.name)
            pq.write_table(rows.slice(len(rows) - held), late / log.name)
        else:
            os.link(log, (late if number == MONTHS else early) / log.name)
    return early, late


def _ingest(data: Path, logs: Path) -> dict[str, float]:
    """The command as a user gives it; its rows, and its seconds with the start of Python, Java and Spark."""
    rows = sum(pq.read_metadata(log).num_rows for log in logs.glob("*.parquet"))
    given = ("--source", "generated", "--format", "parquet", "--input", logs)
    began = time.perf_counter()
    _run("ingest", "--data-dir", data, *given, *session_settings())
    seconds = time.perf_counter() - began
    sys.stderr.write(
        f"ingested {rows:,} rows of Parquet on {cores()} cores in {seconds:.1f} s, start-up included: "
        f"{rows / seconds:,.0f} rows/s\n"
    )
    return {"rows": rows, "seconds_with_startup": seconds, "rows_per_second": rows / seconds, "cores": cores()}


def session_settings() -> list[str]:
    """Spark as the contestants have it, for a command."""
    given = {"master": f"local[{cores()}]", "driver_memory": HEAP, "shuffle_partitions": cores()}
    return settings(**{f"session__{name}": value for name, value in given.items()})


def link_tables(data: Path, copy: Path) -> None:
    """A data directory once more, as hard links: a job writes new files and changes none but the lock."""
    shutil.copytree(data, copy, copy_function=os.link, ignore=shutil.ignore_patterns(".lock"))


def prepare_grown(world: World) -> None:
    """Bring `world.grown` on: its eleven months built, then the second batch ingested and not built.

    Raises SystemExit where other code than today's computed its cube, all of which would be computed anew, and where
    nothing tells.
    """
    fix = f"delete {world.grown}, and its logs are ingested anew"
    code = code_digest(["segmentation.features"], only="activity.py")
    built, done = world.home / "grown.built", world.home / "grown.done"
    if done.exists() and not built.exists():
        raise SystemExit(f"nothing tells which code computed the cube of {world.grown}: {fix}")
    if not built.exists():
        given = ("--accounts", world.drop / "accounts.csv", "--as-of", "2025-12-01")
        _run("basetable", "--data-dir", world.grown, *given, *session_settings())
        built.write_text(code, encoding="utf-8")
    if built.read_text(encoding="utf-8") != code:
        raise SystemExit(f"features/activity.py is not what computed the cube of {world.grown}: {fix}")
    if not done.exists():  # a month that came in must not be built: if this is broken off, it is ingested again
        _ingest(world.grown, world.home / "late")
        done.touch()


def _write_strings(world: World) -> None:
    (world.home / "raw").mkdir(exist_ok=True)
    for month in range(1, MONTHS + 1):
        folder = world.data / "tables" / "events" / f"event_month={AS_OF.year - 1}-{month:02d}-01"
        write_strings(sorted(map(str, folder.glob("*.parquet"))), world.home / "raw" / f"{month:02d}.parquet")


def write_strings(events: list[str], target: Path) -> None:
    """Kept rows of data files of `events` as strings in order of time, as a log comes, into one Parquet file."""
    connection = duckdb.connect(config={"memory_limit": "12GB", "temp_directory": f"{target}.spill"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"""
        COPY (SELECT event_ts::timestamp AS event_ts, token, account_id, event_name, category, duration_s, "value",
                     is_error, product, os
              FROM read_parquet({events}) WHERE disposition = 'kept' ORDER BY event_ts)
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")


def _run(*arguments: str | Path) -> None:
    if subprocess.run(ended_with_us(command(*arguments)), check=False, stdout=subprocess.DEVNULL).returncode:
        raise SystemExit(f"segmentation {arguments[0]} failed, for the reason above")
