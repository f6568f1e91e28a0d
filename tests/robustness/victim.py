"""A real job in a process of its own, which stands still at a named point so that the test can kill it there.

    python -m tests.robustness.victim POINT MARKER COMMAND [ARGUMENT ...]

At the point it writes the process ids of the driver and of its JVM into MARKER. The job itself is untouched: some of
its functions are wrapped from outside, and inside a commit the JVM is stopped by a signal.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark import SparkContext

from segmentation.jobs import batches, build_basetable, freshness, ingest_events, train_industry, train_segments
from segmentation.jobs.command import main
from segmentation.runtime import Job
from segmentation.schemas import ACCOUNT_FEATURES, ACTIVITY, BASETABLE, EVENTS
from segmentation.stores import runs
from segmentation.stores.tables import TableStore
from segmentation.table import Table

marker = Path()


def jvm() -> int:
    """The JVM of this driver; 0 while there is none."""
    context = SparkContext._active_spark_context
    return int(context._gateway.proc.pid) if context is not None and context._gateway else 0


def stand_still() -> None:
    """Say who is to be killed, then wait for it."""
    note = marker.with_suffix(".part")
    note.write_text(f"{os.getpid()} {jvm()}")
    note.rename(marker)
    time.sleep(600)


def before(owner: Any, name: str) -> None:
    """Stand still when the function is called."""
    setattr(owner, name, lambda *args, **kwargs: stand_still())


def after(owner: Any, name: str) -> None:
    """Stand still when the function has returned."""
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        done = original(*args, **kwargs)
        stand_still()
        return done

    setattr(owner, name, wrapped)


def while_writing(table: Table, wait: Callable[[Path], bool]) -> None:
    """Stop the JVM in the midst of a write into the table, as soon as `wait(folder)` holds."""
    original = TableStore._write

    def watch(folder: Path, had: set[Path]) -> None:
        while not (set(folder.rglob("*.parquet")) - had and wait(folder)):
            time.sleep(0.001)
        os.kill(jvm(), signal.SIGSTOP)
        stand_still()

    def write(store: TableStore, frame: Any, written: Table, *args: Any) -> None:
        if written.name == table.name:
            folder = Path(store.location(table))
            threading.Thread(target=watch, args=(folder, set(folder.rglob("*.parquet"))), daemon=True).start()
        original(store, frame, written, *args)

    TableStore._write = write  # type: ignore[method-assign,assignment]


def at_once(folder: Path) -> bool:
    """The first data file is there, the others are not."""
    return True


def spark_is_idle(folder: Path) -> bool:
    """All data files are written: no Spark job runs any more. What is left is the commit."""
    context = SparkContext._active_spark_context
    return context is not None and not context.statusTracker().getActiveJobsIds()


POINTS: dict[str, Callable[[], None]] = {
    "after the plan": lambda: after(ingest_events, "make_plan"),
    "in the midst of parsing": lambda: while_writing(EVENTS, at_once),
    "after the data, before the commit": lambda: while_writing(EVENTS, spark_is_idle),
    "after the commit, before the audit": lambda: before(batches, "_count"),
    "before ingest publishes": lambda: before(Job, "publish"),
    "in the midst of the cube": lambda: while_writing(ACTIVITY, at_once),
    "in the midst of the account features": lambda: while_writing(ACCOUNT_FEATURES, at_once),
    "after the basetable, before it is published": lambda: after(build_basetable, "_build_basetable"),
    "in the midst of the basetable": lambda: while_writing(BASETABLE, at_once),
    "after the fit of segments, before the log": lambda: before(train_segments, "log_segments"),
    "after the fit of industries, before the log": lambda: before(train_industry, "log_industry"),
    "before a model is registered": lambda: before(runs.mlflow, "register_model"),
    "after the registration, before it is published": lambda: after(train_segments, "log_segments"),
    "before the champion": lambda: before(freshness, "promote"),
    "before forget purges": lambda: before(TableStore, "purge"),
    "never": lambda: None,
}

if __name__ == "__main__":
    marker = Path(sys.argv[2])
    POINTS[sys.argv[1]]()
    sys.exit(main(sys.argv[3:]))
