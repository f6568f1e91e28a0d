"""SIGTERM, by which schedulers, containers and `kill` end a process, ends a job the way Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Within it SIGTERM cancels Spark's jobs and raises KeyboardInterrupt, so that runs are marked as failed and locks
    given back. Does nothing outside the main thread, which alone may ask, and where the host has its own answer.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    on_ctrl_c = signal.getsignal(signal.SIGINT)  # once Spark has started it is Spark's, which cancels its jobs
    if callable(on_ctrl_c):
        on_ctrl_c(number, frame)
    raise KeyboardInterrupt
