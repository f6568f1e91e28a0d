"""A Spark standalone cluster on the loopback address, and jobs sent to it by spark-submit."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyspark
import pytest

from benchmarks.machine import ended_with_us
from segmentation.stores.archive import write_archive
from segmentation.stores.jars import find_jars

ROOT = Path(__file__).resolve().parents[2]
SPARK_HOME = Path(pyspark.__path__[0])
WORKERS = 2
#: of shuffles: few, and not the local tests' number
PARTITIONS = 5
EXECUTOR = "CoarseGrainedExecutorBackend"
#: Python of the executors and the driver: the checkout, which an editable install puts on its path, is taken off, so
#: that the package comes from the zip or not at all
HIDE_CHECKOUT = f"import sys; sys.path[:] = [p for p in sys.path if p != {str(ROOT)!r}]\n"


@dataclass
class Cluster:
    """A master and its workers, each in a process group of its own."""

    folder: Path
    worker_memory: str = "1500m"
    master: str = ""
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """A master, then the workers, each of which must have registered."""
        daemons = "org.apache.spark.deploy"
        said = self._start("master", f"{daemons}.master.Master", r"Starting Spark master at (\S+)")
        self.master = said.group(1)
        for number in range(WORKERS):
            size = ("--cores", "1", "--memory", self.worker_memory, "--work-dir", str(self.folder / f"work-{number}"))
            joined = "Successfully registered with master"
            self._start(f"worker-{number}", f"{daemons}.worker.Worker", joined, *size, self.master)

    def _start(self, name: str, daemon: str, until: str, *arguments: str) -> re.Match[str]:
        log = self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ended_with_us([str(SPARK_HOME / "bin" / "spark-class"), daemon, "--host", "127.0.0.1", "--port", "0",
                               "--webui-port", "0", *arguments]),
                # a killed worker leaves its executors' shuffle files behind: they go with the folder
                env=environment(SPARK_DAEMON_MEMORY="256m", SPARK_LOCAL_DIRS=str(self.folder / "local")), stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        give_up = time.monotonic() + 60
        while not (said := re.search(until, log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.1)
        return said

    def executors(self) -> list[int]:
        """Process ids of the executors that live now, the newest last."""
        ours, found = {process.pid for process in self.processes}, []
        for number in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
            with contextlib.suppress(OSError):  # it has ended in the meantime
                if os.getpgid(number) in ours and EXECUTOR in Path(f"/proc/{number}/cmdline").read_text():
                    found.append(number)
        return sorted(found)

    def wait_for_executors(self, count: int, seconds: float = 120) -> list[int]:
        """Wait until so many are at work."""
        give_up = time.monotonic() + seconds
        while len(found := self.executors()) < count:
            assert time.monotonic() < give_up, f"{len(found)} executors, not {count}"
            time.sleep(0.05)
        return found

    def stop(self) -> None:
        """Executors are in the groups of their workers and go with them."""
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def environment(**more: str) -> dict[str, str]:
    """For Spark's own scripts: this pip package, this Java, the loopback address."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SPARK_", "PYSPARK_", "PYTHONPATH"))}
    return {**kept, "SPARK_HOME": str(SPARK_HOME), "SPARK_LOCAL_IP": "127.0.0.1", **more}


@dataclass
class Submitted:
    """A job under spark-submit."""

    process: subprocess.Popen[str]
    log: Path

    def said(self) -> str:
        return self.log.read_text()

    def wait_for(self, line: str, seconds: float = 300) -> None:
        """Wait until the job has said that line (a pattern)."""
        give_up = time.monotonic() + seconds
        while not re.search(line, self.said()):
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < give_up, self.said()
            time.sleep(0.05)

    def end(self, seconds: float = 400) -> int:
        return self.process.wait(seconds)


Submit = Callable[..., Submitted]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("package") / "segmentation.zip")


@pytest.fixture
def submit(tmp_path: Path, package: Path) -> Iterator[Submit]:
    """`submit(master, "ingest_events", [arguments], jars=..., py_files=...)` starts `jobs/ingest_events.py`."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "sitecustomize.py").write_text(HIDE_CHECKOUT)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path / "hidden"}:$PYTHONPATH exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    started: list[Submitted] = []

    def run(
        master: str,
        job: str,
        arguments: Sequence[str],
        jars: Sequence[Path] | None = None,
        py_files: Path | None = package,
        driver_python: str | None = None,
        options: Sequence[str] = (),
    ) -> Submitted:
        log = tmp_path / f"{len(started)}-{job}.log"
        loaded = ",".join(str(jar.absolute()) for jar in (find_jars(ROOT / ".jars") if jars is None else jars))
        command = [
            str(SPARK_HOME / "bin" / "spark-submit"), "--master", master, "--deploy-mode", "client",
            *(["--jars", loaded] if loaded else []), *(["--py-files", str(py_files)] if py_files else []),
            *("--driver-memory", "2g", "--executor-memory", "1g", "--executor-cores", "1"),
            *("--conf", "spark.ui.enabled=false", "--conf", f"spark.sql.shuffle.partitions={PARTITIONS}", *options),
            str(ROOT / "jobs" / f"{job}.py"), *arguments,
        ]  # fmt: skip
        pythons = {"PYSPARK_PYTHON": str(python), "PYSPARK_DRIVER_PYTHON": driver_python or str(python)}
        with log.open("w") as out:
            process = subprocess.Popen(
                ended_with_us(command), cwd=tmp_path, env=environment(**pythons, TZ="UTC"), stdout=out,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
        started.append(Submitted(process, log))
        return started[-1]

    yield run
    for job in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.process.pid, signal.SIGKILL)
        job.process.wait()
