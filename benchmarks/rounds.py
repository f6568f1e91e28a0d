"""Paired rounds: every contestant once per round, in an order that turns, and ratios taken within a round."""

from __future__ import annotations

import json
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.machine import cores, ended_with_us, model
from benchmarks.world import World
from segmentation.code_digest import code_digest


@dataclass(frozen=True)
class Reading:
    """One run: seconds of Spark's start, seconds of the work, peak memory in bytes, seconds of the work once more."""

    startup: float
    work: float
    memory: int
    warm: float | None  #: that of `work` where nothing has to warm up; None where Spark ran only once


Round = dict[str, Reading]


def play(
    world: World, names: Sequence[str], rounds: int, check: Callable[[World], str], kept: Path | None = None
) -> list[Round]:
    """So many rounds; the last round's outputs stay in `world.home/out/<name>`, of a second run in `<name>_again`.

    `check` is called after every round: it raises where outputs differ, and says what it held against what. Rounds
    that passed it are in `kept` at once, so that a failure later does not lose them.
    """
    played: list[Round] = []
    for number in range(rounds):
        # whoever comes first finds colder files and a cooler machine
        order = [*names[number % len(names) :], *names[: number % len(names)]]
        done = {name: run(world, name) for name in order}
        line = ", ".join(f"{name} {reading.work:.1f} s" for name, reading in sorted(done.items()))
        sys.stderr.write(f"round {number + 1} of {rounds}, {world.rows:,} rows: {line}; {check(world)}\n")
        played.append(done)
        if kept:
            remember(kept, played)
    return played


def run(world: World, name: str) -> Reading:
    """One run of one contestant in a process of its own; its output replaces the one before."""
    out = world.home / "out" / name
    for before in (out, again(out)):
        if before.is_dir():
            shutil.rmtree(before)
        before.unlink(missing_ok=True)
    out.parent.mkdir(exist_ok=True)
    given = [sys.executable, "-m", "benchmarks.contestants", name, str(world.home), str(world.rows), str(out)]
    done = subprocess.run(ended_with_us(given), check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{name} failed on {world.rows:,} rows:\n{done.stdout}{done.stderr}")
    return Reading(**json.loads(done.stdout.splitlines()[-1]))


def again(out: Path) -> Path:
    """Where a contestant puts the output of its second run."""
    return out.with_name(f"{out.name}_again")


def median_ratio(played: Sequence[Round], one: str, other: str) -> float:
    """Median over rounds of one contestant's seconds of work over another's of the same round."""
    return statistics.median(each[one].work / each[other].work for each in played)


def warm_ratio(played: Sequence[Round], one: str, other: str) -> float | None:
    """The same of a warm process; None where one of the two was run once."""
    pairs = [(each[one].warm, each[other].warm) for each in played]
    ratios = [ours / theirs for ours, theirs in pairs if ours is not None and theirs is not None]
    return statistics.median(ratios) if len(ratios) == len(played) else None


def medians(played: Sequence[Round], name: str) -> Reading:
    """A contestant's median of each figure; of memory the largest."""
    of = [each[name] for each in played]
    warm = [r.warm for r in of if r.warm is not None]
    return Reading(
        statistics.median(r.startup for r in of),
        statistics.median(r.work for r in of),
        max(r.memory for r in of),
        statistics.median(warm) if len(warm) == len(of) else None,
    )


def remember(path: Path, played: Sequence[Mapping[str, object]]) -> None:
    """Keep the readings of a size beside its logs, with the machine, the cores to be used and what was measured."""
    rounds = [{name: vars(reading) for name, reading in each.items()} for each in played]
    told = {"machine": model(), "cores": cores(), "versions": _versions(), "rounds": rounds}
    path.write_text(json.dumps(told, indent=1), encoding="utf-8")


def _versions() -> dict[str, str]:
    """Of Python and of what is held against each other, and the digest of our features' and the contestants' code."""
    installed = {name: version(name) for name in ("pyspark", "duckdb", "polars")}
    code = code_digest(["segmentation.features", "segmentation.basetable", "benchmarks"])
    return {"python": platform.python_version(), **installed, "code": code}
