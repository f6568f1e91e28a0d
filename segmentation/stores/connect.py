"""A session on a Spark Connect server: reached, found to know Delta, or one line that says what to do."""

from __future__ import annotations

import atexit
import contextlib
import queue
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from segmentation.errors import EnvironmentProblem, first_line
from segmentation.stores.archive import write_archive
from segmentation.stores.secrets import veiled

#: how long a server may take to answer at all; Spark's own client would try for ten minutes
ANSWER_SECONDS = 20.0
#: what a server must be started with to know Delta, beside the jars
DELTA_SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
_PACKAGES = 'pip install "pyspark[connect]" (grpcio, grpcio-status, googleapis-common-protos, zstandard)'


def connect(address: str, options: Mapping[str, str]) -> SparkSession:
    """A session on the server at `address` with those settings of it that may be changed there.

    Raises EnvironmentProblem when the client lacks a package, when nobody answers, or somebody else, when the server
    lets nobody in, and when it lacks Delta.
    """
    _require_answer(address)
    builder = SparkSession.builder.remote(address)
    for key, value in options.items():
        builder = builder.config(key, value)
    with _refusals(address):
        session = builder.getOrCreate()
        # a fitted model that is still there when Python ends would ask the server to forget it, and wait for ever: by
        # then nobody takes the answer in
        atexit.register(_leave, session)
        _require_delta(session, address)
    # whatever runs in the server's Python may name this package, and is sent the version that runs here
    with tempfile.TemporaryDirectory() as folder:
        session.addArtifacts(str(write_archive(Path(folder) / "segmentation.zip")), pyfile=True)
    return session


def _leave(session: Any) -> None:
    """End the session, without a second try: a server that is gone would be asked for ten minutes."""
    session.client.set_retry_policies([])
    session.stop()


def _require_answer(address: str) -> None:
    try:
        import grpc  # noqa: PLC0415  # an extra: a local session needs none of it
        from pyspark.sql.connect.client import DefaultChannelBuilder  # noqa: PLC0415  # as above
    except ImportError as error:
        raise EnvironmentProblem(f"{veiled(address)} needs Spark Connect's client: {_PACKAGES}") from error
    try:
        channel = DefaultChannelBuilder(address).toChannel()
    except (PySparkException, ValueError) as error:
        # what Python itself finds wrong with it is not said: it may be a password
        why = f": {first_line(error)}" if isinstance(error, PySparkException) else ""
        raise EnvironmentProblem(
            f"session.remote (or SPARK_REMOTE) is no address of a Connect server{why}; it looks like sc://host:15002"
        ) from error
    states: queue.Queue[Any] = queue.Queue()
    channel.subscribe(states.put, try_to_connect=True)
    reached = None
    with contextlib.suppress(queue.Empty):
        while reached not in (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE):
            reached = states.get(timeout=ANSWER_SECONDS)
    channel.close()
    if reached is not grpc.ChannelConnectivity.READY:
        raise EnvironmentProblem(
            f"no Spark Connect server answers at {veiled(address)}: start one there, or correct session.remote "
            "(SPARK_REMOTE)"
        )


@contextlib.contextmanager
def _refusals(address: str) -> Iterator[None]:
    """Of the first calls: whoever answers knows no such calls, or wants another token than this client's."""
    try:
        yield
    except PySparkException as error:
        status = re.search(r"StatusCode\.(\w+)", f"{getattr(error, 'getGrpcStatusCode', str)()} {error}")
        if status and status[1] == "UNIMPLEMENTED":
            raise EnvironmentProblem(
                f"what answers at {veiled(address)} is no Spark Connect server: correct session.remote (SPARK_REMOTE)"
            ) from error
        if status and status[1] in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
            details = re.search(r'details = "([^"\n]*)"', str(error))
            raise EnvironmentProblem(
                f"the Spark Connect server at {veiled(address)} does not let this client in "
                f"({details[1] if details else first_line(error, 200)}): have its token in the environment "
                "variable SPARK_CONNECT_AUTHENTICATE_TOKEN, or correct that in session.remote"
            ) from error
        raise


def _require_delta(session: SparkSession, address: str) -> None:
    """Asked of the server before any work; Databricks has Delta built in and settings of its own."""
    if session.conf.get("spark.databricks.clusterUsageTags.sparkVersion", None):
        return
    said = " and ".join(f"{key}={value}" for key, value in DELTA_SETTINGS.items())
    fix = f"start it with Delta's jars (--jars) and {said}"
    if any(value not in str(session.conf.get(key, "")) for key, value in DELTA_SETTINGS.items()):
        raise EnvironmentProblem(f"the Spark Connect server at {veiled(address)} is not set up for Delta: {fix}")
    try:
        session.catalog.currentDatabase()  # makes it load the catalog's class
    except PySparkException as error:
        raise EnvironmentProblem(
            f"the Spark Connect server at {veiled(address)} cannot load Delta ({first_line(error, 200)}): {fix}"
        ) from error
