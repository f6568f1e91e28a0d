"""What Spark's event log says of the tasks of a run."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """One finished task."""

    stage: int
    seconds: float
    shuffled: int  #: bytes written for a shuffle
    read: int  #: bytes read from files


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
    found = []
    for log in sorted(path for path in folder.iterdir() if path.is_file()):
        for line in log.open(encoding="utf-8"):
            if not line.startswith('{"Event":"SparkListenerTaskEnd"'):
                continue
            event = json.loads(line)
            metrics, info = event.get("Task Metrics") or {}, event["Task Info"]
            found.append(
                Task(
                    event["Stage ID"],
                    (info["Finish Time"] - info["Launch Time"]) / 1000,
                    metrics.get("Shuffle Write Metrics", {}).get("Shuffle Bytes Written", 0),
                    metrics.get("Input Metrics", {}).get("Bytes Read", 0),
                )
            )
    return found


def worst_skew(found: list[Task], shortest: float = 1.0) -> tuple[float, float]:
    """(longest task over the median of its stage, seconds of that task): the worst stage of two tasks or more.

    Stages whose longest task took less than `shortest` seconds are left out: there a pause of the JVM is the skew.
    """
    stages: dict[int, list[float]] = defaultdict(list)
    for task in found:
        stages[task.stage].append(task.seconds)
    ratios = [(max(s) / statistics.median(s), max(s)) for s in stages.values() if len(s) > 1 and max(s) >= shortest]
    return max(ratios, default=(1.0, 0.0))
