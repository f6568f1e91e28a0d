"""Files that are there in full or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DAY_S = 86_400


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place beside the file's own to write to, put in its place (over an earlier file) when all went well.

    What a killed process began to write there a day ago or more is deleted.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            if time.time() - left.stat().st_mtime > _DAY_S:
                left.unlink()
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
