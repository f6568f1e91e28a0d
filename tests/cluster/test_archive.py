"""The package as a zip."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from segmentation.stores.archive import write_archive
from tests.cluster.conftest import HIDE_CHECKOUT


def test_the_zip_is_the_package_with_its_settings_and_the_same_every_time(tmp_path: Path) -> None:
    one, two = write_archive(tmp_path / "a" / "one.zip"), write_archive(tmp_path / "two.zip")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        names = archive.namelist()
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}  # not the files' own
    wanted = {
        "__init__.py",
        "jobs/run_all.py",
        "stores/log4j2.properties",
        "conf/base.yml",
        "conf/sources/generated.yml",
    }
    assert {f"segmentation/{name}" for name in wanted} <= set(names)
    assert [name for name in names if "__pycache__" in name or not name.startswith("segmentation/")] == []


def test_settings_and_sources_are_read_out_of_the_zip(tmp_path: Path) -> None:
    """In a process that sees the package nowhere else."""
    archive = write_archive(tmp_path / "segmentation.zip")
    program = f"""{HIDE_CHECKOUT}
sys.path.insert(0, {str(archive)!r})
from segmentation.stores import conf
assert conf.__file__.startswith({str(archive)!r}), conf.__file__
print(conf.load_settings("cluster").session.spark["spark.task.maxFailures"], conf.load_source("generated").format)
try:
    conf.load_source("generate")
except conf.ConfError as problem:
    print(problem)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "8 csv"
    assert second.startswith("unknown source 'generate': did you mean 'generated'?")
