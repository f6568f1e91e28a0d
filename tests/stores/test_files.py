"""Files that are there in full or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from segmentation.stores.files import whole


def test_what_killed_processes_left_goes_when_nobody_can_be_at_it_any_more(tmp_path: Path) -> None:
    old, new, other = (tmp_path / name for name in (".a[1].csv.7.part", ".a[1].csv.8.part", ".b.csv.7.part"))
    for left in (old, new, other):
        left.write_text("half a fi")
    long_ago = time.time() - 2 * 86_400
    for left in (old, other):
        os.utime(left, (long_ago, long_ago))
    with whole(tmp_path / "a[1].csv") as beside:
        beside.write_text("a file")
    assert {path.name for path in tmp_path.iterdir()} == {"a[1].csv", new.name, other.name}
    assert (tmp_path / "a[1].csv").read_text() == "a file"


def test_nothing_is_put_there_when_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("as it was")

    def write() -> None:
        with whole(tmp_path / "a.csv") as beside:
            beside.write_text("half a fi")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.csv", "as it was")]
