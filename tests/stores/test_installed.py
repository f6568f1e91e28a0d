"""What a machine lacks is said in one line before a JVM starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyspark
import pytest

from segmentation.errors import EnvironmentProblem
from segmentation.failures import Exit
from segmentation.stores import jars
from segmentation.stores.installed import check_environment, java_version
from segmentation.stores.jars import FETCHED, LISTED, delta_package, fetch_jars, find_jars, jar_folder, needed_jars


def fake_java(folder: Path, version: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return folder


@pytest.mark.parametrize(("said", "major"), [("1.8.0_402", 8), ("11.0.22", 11), ("17.0.15", 17), ("21", 21)])
def test_java_version_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, major: int) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, said)))
    assert java_version() == major


def test_missing_java_old_java_and_missing_jars_each_name_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(EnvironmentProblem, match="no Java found: install a JDK 17, 21 or 25"):
        check_environment()
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "old", "11.0.2")))
    with pytest.raises(EnvironmentProblem, match="Java 11 does not run Spark 4"):
        check_environment()
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "new", "17.0.2")))
    monkeypatch.setenv("SEGMENTATION_JARS", str(tmp_path))
    with pytest.raises(
        EnvironmentProblem, match=r"Delta's jars .* are not in .*fetch them by `python -m segmentation.stores.jars`"
    ):
        check_environment()


@pytest.mark.parametrize(
    ("rights", "content", "why"),
    [
        (0o644, "#!/bin/sh\n", "Permission denied"),
        (0o755, "\x7fELF of another machine", "Exec format error"),
        (0o755, "#!/no/such/shell\n", "No such file or directory"),
    ],
)
def test_a_java_that_cannot_be_started_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rights: int, content: str, why: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, "17")))
    java = tmp_path / "bin" / "java"
    java.write_text(content)
    java.chmod(rights)
    with pytest.raises(EnvironmentProblem) as refused:
        check_environment()
    assert str(refused.value) == (
        f"no Java found: {java} cannot be started ({why}): install a JDK 17, 21 or 25, or point JAVA_HOME at one"
    )


@pytest.mark.parametrize("folder", ["none", ""], ids=["no folder", "no Spark in it"])
def test_a_spark_home_without_spark_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path / folder))
    monkeypatch.setattr("segmentation.stores.installed.java_version", lambda: 17)
    with pytest.raises(EnvironmentProblem, match=rf"SPARK_HOME is {tmp_path / folder}, where no Spark is"):
        check_environment()


@pytest.mark.parametrize(("release", "refused"), [("3.5.6", True), (pyspark.__version__, False)])
def test_a_spark_home_of_another_release_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str, refused: bool
) -> None:
    home = tmp_path / "spark"
    for path in (home / "bin" / "spark-submit", home / "jars" / f"spark-core_2.13-{release}.jar"):
        path.parent.mkdir(parents=True)
        path.touch()
    monkeypatch.setenv("SPARK_HOME", str(home))
    monkeypatch.setenv("SEGMENTATION_JARS", str(tmp_path))
    monkeypatch.setattr("segmentation.stores.installed.java_version", lambda: 17)
    other = rf"which is Spark {release}, and PySpark here is {pyspark.__version__}: unset it"
    with pytest.raises(EnvironmentProblem, match=other if refused else "Delta's jars"):
        check_environment()


def test_the_list_of_jars_is_that_of_the_pinned_delta() -> None:
    pins = (Path(__file__).resolve().parents[2] / "constraints.txt").read_text(encoding="utf-8")
    assert f"\ndelta_spark=={LISTED}\n" in pins
    if not delta_package().endswith(f":{LISTED}") or not (jar_folder() / FETCHED).is_file():
        pytest.skip("another Delta is installed, or its jars were not fetched")
    fetched = (jar_folder() / FETCHED).read_text().splitlines()
    assert sorted(name.partition("_")[2] for name in fetched) == sorted(needed_jars())  # behind the group


def test_jars_put_there_by_hand_are_looked_at_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmentation.stores.jars.delta_package", lambda: f"io.delta:delta-spark_4.2_2.13:{LISTED}")
    monkeypatch.setenv("SEGMENTATION_JARS", str(tmp_path))
    monkeypatch.setattr("segmentation.stores.installed.java_version", lambda: 17)
    for name in needed_jars()[:-2]:
        (tmp_path / name).touch()
    lost = r"unitycatalog-client-0\.6\.0\.jar, unitycatalog-hadoop-0\.6\.0\.jar"
    with pytest.raises(EnvironmentProblem, match=rf"^Delta's jars {lost} are not in {tmp_path}: fetch them by"):
        check_environment()
    for name in needed_jars()[-2:]:
        (tmp_path / f"io.unitycatalog_{name}").touch()  # as Ivy calls it
    assert len(check_environment()) == 7


def test_of_a_delta_that_nobody_has_looked_at_its_own_jar_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segmentation.stores.jars.delta_package", lambda: "io.delta:delta-spark_4.2_2.13:99.1.0")
    (tmp_path / "delta-spark_4.2_2.13-99.1.0.jar").touch()
    assert len(find_jars(tmp_path)) == 1


def test_without_a_network_the_jars_are_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "Exception\nunresolved dependency: not found\n")
    monkeypatch.setattr("segmentation.stores.jars.subprocess.run", lambda *_, **__: failed)
    monkeypatch.setenv("SEGMENTATION_JARS", str(tmp_path))
    assert jars.main() == Exit.ENVIRONMENT
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"segmentation: could not fetch {delta_package()} from Maven Central (Exception / unresolved"
    )
    assert line.endswith(f": put {', '.join(needed_jars())} into {tmp_path} by hand")


def test_jars_that_were_fetched_and_are_gone_are_named_and_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, artifact, release = delta_package().split(":")
    names = [f"io.delta_{artifact}-{release}.jar", f"io.delta_delta-storage-{release}.jar"]

    def ivy(command: list[str], **_: Any) -> None:
        (place,) = (word.partition("=")[2] for word in command if word.startswith("spark.jars.ivy="))
        (Path(place) / "jars").mkdir(parents=True)
        for name in names:
            (Path(place) / "jars" / name).touch()

    monkeypatch.setenv("SEGMENTATION_JARS", str(tmp_path / "jars"))
    monkeypatch.setattr("segmentation.stores.installed.java_version", lambda: 17)
    monkeypatch.setattr("segmentation.stores.jars.subprocess.run", ivy)
    assert [jar.name for jar in fetch_jars(tmp_path / "jars")] == sorted(names)
    (tmp_path / "jars" / names[1]).unlink()
    with pytest.raises(
        EnvironmentProblem, match=f"Delta's jars {names[1].partition('_')[2]} are not in .*: fetch them by"
    ):
        check_environment()
    by_hand = tmp_path / "jars" / names[1].partition("_")[2]  # as Maven Central calls it
    by_hand.touch()
    assert len(check_environment()) == 2
    by_hand.unlink()
    assert [jar.name for jar in fetch_jars(tmp_path / "jars")] == sorted(names)
    assert len(check_environment()) == 2
    earlier, names[:] = list(names), [name.replace(release, "99.1.0") for name in names]
    monkeypatch.setattr("segmentation.stores.jars.version", lambda one: "99.1.0" if one == "delta-spark" else "4.2.0")
    assert [jar.name for jar in fetch_jars(tmp_path / "jars")] == sorted(names)
    assert not any((tmp_path / "jars" / name).exists() for name in earlier)  # Java would load them first


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_setup_looks_for_the_jars_every_time() -> None:
    """A stamp would stand for jars in any folder, and for those that are deleted."""
    setup = ["make", "--dry-run", "--assume-old=.venv/.done", "setup"]
    root = Path(__file__).resolve().parents[2]
    outer = {"MAKELEVEL", "MAKEFLAGS", "MFLAGS"}  # of `make test`
    alone = {name: value for name, value in os.environ.items() if name not in outer}
    said = subprocess.run(setup, cwd=root, env=alone, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [".venv/bin/python -m segmentation.stores.jars"]
