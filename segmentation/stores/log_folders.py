"""The files below a folder, links to folders followed, and which of them are hidden as Spark sees it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from segmentation.errors import InputProblem


class DropError(InputProblem):
    """There is no drop to read; the message names the path and the fix."""


def files_below(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Every file of the folder, by the path on which it was found, and whether it or a folder above it is hidden.

    Links that lead nowhere count as files: whoever reads them says so. A folder to which several links lead is gone
    through once. Raises DropError for a folder that cannot be read, as nobody can tell which logs lie in it.
    """

    def refuse(problem: OSError) -> None:
        # one that has gone meanwhile holds nothing, and what is hidden is passed over anyway
        if isinstance(problem, FileNotFoundError) or _is_hidden(Path(problem.filename).relative_to(folder)):
            return
        raise DropError(
            f"{problem.filename}: the folder cannot be read ({problem.strerror}); let it be read, or move it elsewhere"
        )

    # what is hidden under one name may be in sight under another
    seen = {(os.path.realpath(folder), False)}
    for above, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        here = Path(above)
        inside = []
        for name in sorted(folders):
            place = (os.path.realpath(here / name), _is_hidden((here / name).relative_to(folder)))
            if place not in seen:
                seen.add(place)
                inside.append(name)
        folders[:] = inside
        for name in names:
            path = here / name
            if _may_be_read(path):
                yield path, name.startswith((".", "_")) or _is_hidden(here.relative_to(folder))


def _is_hidden(folder: Path) -> bool:
    """Whether Spark passes over it: `_temporary` and `.git`, but not `_month=1`, a partition."""
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in folder.parts)


def _may_be_read(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
