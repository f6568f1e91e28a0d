"""What the contestants work on: logs of the size wanted, made once and kept."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb

AS_OF = dt.date(2026, 1, 1)
#: the size of the customer base whose year is the measure of everything here
ACCOUNTS, TOKENS_PER_ACCOUNT, MONTHS = 2991, 2.11, 12
HEAP = "3g"


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
    done = world.home / "done.json"
    if done.exists():
        return world
    world.home.mkdir(parents=True, exist_ok=True)
    size = settings(
        synthetic__rows=rows,
        synthetic__accounts=ACCOUNTS,
        synthetic__tokens_per_account=TOKENS_PER_ACCOUNT,
        synthetic__months=MONTHS,
        synthetic__format="parquet",
    )
    _run(command("generate", "--data-dir", world.data, "--output", world.drop, *size))
    csv = settings(synthetic__format="csv")
    _run(command("generate", "--data-dir", world.data, "--output", world.csv.parent, *size, *csv))
    _run(
        command("ingest", "--data-dir", world.data, "--source", "generated", "--format", "parquet",
                "--input", world.drop / "logs")
    )  # fmt: skip
    _write_strings(world)
    done.write_text(json.dumps({"rows": rows, "events": len(world.events)}), encoding="utf-8")
    return world


def _write_strings(world: World) -> None:
    (world.home / "raw").mkdir(exist_ok=True)
    connection = duckdb.connect(config={"memory_limit": "12GB", "temp_directory": str(world.home / "spill")})
    connection.execute("SET TimeZone = 'UTC'")
    for month in range(1, MONTHS + 1):
        folder = world.data / "tables" / "events" / f"event_month={AS_OF.year - 1}-{month:02d}-01"
        connection.execute(f"""
            COPY (SELECT event_ts::timestamp AS event_ts, token, account_id, event_name, category, duration_s, "value",
                         is_error, product, os
                  FROM read_parquet('{folder}/*.parquet') WHERE disposition = 'kept' ORDER BY event_ts)
            TO '{world.home}/raw/{month:02d}.parquet' (FORMAT parquet, COMPRESSION zstd)""")


def _run(arguments: list[str]) -> None:
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
