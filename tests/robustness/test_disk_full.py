"""A real disk that is full: a bounded failure, the old state readable, and a rerun that completes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.failures import Exit
from segmentation.jobs.command import main
from tests.robustness.conftest import command, contents, require_whole


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 64 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a tmpfs")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves so many bytes."""
    filler = disk / "filler"
    with filler.open("wb") as out:
        for _ in range((shutil.disk_usage(disk).free - leave) // 4096):
            out.write(b"\0" * 4096)
    return filler


@pytest.mark.long
@pytest.mark.parametrize("left", [20_000, 300_000])
def test_a_full_disk_is_one_line_and_a_rerun_completes(
    spark: SparkSession, small_disk: Path, raw: Path, unharmed: dict[str, dict[str, str]],
    capsys: pytest.CaptureFixture[str], left: int,
) -> None:  # fmt: skip
    data_dir = small_disk / "data"
    assert main(command("ingest", data_dir, raw)) == Exit.OK
    filler = fill(small_disk, left)
    capsys.readouterr()
    assert main(command("basetable", data_dir, raw)) == Exit.ENVIRONMENT
    said = capsys.readouterr().err
    assert f"no space left on the disk of {data_dir}" in said
    assert "Traceback" not in said
    assert require_whole(spark, data_dir) == 6000
    filler.unlink()
    assert main(command("basetable", data_dir, raw)) == Exit.OK
    assert contents(spark, data_dir) == unharmed["basetable"]
