"""`python -m benchmarks basetable --rows 1000000 10000000`: see docs/how-it-works/speed.md."""

from __future__ import annotations

import argparse
import math
import sys
from itertools import pairwise
from pathlib import Path

from benchmarks import equality, rounds
from benchmarks.contestants import BASETABLE, INGEST
from benchmarks.world import World, prepare

GOALS = {"duckdb_raw": 1.0, "duckdb_events": 3.0, "spark_scan": 2.0}


def _basetable(home: Path, rows: list[int], count: int) -> None:
    """Events to basetable beside DuckDB, Polars and the floors; the outputs must be equal."""
    readings = {}
    for size in rows:
        world = prepare(home, size)
        played = rounds.play(world, list(BASETABLE), count)
        rounds.remember(world.home / "basetable.json", played)
        readings[size] = played
        _say(_equal(world))
        for name in BASETABLE:
            m = rounds.medians(played, name)
            ratio, goal = rounds.median_ratio(played, "spark", name), GOALS.get(name)
            _say(f"{size:>12,} {name:14} start {m.startup:5.1f} s, work {m.work:7.2f} s, {m.memory / 2**30:5.2f} GiB, "
                 f"spark is {ratio:5.2f} x{f' (goal {goal})' if goal else ''}")  # fmt: skip
    for small, large in pairwise(rows):
        a, b = (rounds.medians(readings[size], "spark").work for size in (small, large))
        _say(f"growth exponent from {small:,} to {large:,}: {math.log(b / a) / math.log(large / small):.2f}")


def _ingest(home: Path, rows: list[int], count: int) -> None:
    """Raw CSV to events beside a bare copy and DuckDB, and from Parquet."""
    for size in rows:
        world = prepare(home, size)
        played = rounds.play(world, list(INGEST), count)
        rounds.remember(world.home / "ingest.json", played)
        for name in INGEST:
            m = rounds.medians(played, name)
            ratio = rounds.median_ratio(played, "spark_ingest", name)
            _say(f"{size:>12,} {name:20} start {m.startup:5.1f} s, work {m.work:7.2f} s, {size / m.work:>9,.0f} "
                 f"rows/s, {m.memory / 2**30:5.2f} GiB, spark_ingest is {ratio:5.2f} x")  # fmt: skip


def _equal(world: World) -> str:
    out = world.home / "out"
    ours = equality.spark_features(out / "spark")
    cells = equality.require_equal(ours, equality.rival_features(out / "duckdb_raw"), "duckdb_raw")
    ids = equality.account_ids(world.data)
    equality.require_equal(ours, equality.rival_features(out / "duckdb_events", ids), "duckdb_events")
    equality.require_equal(ours, equality.rival_features(out / "polars_raw"), "polars_raw")
    return f"all {cells:,} cells equal within {equality.TOLERANCE:g}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


BENCHES = {"basetable": _basetable, "ingest": _ingest}


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=tuple(BENCHES))
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--home", type=Path, default=Path("data/bench"), help="where logs and readings are kept")
    args = parser.parse_args()
    BENCHES[args.what](args.home.absolute(), args.rows, args.rounds)


if __name__ == "__main__":
    _main()
