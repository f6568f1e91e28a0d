"""The folder of a Delta table: what its log says without a Spark job, and how the folder is taken away."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from segmentation.errors import InputProblem

#: how the folder of a table begins that is being deleted
_REMOVED = ".removed-"


def latest_version(folder: Path) -> int:
    """The latest version, by the names in the log; -1 where there is none."""
    log = folder / "_delta_log"
    return max((int(entry.stem) for entry in log.glob("*.json") if entry.stem.isdigit()), default=-1)


def notes_after(folder: Path, version: int) -> list[str | None]:
    """The notes of the commits after a version, oldest first."""
    log = folder / "_delta_log"
    return [_note_in(log / f"{number:020d}.json") for number in range(version + 1, latest_version(folder) + 1)]


def _note_in(entry: Path) -> str | None:
    """The note of one commit, of which a file of Delta's log holds one action per line."""
    with entry.open(encoding="utf-8") as actions:
        for action in map(json.loads, actions):
            if "commitInfo" in action:
                note: str | None = action["commitInfo"].get("userMetadata")
                return note
    return None


def remove_folder(folder: Path) -> None:
    """Take a table's folder away."""
    # out of sight in one step: half a log would stop every job that comes
    aside = folder.with_name(f"{_REMOVED}{folder.name}-{time.time_ns()}")
    folder.rename(aside)
    shutil.rmtree(aside)


def remove_begun(folder: Path) -> None:
    """Take away what a creation left that was killed or found no space: a folder without any version.

    InputProblem where data files are in it: a table is created before its first row is written, so its log was lost.
    """
    if any(folder.rglob("*.parquet")):
        raise InputProblem(
            f"{folder} holds data files and no log of them: restore it from a copy, or take it away if nobody needs "
            "its rows"
        )
    remove_folder(folder)


def finish_removals(root: Path) -> None:
    """Delete the folders that a job was deleting when it was killed."""
    for aside in root.glob(f"{_REMOVED}*"):
        shutil.rmtree(aside)
