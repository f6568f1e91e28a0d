"""One small Spark session for all tests that need it; each odd setting says why."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.runtime import Exit
from segmentation.settings import SessionSettings
from segmentation.stores.spark import get_session
from tests.robustness.conftest import contents
from tests.walk import generate, walk

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ["TZ"] = "UTC"  # collected timestamps come in the local zone, and tests compare them
time.tzset()
# Spark takes a main module without a file, which is what a pytest-xdist worker has, for a doctest, and leaves
sys.modules["__main__"].__dict__.setdefault("__file__", __file__)


#: files that take minutes come first, or one process would be left alone with them at the end
LONGEST = ("test_end_to_end.py", "test_real_data.py", "test_kills.py", "test_submit.py", "test_path.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the session is a Spark test, so that nobody has to remember the mark."""
    items.sort(key=lambda item: item.path.name not in LONGEST)
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
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
def walked(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Data directory of one walk through the whole path, made once for all processes. Write to a copy."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder, done = shared / "walked", shared / "walked.done"
    with (shared / "walked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the first process walks, the others wait for it
        if not done.exists():
            generate(folder)
            assert walk(folder) == Exit.OK
            done.touch()
    return folder


@pytest.fixture(scope="session")
def walked_contents(spark: SparkSession, walked: Path) -> dict[str, str]:
    """Content hash by name of every table of that walk, taken once for all processes: wide tables are slow to hash."""
    kept = walked.with_name("walked.contents.json")
    with walked.with_name("walked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_text(json.dumps(contents(spark, walked)))
    found: dict[str, str] = json.loads(kept.read_text())
    return found
