"""What Spark's event log says of the queries and tasks of a run."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: as the log names it, and how Spark SQL's events begin there
_ROOT, _SQL = "spark.sql.execution.root.id", "org.apache.spark.sql.execution.ui.SparkListenerSQLExecution"


@dataclass(frozen=True)
class Task:
    """One finished task."""

    stage: int
    seconds: float
    shuffled: int  #: bytes written for a shuffle
    read: int  #: bytes read from files
    query: int = -1  #: number of the query that it served; -1: none
    executor: str = ""  #: where it ran
    records: int = 0  #: records read from a shuffle


@dataclass(frozen=True)
class Query:
    """One action of a job, such as a write, with all that it started in turn, such as looks into Delta's own log."""

    number: int
    began: float  #: seconds since 1970
    ended: float
    plans: str  #: physical plans of all its parts


def settings(folder: Path) -> dict[str, str]:
    """Spark settings that write a log into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "spark.eventLog.enabled": "true",
        "spark.eventLog.dir": folder.as_uri(),
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.compress": "false",
    }


def tasks(folder: Path) -> list[Task]:
    """Every finished task of all runs logged in the folder."""
    found, query = [], {}
    for event in _events(folder, "SparkListenerJobStart", "SparkListenerTaskEnd"):
        if event["Event"] == "SparkListenerJobStart":
            query.update(dict.fromkeys(event["Stage IDs"], int(event["Properties"].get(_ROOT, -1))))
            continue
        metrics, info = event.get("Task Metrics") or {}, event["Task Info"]
        found.append(
            Task(
                event["Stage ID"],
                (info["Finish Time"] - info["Launch Time"]) / 1000,
                metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0),
                metrics.get("Input Metrics", {}).get("Bytes Read", 0),
                query.get(event["Stage ID"], -1),
                info["Executor ID"],
                metrics.get("Shuffle Read Metrics", {}).get("Total Records Read", 0),
            )
        )
    return found


def queries(folder: Path) -> list[Query]:
    """Every query of the one run logged in the folder, in order of their numbers."""
    plans: dict[int, list[str]] = defaultdict(list)
    began: dict[int, float] = {}
    ended: dict[int, float] = {}
    for event in _events(folder, f"{_SQL}Start", f"{_SQL}End"):
        number = event["executionId"]
        if event["Event"].endswith("End"):
            ended[number] = event["time"] / 1000
            continue
        # the log tells of a part before it tells of the query whose part it is
        plans[event["rootExecutionId"]].append(event["physicalPlanDescription"])
        began[number] = event["time"] / 1000
    return [Query(number, began[number], ended[number], "\n".join(plans[number])) for number in sorted(plans)]


def _events(folder: Path, *kinds: str) -> Iterator[dict[str, Any]]:
    begins = tuple(f'{{"Event":"{kind}"' for kind in kinds)
    for log in sorted(path for path in folder.iterdir() if path.is_file()):
        with log.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.startswith(begins))


@dataclass(frozen=True)
class Skew:
    """The stage in which one task had the most beside the others."""

    ratio: float  #: the most of a task over the median of the stage's other tasks; infinite where they had nothing
    most: float  #: of that task
    stage: int
    tasks: int


def worst_skew(
    found: Sequence[Task], of: Callable[[Task], float], most: float = 0.0, total: float = 0.0
) -> Skew | None:
    """The worst stage by what `of` says of a task; None where no stage of two tasks or more counts.

    A stage counts where a task had at least `most`, and all of them `total`. The largest task is left out of the
    median: of two tasks it would make half of it, and no ratio could be above two.
    """
    stages: dict[int, list[float]] = defaultdict(list)
    for task in found:
        stages[task.stage].append(of(task))
    skews = []
    for stage, values in stages.items():
        *others, largest = sorted(values)
        if others and largest > 0 and largest >= most and sum(values) >= total:
            usual = statistics.median(others)
            skews.append(Skew(largest / usual if usual else math.inf, largest, stage, len(values)))
    return max(skews, key=lambda skew: skew.ratio, default=None)
