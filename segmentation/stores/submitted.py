"""A session under `spark-submit`: its master and jars come from there, and are tried before a job waits for them."""

from __future__ import annotations

import socket
from typing import Any

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from segmentation.errors import EnvironmentProblem, first_line
from segmentation.stores.connect import DELTA_SETTINGS

_EXTENSIONS, _CATALOG = DELTA_SETTINGS
#: how long a standalone master may take to answer; Spark itself would try for a minute and then stop with a trace
MASTER_SECONDS = 5.0


def told() -> dict[str, str]:
    """What spark-submit was told, by its options or spark-defaults.conf, as Spark settings."""
    SparkContext._ensure_initialized()  # the gateway to spark-submit's JVM, which knows it
    return dict(SparkConf().getAll())


def default_is_local() -> bool:
    """Whether a bare path is a folder of the machines to the session; on many clusters it is one of HDFS."""
    hadoop = SparkContext.getOrCreate()._jsc.hadoopConfiguration()
    return bool(hadoop.get("fs.defaultFS", "file:///").startswith("file:"))


def default_parallelism(session: SparkSession) -> int:
    """How many tasks Spark thinks right where nobody says it: its cores at the moment."""
    return session.sparkContext.defaultParallelism


def require_master() -> None:
    """Raise EnvironmentProblem when spark-submit was given standalone masters and none of them answers."""
    master = told().get("spark.master", "")
    if not master.startswith("spark://"):
        return
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), MASTER_SECONDS).close()
        except (OSError, ValueError):
            continue
        return
    raise EnvironmentProblem(f"no Spark master answers at {master}: start it, or give spark-submit another --master")


def require_delta(session: SparkSession) -> None:
    """Raise EnvironmentProblem when the driver cannot load Delta: Spark would only say so at the first table."""
    catalog = session.conf.get(_CATALOG)
    try:
        session.catalog.currentDatabase()  # makes it load the catalog's class
        _load(session, DELTA_SETTINGS[_EXTENSIONS])  # another's catalog may do without, and Spark without extensions
    except (PySparkException, Py4JError) as problem:  # no class at all comes as the latter
        session.stop()
        if catalog != DELTA_SETTINGS[_CATALOG] and DELTA_SETTINGS[_EXTENSIONS] not in str(problem):
            raise EnvironmentProblem(
                f"Spark's driver cannot load {catalog} ({first_line(problem, 200)}): give spark-submit its jars, or no "
                f"{_CATALOG}, which is then Delta's"
            ) from problem
        raise EnvironmentProblem(
            "Spark's driver has not Delta's jars: give spark-submit --jars with all of .jars/*.jar, split by commas "
            "(`make setup` fetches them)"
        ) from problem


def _load(session: SparkSession, name: str) -> None:
    """Have the driver load a class, or raise Py4JError."""
    jvm: Any = session.sparkContext._jvm
    jvm.java.lang.Thread.currentThread().getContextClassLoader().loadClass(name)
