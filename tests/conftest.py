"""One small Spark session for all tests that need it; each odd setting says why."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.settings import SessionSettings
from segmentation.stores.spark import get_session
from tests.robustness.conftest import SMALL, command, contents
from tests.walk import generate, walk

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ["TZ"] = "UTC"  # collected timestamps come in the local zone, and tests compare them
time.tzset()
# Spark takes a main module without a file, which is what a pytest-xdist worker has, for a doctest, and leaves
sys.modules["__main__"].__dict__.setdefault("__file__", __file__)


#: files that take minutes come first, or one process would be left alone with them at the end
LONGEST = ("test_end_to_end.py", "test_real_data.py", "test_kills.py", "test_submit.py", "test_path.py")


#: fixtures that start a JVM: the shared session, a Spark Connect server, a job under spark-submit
STARTS_SPARK = {"spark", "server", "submit"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for one of these is a Spark test, so that nobody has to remember the mark."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        if STARTS_SPARK.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("spark")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    scratch: Path = tmp_path_factory.mktemp("spark")
    session = get_session(
        SessionSettings(
            app_name="tests",
            master="local[2]",
            driver_memory="3g",
            shuffle_partitions=2,
            spark={
                "spark.sql.warehouse.dir": str(scratch / "warehouse"),  # nothing is left in the checkout
                "spark.local.dir": str(scratch / "local"),
            },
        )
    )
    yield session
    session.stop()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of all test processes together."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@contextmanager
def first_alone(shared: Path, name: str) -> Iterator[Path | None]:
    """For what one process makes and the others wait for: None when it is there, else the file that says so."""
    done = shared / f"{name}.json"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield None if done.exists() else done


@pytest.fixture(scope="session")
def walked(spark: SparkSession, shared: Path) -> Path:
    """Data directory of one walk through the whole path, made once for all processes. Write to a copy."""
    folder = shared / "walked"
    with first_alone(shared, "walked") as done:
        if done:
            generate(folder)
            assert walk(folder) == Exit.OK
            done.touch()
    return folder


@pytest.fixture(scope="session")
def raw(shared: Path) -> Path:
    """The logs of a few accounts, generated once for all processes."""
    with first_alone(shared, "raw") as done:
        if done:
            assert main(["generate", "--output", str(shared / "raw"), "--data-dir", str(shared), *SMALL]) == Exit.OK
            done.touch()
    return shared / "raw"


@pytest.fixture(scope="session")
def with_long(request: pytest.FixtureRequest) -> bool:
    """Whether long tests are among those that run: what only they look at takes its time."""
    return any(item.get_closest_marker("long") for item in request.session.items)


@pytest.fixture(scope="session")
def unharmed(spark: SparkSession, raw: Path, shared: Path, with_long: bool) -> dict[str, dict[str, str]]:
    """Content hashes by table after each command of a walk over `raw` that nobody disturbs, once for all processes."""
    with first_alone(shared, "unharmed") as done:
        if done:
            after = {}
            for name in ("ingest", "basetable", "segments", "industry")[: None if with_long else 1]:
                assert main(command(name, shared / "unharmed", raw)) == Exit.OK
                after[name] = contents(spark, shared / "unharmed")
            done.write_text(json.dumps(after))
    found: dict[str, dict[str, str]] = json.loads((shared / "unharmed.json").read_text())
    return found
