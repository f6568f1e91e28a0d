"""Files that are there in full or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside the file's own to write to, put in its place (over an earlier file) when all went well."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def is_full(problem: OSError) -> bool:
    """Whether a disk or a quota is full: that is told as what it is, wherever it happens."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)
