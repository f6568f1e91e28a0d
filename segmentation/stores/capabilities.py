"""What the session at hand can do: found out here and nowhere else, handed to whoever needs it as plain values.

A session with a JVM of its own can do everything. Spark Connect cannot reach into the server's JVM, and Databricks'
shared and serverless compute refuses some things as well: Java called from SQL, some settings, kept frames. Kept
frames are the business of `segmentation.checkpoint`, since stages ask for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession, is_remote
from pyspark.sql import functions as F

from segmentation.errors import EnvironmentProblem, first_line
from segmentation.events.spelling import composed_by_java
from segmentation.stores.host import on_databricks
from segmentation.stores.submitted import default_is_local, default_parallelism


def is_connect(session: SparkSession) -> bool:
    """Whether the session speaks to a server, by its class: asking it anything else would be a call."""
    return type(session).__module__.startswith("pyspark.sql.connect")


def mlflow_moves_models() -> bool:
    """Whether MLflow can move a Spark model's files: by its own JVM, or on Databricks through a Volume.

    Its JVM looks in Spark's default file system alone; where that is HDFS, in no folder of the machines.
    """
    return on_databricks() or (not is_remote() and default_is_local())


@cache
def calls_java(session: SparkSession) -> bool:
    """Whether SQL may call Java by name (`java_method`), which stages use to compose letters; tried with Connect."""
    if not is_connect(session):
        return True
    try:
        session.range(1).select(composed_by_java(F.lit("a"))).collect()
    except PySparkException:
        return False
    return True


@contextmanager
def setting(session: SparkSession, key: str, value: str, purpose: str) -> Iterator[None]:
    """One of the session's settings at a value for one statement, and then as before.

    Raises EnvironmentProblem, with the `purpose`, where the session may not change it (serverless compute).
    """
    try:
        before = session.conf.get(key, None)
        session.conf.set(key, value)
    except PySparkException as error:
        raise EnvironmentProblem(
            f"this compute does not let a session set {key}, which {purpose} needs "
            f"({first_line(error, 120)}): run it on compute that does, such as a dedicated cluster"
        ) from error
    try:
        yield
    finally:
        if before is None:
            session.conf.unset(key)
        else:
            session.conf.set(key, before)


def scan_parallelism(session: SparkSession) -> str:
    """For how many cores files are cut into tasks, as Spark has it now; Connect's clients see a shuffle's parts alone.

    Spark asks this whenever a scan begins, and with dynamic allocation it is another number a moment later.
    """
    for key in ("spark.sql.files.minPartitionNum", "spark.sql.leafNodeDefaultParallelism"):
        with suppress(PySparkException):  # serverless compute does not tell it
            if given := session.conf.get(key, None):
                return given
    if is_connect(session):
        return str(session.conf.get("spark.sql.shuffle.partitions"))
    return str(default_parallelism(session))


@contextmanager
def setting_if_allowed(session: SparkSession, key: str, value: str) -> Iterator[None]:
    """The same where a job can go on without it: compute that does not allow it keeps its own value."""
    with ExitStack() as while_allowed:
        with suppress(EnvironmentProblem):
            while_allowed.enter_context(setting(session, key, value, "speed"))
        yield


def set_if_allowed(session: SparkSession, key: str, value: str) -> None:
    """Change a setting for the rest of the session where that is allowed; where it is not, nothing happens."""
    try:
        session.conf.set(key, value)
    except PySparkException:
        return
