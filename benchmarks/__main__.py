"""`python -m benchmarks basetable --rows 1000000 10000000`: see docs/how-it-works/speed.md."""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from itertools import pairwise
from pathlib import Path

from benchmarks import contestants, equality, eventlog, machine, rounds
from benchmarks.contestants import BASETABLE, INGEST, NEW_MONTH, SKEW
from benchmarks.skewed import prepare_skewed, skew_lines
from benchmarks.world import World, prepare, prepare_csv, prepare_drop, prepare_grown
from segmentation.arguments import given_path
from segmentation.stores.jars import CLASSES, jar_folder

GOALS = {"duckdb_raw": 1.0, "duckdb_events": 3.0, "spark_scan": 2.0, "spark_copy": 2.0, "duckdb_distinct": 2.0}


def _basetable(home: Path, rows: list[int], count: int) -> None:
    """Events to basetable beside DuckDB, Polars and the floors; the outputs must be equal."""
    readings = {}
    for size in rows:
        world = prepare(home, size)
        played = rounds.play(world, list(BASETABLE), count, equality.check_basetable, world.home / "basetable.json")
        readings[size] = played
        _report(size, played, "spark")
    for small, large in pairwise(rows):
        a, b = (rounds.medians(readings[size], "spark") for size in (small, large))
        cold = math.log(b.work / a.work) / math.log(large / small)
        warm = math.log(b.warm / a.warm) / math.log(large / small) if a.warm and b.warm else None
        _say(f"growth exponent from {small:,} to {large:,}: {cold:.2f}{_warm(', in a warm process {:.2f}', warm)}")


def _new_month(home: Path, rows: list[int], count: int) -> None:
    """A new month, with late rows in two older ones, beside a full build; the features must be equal."""
    for size in rows:
        world = prepare(home, size)
        prepare_grown(world)
        played = rounds.play(world, list(NEW_MONTH), count, equality.check_new_month, world.home / "new_month.json")
        for name in NEW_MONTH:
            m = rounds.medians(played, name)
            _say(f"{size:>12,} {name:16} work {m.work:7.2f} s{_warm(', warm {:7.2f} s', m.warm)}")
        cold, warm = (ask(played, "spark_new_month", "spark") for ask in (rounds.median_ratio, rounds.warm_ratio))
        _say(f"a new month takes {cold:.2f} of a full build{_warm(', in a warm process {:.2f}', warm)}")


def _ingest(home: Path, rows: list[int], count: int) -> None:
    """Raw CSV to events beside a bare copy and DuckDB, and from Parquet; what all promise must agree."""
    from benchmarks import ingest_outputs  # noqa: PLC0415  # pyspark, which is not needed where all are processes

    for size in rows:
        world = prepare_drop(home, size)
        prepare_csv(world)
        played = rounds.play(world, list(INGEST), count, ingest_outputs.check, world.home / "ingest.json")
        _report(size, played, "spark_ingest")


def _guarantees(home: Path, rows: list[int], count: int) -> None:
    """What each guarantee of ingest costs, step by step."""
    from benchmarks.guarantees import measure  # noqa: PLC0415  # starts a session

    for size in rows:
        world = World(home / str(size), size)
        prepare_csv(world)
        before, data = 0.0, world.home / "out" / "guarantees"
        for (name, adds), seconds in measure(contestants.session(), world.csv, data, count).items():
            taken = statistics.median(seconds)
            _say(f"{size:>12,} {name:56} {taken:7.2f} s" + (f", {taken - before:+7.2f} s" if adds else ""))
            before = taken if adds else before


def _chart(home: Path, rows: list[int], count: int) -> None:
    """The chart of the docs, from the readings that are kept."""
    from benchmarks.chart import draw  # noqa: PLC0415  # matplotlib

    drawn = draw(home, Path("docs/how-it-works/speed.svg"))
    _say(f"drawn: {', '.join(f'{size:,}' for size in drawn)} rows")


def _skew(home: Path, rows: list[int], count: int) -> None:
    """One account with half of all rows, one token with three in ten: the largest task, and the same table."""
    for size in rows:
        world = prepare_skewed(home, size)
        played = rounds.play(world, list(SKEW), count, equality.check_skew)
        _say(f"{size:>12,} work {rounds.medians(played, 'spark_logged').work:.2f} s")
        for line in skew_lines(eventlog.tasks(world.home / "out" / "log"), size):
            _say(line)


def _cluster(home: Path, rows: list[int], count: int) -> None:
    """The same build by spark-submit on one executor and on two; the features must be equal."""
    from benchmarks import on_cluster  # noqa: PLC0415  # needs pytest, which no other bench does

    worlds, readings = [prepare(home, size) for size in rows], {}
    with on_cluster.running() as cluster:
        for world in worlds:
            played = on_cluster.play(cluster, world, count, world.home / "cluster.json")
            readings[world.rows] = played
            for line in on_cluster.report(world.rows, played):
                _say(line)
    for line in on_cluster.growth(readings):
        _say(line)


def _models(home: Path, rows: list[int], count: int) -> None:
    """Segments and industries beside scikit-learn; of the logs only the basetable matters, so one size does."""
    from benchmarks.small_half import contests, timed  # noqa: PLC0415  # starts a session

    world = prepare(home, rows[0])
    rounds.run(world, "spark")
    for contest in contests(contestants.basetable(world.home / "out" / "spark")):
        ratios = []
        for number in range(count):
            works = (contest.spark, contest.sklearn)
            # whoever comes first finds a cooler machine
            done = [timed(work) for work in works[:: -1 if number % 2 else 1]]
            (ours, quality), (theirs, other) = done[:: -1 if number % 2 else 1]
            contest.require_as_good(quality, other)
            ratios.append(ours / theirs)
            _say(f"{contest.name}: spark {ours:.2f} s, scikit-learn {theirs:.2f} s; {contest.quality} "
                 f"{quality:.3f}, {other:.3f}")  # fmt: skip
        _say(f"{contest.name}: spark is {statistics.median(ratios):.2f} x scikit-learn (warm; first round included)")


def _report(size: int, played: list[rounds.Round], ours: str) -> None:
    """A line per contestant, and how many times as long ours took."""
    for name in played[0]:
        m, goal = rounds.medians(played, name), GOALS.get(name)
        cold, warm = rounds.median_ratio(played, ours, name), rounds.warm_ratio(played, ours, name)
        again, other = _warm(", warm {:7.2f} s", m.warm), _warm(", warm {:5.2f} x", warm)
        wanted = f" (goal {goal})" if goal else ""
        _say(f"{size:>12,} {name:20} start {m.startup:5.1f} s, work {m.work:7.2f} s{again}, {size / m.work:>10,.0f} "
             f"rows/s, {m.memory / 2**30:5.2f} GiB, {ours} is {cold:5.2f} x{other}{wanted}")  # fmt: skip


def _warm(words: str, figure: float | None) -> str:
    """What there is to say of a second time; nothing where there was none."""
    return "" if figure is None else words.format(figure)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


BENCHES = {
    "basetable": _basetable,
    "new-month": _new_month,
    "ingest": _ingest,
    "chart": _chart,
    "guarantees": _guarantees,
    "models": _models,
    "skew": _skew,
    "cluster": _cluster,
}


def positive(text: str) -> int:
    """Raises ValueError, which argparse tells with the argument's name."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=tuple(BENCHES))
    parser.add_argument("--rows", type=positive, nargs="+", default=[1_000_000])
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--home", type=given_path, default=Path("data/bench"), help="where logs and readings are kept")
    parser.add_argument("--cores", type=int, help="for each contestant (default: all that this process may use)")
    args = parser.parse_args()
    if args.cores is not None:
        if args.what == "cluster":
            parser.error("--cores: the cluster has two workers of one core each")
        if not 1 <= args.cores <= machine.available_cores():
            parser.error(f"--cores {args.cores}: this process may use 1 to {machine.available_cores()}")
        machine.hold_to(args.cores)
    if args.what == "models" and len(args.rows) > 1:
        parser.error("--rows: of the logs only the basetable matters to models, so give one size")
    if (kept := jar_folder() / CLASSES).exists():
        parser.error(f"take {kept} of `make fast-start` away first: the figures of the docs are without it")
    home = args.home.absolute()
    with machine.alone_in(home):
        BENCHES[args.what](home, sorted({*args.rows}), args.rounds)


if __name__ == "__main__":
    _main()
