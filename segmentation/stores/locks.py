"""One writer per data directory: Delta on a local disk is not safe for two processes at once."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from segmentation.errors import EnvironmentProblem, InputProblem

#: how long the JVM of a dead holder may take to notice that it is alone, in seconds
ORPHAN_S = 60
_UNKNOWN = "unknown"


class Locked(InputProblem):
    """Another process writes into this data directory."""


@dataclass
class Lock:
    """A held lock; its file says by whom."""

    _file: TextIO
    _holder: str

    def write(self, jvm: int | None = None) -> None:
        """Say who holds it, and in which JVM the work is done: that one may outlive a killed driver.

        Where and since when the two run stands in a second line: elsewhere, or later, their numbers are others'.
        """
        self._file.seek(0)
        self._file.truncate()
        self._file.write(self._holder)
        if jvm:
            since = f"since {_start_of(jvm)}, driver since {_start_of(os.getpid())}"
            self._file.write(f", JVM {jvm}\non {socket.gethostname()} {since}")
        self._file.flush()


@contextmanager
def exclusive(data_dir: Path, job: str, wait_s: float, say: Callable[[str], None]) -> Iterator[Lock]:
    """Hold the data directory for one job; waits up to `wait_s` seconds for another, then raises Locked naming it.

    The kernel frees the lock when its holder dies, however it dies, so a stale one cannot block anybody. A JVM that
    its killed driver left behind is waited for: it may be in the midst of a commit.
    """
    with _opened(data_dir) as file:
        _take(file, data_dir, wait_s, say)
        _outlast(_read(file), data_dir, say)
        lock = Lock(file, f"segmentation {job} (process {os.getpid()})")
        lock.write()
        yield lock
        file.truncate(0)


def _opened(data_dir: Path) -> TextIO:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return (data_dir / ".lock").open("a+", encoding="utf-8")
    except OSError as problem:
        raise unwritable(data_dir, problem) from None


def unwritable(data_dir: Path, problem: OSError) -> EnvironmentProblem:
    """What to raise where a data directory cannot be made or written."""
    return EnvironmentProblem(
        f"{data_dir.absolute()} cannot be written ({problem.strerror}): use another --data-dir, or mend it"
    )


def require_locks(data_dir: Path) -> None:
    """Raise EnvironmentProblem where files in the data directory, which can be written, cannot be locked."""
    with tempfile.TemporaryFile(dir=data_dir) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            raise _without_locks(data_dir, problem) from None


def _without_locks(data_dir: Path, problem: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{data_dir.absolute()} is on a file system that locks no files ({problem.strerror}), so nothing would keep "
        "two jobs apart: use another --data-dir, or storage.catalog"
    )


def holder(data_dir: Path) -> str | None:
    """Who holds the data directory now, None when nobody does."""
    path = data_dir / ".lock"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as file:  # whoever only looks may have no right to write
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(file)
        except OSError:  # where nothing can be locked nobody holds it
            return None
        return None


def _read(file: TextIO) -> str:
    file.seek(0)
    return file.read().strip()


def _named(file: TextIO) -> str:
    """Who holds the lock, for people."""
    return _read(file).partition("\n")[0] or "another process"


def _take(file: TextIO, data_dir: Path, wait_s: float, say: Callable[[str], None]) -> None:
    until, told = time.monotonic() + wait_s, False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            named = _named(file)
            if time.monotonic() >= until:
                raise Locked(
                    f"{data_dir} is being written by {named}: wait for it (--wait SECONDS), or use another --data-dir"
                ) from None
        except OSError as problem:  # s3fs, gcsfuse, NFS without a lock daemon, a Databricks Volume
            raise _without_locks(data_dir, problem) from None
        if not told:
            say(f"{data_dir} is being written by {named}: waiting up to {wait_s:.0f} s")
            told = True
        time.sleep(0.2)


def _outlast(last: str, data_dir: Path, say: Callable[[str], None]) -> None:
    """Wait for the end of a JVM whose driver is dead; raises Locked naming it when it does not end."""
    found = re.search(r"\(process (\d+)\), JVM (\d+)(?:\non (\S+) since ([^\s,]+)(?:, driver since (\S+))?)?", last)
    if found is None or found[3] not in (None, socket.gethostname()) or _lives(int(found[1]), found[5]):
        return
    jvm, since, until = int(found[2]), found[4], time.monotonic() + ORPHAN_S
    named = last.partition("\n")[0]
    if _is_running(jvm, "java", since):
        say(f"the driver of {named} is dead, its JVM is not yet: waiting for that")
    while _is_running(jvm, "java", since):
        if time.monotonic() > until:
            raise Locked(f"{data_dir}: JVM {jvm} of a dead driver ({named}) still runs: end it (kill -9 {jvm})")
        time.sleep(0.2)


def _lives(driver: int, since: str | None) -> bool:
    """Whether the driver, which was started then, still is; an earlier release, and macOS, do not tell when."""
    # by its start, as a server that starts jobs may be called anything
    return _is_running(driver, "python") if since in (None, _UNKNOWN) else _is_running(driver, "", since)


def _start_of(process: int) -> str:
    """When a process was started, in the kernel's own count; _UNKNOWN without /proc (macOS)."""
    try:
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _UNKNOWN
    return told.rpartition(")")[2].split()[19]  # of `man proc`'s fields the 22nd; the second, a name, may hold anything


def _is_running(process: int, program: str, since: str | None = None) -> bool:
    """Whether the process lives and is still such a program, started when it was: numbers are used again."""
    try:
        if not Path("/proc").is_dir():
            os.kill(process, 0)
            return True  # on macOS the number has to do
        # which everybody may read, whosever process it is; a zombie has an empty command line
        called = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace")
        return called != "" and program in called and since in (None, _start_of(process))
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return True
