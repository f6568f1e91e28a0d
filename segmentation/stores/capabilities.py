"""What the session at hand can do: asked here and nowhere else, handed to whoever needs it as plain values.

A session of one's own JVM can do everything. Spark Connect cannot reach into the server, and on Databricks' shared
and serverless compute the server refuses some things as well: Java called from SQL, settings, kept frames. Kept frames
are the business of `segmentation.checkpoint`, since stages ask for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.errors import EnvironmentProblem

#: Java's composed form of a text, in a library that Spark ships for its collations
COMPOSER = ("com.ibm.icu.text.Normalizer", "compose")


@dataclass(frozen=True)
class Capabilities:
    """What a session can do."""

    #: the JVM is in this process's hands, so MLflow can have it copy model files; never so with Spark Connect
    own_jvm: bool
    #: SQL may call Java by name (`java_method`)
    java_calls: bool


def capabilities(session: SparkSession) -> Capabilities:
    """What `session` can do; a Connect session is asked by trying it."""
    own_jvm = not is_connect(session)
    return Capabilities(own_jvm, own_jvm or _calls_java(session))


def is_connect(session: SparkSession) -> bool:
    """Whether the session speaks to a server, by its class: asking it anything else would be a call."""
    return type(session).__module__.startswith("pyspark.sql.connect")


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
            f"this compute does not let a session set {key} ({str(error).splitlines()[0][:120]}), and {purpose} needs "
            "it: run this command on compute that does, such as a cluster with dedicated access"
        ) from error
    try:
        yield
    finally:
        if before is None:
            session.conf.unset(key)
        else:
            session.conf.set(key, before)


def set_if_allowed(session: SparkSession, key: str, value: str) -> None:
    """Change a setting for the rest of the session where that is allowed; nothing happens where it is not."""
    try:
        session.conf.set(key, value)
    except PySparkException:
        return


def _calls_java(session: SparkSession) -> bool:
    trial = F.java_method(*map(F.lit, COMPOSER), F.lit("a"), F.lit(False))
    try:
        session.range(1).select(trial).collect()
    except PySparkException:
        return False
    return True
