"""One writer per data directory: Delta on a local disk is not safe for two processes at once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segmentation.errors import InputProblem


class Locked(InputProblem):
    """Another process writes into this data directory."""


@contextmanager
def exclusive(data_dir: Path, job: str) -> Iterator[None]:
    """Hold the data directory for one job; raises Locked naming the holder.

    The kernel frees the lock when its holder dies, however it dies, so a stale one cannot block anybody.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise Locked(
                f"{data_dir} is being written by {lock.read().strip() or 'another process'}: "
                "wait for it, or use another --data-dir"
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"segmentation {job} (process {os.getpid()})")
        lock.flush()
        yield
