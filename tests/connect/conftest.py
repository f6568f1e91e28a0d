"""A Spark Connect server and an MLflow server on the loopback address, and jobs as clients of both."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyspark
import pytest

from segmentation.settings import StorageSettings
from segmentation.stores.connect import DELTA_SETTINGS
from segmentation.stores.jars import find_jars
from tests.cluster.conftest import HIDE_CHECKOUT, ROOT, environment

SPARK_HOME = Path(pyspark.__path__[0])
SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
SCHEMA = "segmentation_test"


@dataclass
class Server:
    """A server in a process group of its own, and what it says."""

    process: subprocess.Popen[bytes]
    address: str
    folder: Path
    log: Path

    def wait(self, is_up: Callable[[], bool], seconds: float = 120) -> None:
        """Wait until it is up."""
        give_up = time.monotonic() + seconds
        while not is_up():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """End it and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(folder: Path, address: str, command: Sequence[str], env: dict[str, str]) -> Server:
    """A process of its own group that works in `folder` and writes to server.log there."""
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    return Server(process, address, folder, log)


def start_spark(folder: Path, memory: str, jars: Sequence[Path], settings: dict[str, str]) -> Server:
    """A Spark Connect server whose Python does not know this package, as on a server of other people."""
    (folder / "hidden").mkdir()
    (folder / "hidden" / "sitecustomize.py").write_text(HIDE_CHECKOUT)
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder / "hidden"}:$PYTHONPATH exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    port = free_port()
    said = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "local"),
        "spark.sql.shuffle.partitions": "3",  # not the local tests' number
        "spark.databricks.delta.snapshotPartitions": "2",
        # VACUUM lists files in so many tasks, and Spark's own number is ten thousand
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        "spark.ui.enabled": "false",
        "spark.driver.extraJavaOptions": "-XX:-DontCompileHugeMethods -Duser.timezone=UTC",
        "spark.sql.codegen.cache.maxEntries": "4000",
        **settings,
    }
    command = [
        str(SPARK_HOME / "bin" / "spark-submit"), "--class", SERVER, "--master", "local[2]", "--driver-memory", memory,
        *(["--jars", ",".join(str(jar.absolute()) for jar in jars)] if jars else []),
        *(part for key, value in said.items() for part in ("--conf", f"{key}={value}")),
        str(next((SPARK_HOME / "jars").glob("spark-connect_*.jar"))),
    ]  # fmt: skip
    server = start(folder, f"sc://127.0.0.1:{port}", command, environment(PYSPARK_PYTHON=str(python), TZ="UTC"))
    server.wait(lambda: "Spark Connect server started" in server.log.read_text())
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With Delta, and a catalog in memory that lives as long as the server."""
    made = start_spark(tmp_path_factory.mktemp("connect"), "2g", find_jars(ROOT / ".jars"), DELTA_SETTINGS)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MLflow's own server, which keeps runs in SQLite and passes artifacts on."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    stores = ("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", str(folder / "a"))
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    made = start(folder, f"http://127.0.0.1:{port}", [*command, *stores], {**os.environ})

    def is_up() -> bool:
        try:
            urllib.request.urlopen(f"{made.address}/health", timeout=5).close()
        except (OSError, urllib.error.URLError):
            return False
        return True

    try:
        made.wait(is_up)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def storage(tracking: Server) -> StorageSettings:
    """Tables in the server's catalog, runs and models on the MLflow server."""
    return StorageSettings(
        catalog="spark_catalog", schema_name=SCHEMA, tracking_uri=tracking.address, experiment="segmentation"
    )


def client(server: Server, storage: StorageSettings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`segmentation` in a process that has no Java at all: whatever it does, the server does for it."""
    settings = {
        "session.remote": server.address,
        "storage.catalog": storage.catalog,
        "storage.schema_name": storage.schema_name,
        "storage.tracking_uri": storage.tracking_uri,
    }
    said = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SPARK_", "PYSPARK_"))}
    return subprocess.run(
        [sys.executable, "-m", "segmentation.jobs.command", *arguments, *said],
        env={**env, "JAVA_HOME": "/nonexistent", "TZ": "UTC"}, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
