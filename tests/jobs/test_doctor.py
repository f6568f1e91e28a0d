"""`doctor` finds each thing that is missing, names its fix, and goes on to the next."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs import check_machine
from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.stores.runs import open_runs
from tests.robustness.conftest import STORAGE
from tests.stores.test_installed import fake_java

CHECKS = ("python", "packages", "java", "data dir", "scratch", "privacy", "runs")


def doctor(capsys: pytest.CaptureFixture[str], data_dir: Path, *more: str) -> tuple[int, list[str]]:
    """The exit code, and the lines of the problems."""
    code = main(["doctor", "--data-dir", str(data_dir), *more])
    said = capsys.readouterr()
    assert said.err == "" or "--quick" not in more
    lines = said.out.splitlines()
    problems = [line.removeprefix("PROBLEM  ") for line in lines if line.startswith("PROBLEM")]
    assert len(lines) >= len(CHECKS) + 1  # a problem does not end the checks
    assert lines[-1] == (f"problems: {len(problems)}" if problems else "no problem found")
    return code, problems


def test_a_sound_machine_has_no_problem(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--data-dir", str(tmp_path)]) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "no problem found"
    assert [line[9:19].strip() for line in lines[:-1]] == [*CHECKS, "spark"]
    packages = next(line for line in lines if line.startswith("ok       packages"))
    assert "pyspark 4" in packages
    assert "delta-spark 4" in packages
    assert "pytest" not in packages
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("11.0.2", "Java 11 does not run Spark 4: install a JDK 17, 21 or 25, or point JAVA_HOME at one"),
        (None, "no Java found"),
    ],
)
def test_a_wrong_or_missing_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str | None, says: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "java", said) if said else tmp_path / "nowhere"))
    code, problems = doctor(capsys, tmp_path / "data", "--quick")
    assert code == Exit.ENVIRONMENT
    assert [problem[:10].strip() for problem in problems] == ["java"]
    assert says in problems[0]


def test_no_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SEGMENTATION_JARS", str(tmp_path))
    code, problems = doctor(capsys, tmp_path / "data", "--quick")
    assert (code, len(problems)) == (Exit.ENVIRONMENT, 1)
    assert f"are not in {tmp_path}: fetch them by `python -m segmentation.stores.jars`" in problems[0]


def test_no_key_and_a_broken_database_are_two_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SEGMENTATION_ID_KEY", raising=False)
    (tmp_path / "mlflow.db").write_text("this is no database, however long one looks at it")
    code, problems = doctor(capsys, tmp_path, "--quick", "--set", "privacy.hash_ids=true")
    assert (code, [problem[:10].strip() for problem in problems]) == (Exit.ENVIRONMENT, ["privacy", "runs"])
    assert "export SEGMENTATION_ID_KEY=" in problems[0]
    assert "mlflow.db cannot be read (file is not a database): take it away or restore it" in problems[1]


def test_a_key_is_named_by_its_fingerprint_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEGMENTATION_ID_KEY", "0123456789abcdef" * 2)
    assert main(["doctor", "--data-dir", str(tmp_path), "--quick", "--set", "privacy.hash_ids=true"]) == Exit.OK
    said = capsys.readouterr().out
    assert "identifiers are hashed under key 1fb06d85" in said
    assert "0123456789abcdef" not in said


def test_a_file_in_the_place_of_the_data_directory(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").write_text("")
    code, problems = doctor(capsys, tmp_path / "data")
    assert (code, [problem[:10].strip() for problem in problems]) == (Exit.ENVIRONMENT, ["data dir", "spark"])
    assert f"{tmp_path / 'data'} cannot be written (File exists): use another --data-dir" in problems[0]


def test_versions_out_of_range_and_missing_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    may_be_missing = ["deltalake<1; extra == 'folder'", "nobody-needs-this; extra == 'folder'"]
    needed = [
        "pyspark<4; extra == 'spark'",
        *may_be_missing,
        "no-such-package>=1",
        "nobody-asks-for-this; extra == 'dev'",
    ]
    monkeypatch.setattr(check_machine, "requires", lambda name: needed)
    code, problems = doctor(capsys, tmp_path, "--quick")
    assert (code, len(problems)) == (Exit.ENVIRONMENT, 1)
    assert "no-such-package is not installed: run `make setup`" in problems[0]
    assert "pyspark 4." in problems[0]
    assert "deltalake 1." in problems[0]
    assert "nobody" not in problems[0]


def test_what_a_cluster_brings_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on Databricks: Spark's Python is nobody's package, MLflow is there by its smaller one."""
    monkeypatch.setattr(
        check_machine, "requires", lambda name: ["pyspark>=4; extra == 'spark'", "mlflow<4; extra == 'models'"]
    )

    def version(package: str) -> str:
        if package in ("pyspark", "mlflow"):
            raise PackageNotFoundError
        return {"mlflow-skinny": "3.2.0"}[package]

    monkeypatch.setattr(check_machine, "version", version)
    _, problems = doctor(capsys, tmp_path, "--quick")
    assert "pyspark is not installed, mlflow is not installed" in problems[0]
    monkeypatch.setattr(check_machine, "default_profile", lambda: "databricks")
    monkeypatch.setattr(check_machine, "_runs", lambda job: iter(["its own"]))
    assert doctor(capsys, tmp_path, "--quick", "--set", "storage.tracking_uri=databricks") == (Exit.OK, [])


@pytest.mark.parametrize(
    ("profile", "more", "whose"),
    [
        ("cluster", [], "the cluster's own"),
        ("local", ["--set", "session.remote=sc://there:15002"], "those of the Connect server at sc://there:15002"),
    ],
)
def test_java_and_scratch_of_other_machines_are_not_judged_by_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    profile: str, more: list[str], whose: str,
) -> None:  # fmt: skip
    full = tmp_path / "full"
    full.mkdir()
    space = shutil.disk_usage(tmp_path)

    def usage(folder: Path) -> object:
        return space._replace(free=0) if folder == full else space

    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(full))
    monkeypatch.setattr("segmentation.jobs.check_machine.shutil.disk_usage", usage)
    assert doctor(capsys, tmp_path, "--quick") == (
        Exit.ENVIRONMENT, [f"scratch   {full}: only 0.0 GiB are free; make room"],
    )  # fmt: skip
    monkeypatch.setattr(check_machine, "default_profile", lambda: profile)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    assert main(["doctor", "--data-dir", str(tmp_path), "--quick", *more]) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert f"ok       java      Java and jars are {whose}" in lines
    assert f"ok       scratch   the folders where Spark spills are {whose}" in lines


@pytest.mark.slow
def test_what_mlflow_cannot_use_and_where_models_are_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, problems = doctor(capsys, tmp_path / "data", "--quick", "--set", "storage.tracking_uri=mlruns")
    assert (code, len(problems)) == (Exit.ENVIRONMENT, 1)
    assert problems[0].startswith("runs      MLflow cannot use storage.tracking_uri=mlruns (The filesystem")
    open_runs(STORAGE, tmp_path / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    assert main(["doctor", "--data-dir", str(tmp_path / "copy"), "--quick"]) == Exit.OK
    old = (tmp_path / "data" / "mlartifacts").as_uri()
    told = (
        f"ok       runs      moved or copied here: it names models' files in {old} until the next training or scoring"
    )
    assert told in capsys.readouterr().out.splitlines()
