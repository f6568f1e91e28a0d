"""Whose JVM a dead driver left behind: an innocent one that has its number by now is let be."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from segmentation.errors import EnvironmentProblem
from segmentation.stores import locks
from segmentation.stores.locks import Locked, exclusive, holder, require_locks

HOST = socket.gethostname()


@pytest.fixture
def java(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process that is taken for Java by its command line."""
    monkeypatch.setattr(locks, "ORPHAN_S", 0.3)
    with subprocess.Popen([sys.executable, "-c", "input()", "java"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def start_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]


def left(data_dir: Path, jvm: int, more: str) -> str:
    """What a driver that was killed has left in the lock's file, in its first line."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (data_dir / ".lock").write_text(f"segmentation ingest (process {dead.pid}), JVM {jvm}{more}")
    return f"segmentation ingest (process {dead.pid}), JVM {jvm}"


@pytest.mark.parametrize(
    "more",
    ["\non {host} since {start}", pytest.param("", id="of an earlier release")],
)
def test_the_jvm_of_a_dead_driver_is_waited_for_and_named(tmp_path: Path, java: int, more: str) -> None:
    named = left(tmp_path, java, more.format(host=HOST, start=start_of(java)))
    told: list[str] = []
    with (
        pytest.raises(Locked, match=rf"JVM {java} of a dead driver .* end it \(kill -9 {java}\)") as refused,
        exclusive(tmp_path, "ingest", 0, told.append),
    ):
        pass
    assert f"({named})" in str(refused.value)
    assert told == [f"the driver of {named} is dead, its JVM is not yet: waiting for that"]


@pytest.mark.parametrize("more", ["\non {host} since 1", "\non another-{host} since {start}"])
def test_a_java_that_has_the_number_by_now_is_let_be(tmp_path: Path, java: int, more: str) -> None:
    left(tmp_path, java, more.format(host=HOST, start=start_of(java)))
    told: list[str] = []
    with exclusive(tmp_path, "ingest", 0, told.append):
        pass
    assert told == []


def test_a_process_of_somebody_else_that_has_the_number_by_now_is_let_be(
    tmp_path: Path, java: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody may signal it, and everybody may read what it is."""
    left(tmp_path, java, f"\non {HOST} since 1")

    def refuse(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "kill", refuse)
        with exclusive(tmp_path, "ingest", 0, print):
            pass


def test_a_living_host_of_another_name_than_python_is_no_dead_driver(tmp_path: Path, java: int) -> None:
    """gunicorn and its like, a job of which has failed: the JVM goes on, and whoever comes next has the lock."""
    code = (
        "from pathlib import Path; from segmentation.stores.locks import exclusive\n"
        f"def hold(): return exclusive(Path({str(tmp_path)!r}), 'ingest', 0, print)\n"
        f"try:\n with hold() as lock: lock.write({java}); 1 / 0\n"
        "except ZeroDivisionError:\n pass\n"
        f"with hold() as lock: lock.write({java}); Path({str(tmp_path / 'left')!r}).write_bytes("
        f"Path({str(tmp_path / '.lock')!r}).read_bytes())\n"
        "print('held', flush=True); input()"
    )
    named = ["bash", "-c", 'exec -a "gunicorn: worker" "$0" -c "$1"', sys.executable, code]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # the name hides where the interpreter lies
    with subprocess.Popen(named, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "held\n"
        (tmp_path / "left").rename(tmp_path / ".lock")  # as its next job to fail would leave it
        with exclusive(tmp_path, "ingest", 0, print):
            pass
        host.kill()


def test_a_killed_driver_that_nobody_has_waited_for_is_dead(tmp_path: Path, java: int) -> None:
    """As in a container whose first process waits for no child: the kernel still knows when it was started."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as driver:
        since = start_of(driver.pid)
        driver.kill()
        os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)
        named = f"segmentation ingest (process {driver.pid}), JVM {java}"
        more = f"on {HOST} since {start_of(java)}, driver since {since}"
        (tmp_path / ".lock").write_text(f"{named}\n{more}")
        with pytest.raises(Locked, match="of a dead driver"), exclusive(tmp_path, "ingest", 0, print):
            pass


def test_a_lock_says_where_and_since_when_its_jvm_runs(tmp_path: Path, java: int) -> None:
    with exclusive(tmp_path, "ingest", 0, print) as lock:
        lock.write(java)
        named, where = (tmp_path / ".lock").read_text().splitlines()
        assert where == f"on {HOST} since {start_of(java)}, driver since {start_of(os.getpid())}"
        assert holder(tmp_path) == named  # people are told the first line alone
    assert holder(tmp_path) is None


def test_a_file_system_without_locks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    told = (
        f"{tmp_path} is on a file system that locks no files \\(Operation not supported\\), so nothing would keep two"
    )
    with pytest.raises(EnvironmentProblem, match=told), exclusive(tmp_path, "ingest", 0, print):
        pass
    with pytest.raises(EnvironmentProblem, match=told):  # of `doctor`, before there is a lock
        require_locks(tmp_path)
    assert holder(tmp_path) is None
