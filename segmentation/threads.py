"""Several tasks at a time in threads of the driver, each with Spark's properties of the thread that asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from pyspark import inheritable_thread_target
from pyspark.sql import SparkSession

Task = TypeVar("Task")
Made = TypeVar("Made")


def in_threads(
    pool: Executor, session: SparkSession, work: Callable[[Task], Made], tasks: Iterable[Task]
) -> list[Made]:
    """Every task's outcome, in order of the tasks; what the first of them raised is raised.

    A thread knows the caller's properties (job group, tags, the session over Connect) only if it is told. It is told
    once per task: PySpark copies the properties when it wraps a function, and threads that run one wrapped function
    share that copy. Spark notes in it which query a thread runs, so queries of two threads would be taken for each
    other's, and Spark would hold what they read for good.
    """
    calls = [partial(inheritable_thread_target(session)(work), task) for task in tasks]
    return list(pool.map(lambda call: call(), calls))
