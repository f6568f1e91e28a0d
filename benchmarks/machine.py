"""What of the machine a run may use, and what it took: cores, and peaks of memory."""

from __future__ import annotations

import fcntl
import os
import platform
import resource
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

#: how `--cores` reaches the processes of the contestants
CORES = "BENCHMARKS_CORES"
#: seconds in which a JVM that is told to end has ended
_ENDING = 60.0


def available_cores() -> int:
    """Cores that this process may use: fewer than the machine has in a container or under `taskset`."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 2  # macOS tells no more


def hold_to(count: int) -> None:
    """Let this process, and all that it starts, use so many of its cores: Java's compilers and collectors, too.

    macOS knows no such thing; there it is the contestants' own threads alone that are held.
    """
    os.environ[CORES] = str(count)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def cores() -> int:
    """Cores that every contestant is given: those of `--cores`, else all available."""
    return int(os.environ.get(CORES) or available_cores())


def ended_with_us(command: Sequence[str]) -> list[str]:
    """The command, where possible (Linux) so that the kernel ends it with this process, also when that is killed."""
    return [*(["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []), *command]


@contextmanager
def alone_in(home: Path) -> Iterator[None]:
    """Hold a bench home; raises SystemExit where another bench does. The lock ends with the process that has it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".bench.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"another bench runs in {home}: wait for it, or give another --home") from None
        yield


def model() -> str:
    """What the processor calls itself."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def own_peak() -> int:
    """Peak memory of this process in bytes."""
    # not from `getrusage` where /proc is: there a process begins with the peak of the one that started it
    return _high_water("self") or _in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def spark_peak() -> int | None:
    """Peak memory in bytes of this process and of the JVM it started, added: at most so much at once.

    None where there is no /proc.
    """
    jvm = _high_water(_session_and_jvm()[1])
    return None if jvm is None else own_peak() + jvm


def ended_spark_peak() -> int:
    """As `spark_peak`, by ending the JVM: without /proc the peak is told of children that have ended alone."""
    from segmentation.stores.spark import jvm_has_ended  # noqa: PLC0415

    session, jvm = _session_and_jvm()
    os.kill(jvm, signal.SIGTERM)
    jvm_has_ended(session, _ENDING)
    return own_peak() + _in_bytes(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _session_and_jvm() -> tuple[SparkSession, int]:
    from pyspark.sql import SparkSession  # noqa: PLC0415  # a rival's process must not load it

    from segmentation.stores.spark import jvm_process  # noqa: PLC0415

    session = SparkSession.getActiveSession()
    assert session is not None  # whoever asks has worked with one
    jvm = jvm_process(session)
    assert jvm is not None  # the session is this process's own
    return session, jvm


def _high_water(process: int | str) -> int | None:
    """The peak that Linux tells of a process; None where there is no /proc."""
    status = Path(f"/proc/{process}/status")
    if not status.exists():
        return None
    lines = status.read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def _in_bytes(resident: int) -> int:
    return resident if sys.platform == "darwin" else resident * 1024
