"""Java takes the classes that `make fast-start` kept, and does without where they are not of these jars."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from segmentation.stores.jars import CLASSES, find_jars

SESSION = """
from segmentation.stores.conf import load_settings
from segmentation.stores.spark import get_session

print(get_session(load_settings("local").session).range(3).count())
"""
ROOT = Path(__file__).parents[2]
DELTA_CLASS = "io.delta.sql.DeltaSparkSessionExtension"
TAKEN = "shared objects file (top)"


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Delta's jars, and the archive of a session that did hardly anything."""
    folder = tmp_path_factory.mktemp("jars")
    for jar in find_jars():
        shutil.copy(jar, folder)
    kept = folder / "kept"  # under another name, as each Java writes one, the first of them to tell its version
    run(folder, f"-XX:ArchiveClassesAtExit='{kept}' -Xlog:cds=off -Xlog:cds+dynamic=off")
    kept.rename(folder / CLASSES)
    return folder


def run(folder: Path, options: str) -> str:
    """What a session in a process of its own says on standard error, until its Java has ended as well."""
    env = {**os.environ, "SEGMENTATION_JARS": str(folder), "JAVA_TOOL_OPTIONS": options}
    for name in ("SPARK_HOME", "SPARK_CONF_DIR", "SPARK_DIST_CLASSPATH", "SPARK_REMOTE"):
        env.pop(name, None)
    done = subprocess.run([sys.executable, "-c", SESSION], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "3"
    return "\n".join(line for line in done.stderr.splitlines() if "JAVA_TOOL_OPTIONS" not in line)


def loaded(folder: Path, logs: Path) -> tuple[str, str]:
    """(what a session says; which classes its Java has loaded, and from where)."""
    said = run(folder, f"-Xlog:class+load:file={logs}/%p.log")
    return said, "\n".join(log.read_text(encoding="utf-8") for log in logs.glob("*.log*"))


def test_make_keeps_them_where_sessions_look() -> None:
    assert f'mv "$(JARS)/trial/{CLASSES}" "$(JARS)/{CLASSES}"' in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.spark
@pytest.mark.long
def test_classes_are_taken_from_the_archive_as_long_as_it_is_of_these_jars(jars: Path, tmp_path: Path) -> None:
    taken, anew = tmp_path / "taken", tmp_path / "anew"
    taken.mkdir()
    anew.mkdir()
    usual, classes = loaded(jars, taken)
    assert f"{DELTA_CLASS} source: {TAKEN}" in classes
    os.utime(max(jars.glob("*delta-spark*.jar")), (0, 0))  # as of another release
    said, classes = loaded(jars, anew)
    assert "java.lang.Object source: shared objects file" in classes  # Java's own archive is still in use
    assert f"{DELTA_CLASS} source: file:" in classes
    assert said == usual


@pytest.mark.spark
@pytest.mark.long
def test_what_is_no_archive_is_not_told_of_either(jars: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder"  # a blank splits Java's options where they are not quoted
    shutil.copytree(jars, folder, ignore=shutil.ignore_patterns(CLASSES))
    usual = run(folder, "")
    for other in (b"", b"none at all"):
        (folder / CLASSES).write_bytes(other)
        assert run(folder, "") == usual
