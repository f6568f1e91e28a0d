"""The command line: every job is there, and what is given wrongly ends in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.jobs.command import MODULES, job_specs, main
from segmentation.runtime import Exit

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def expect_one_line(message: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_every_job_is_a_subcommand_and_has_an_entry_point(capsys: pytest.CaptureFixture[str]) -> None:
    path = ["generate", "ingest", "replay", "basetable", "explore", "segments", "industry", "churn", "value"]
    results = ["score", "export", "report", "rollback", "run"]
    assert [spec.name for spec in job_specs()] == [*path, *results, "forget", "status", "doctor"] == list(MODULES)
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(spec.help.split(",")[0] in " ".join(said.split()) for spec in job_specs())
    entry_points = {p.stem for p in (ROOT / "jobs").glob("*.py")}
    assert entry_points == {spec.body.__module__.rpartition(".")[2] for spec in job_specs()}
    for command, module in MODULES.items():
        assert f'main(["{command}", *sys.argv[1:]])' in (ROOT / "jobs" / f"{module}.py").read_text(encoding="utf-8")


def test_an_entry_point_without_a_package_is_one_line_as_the_command_is(tmp_path: Path) -> None:
    (tmp_path / "mlflow.py").write_text("raise ModuleNotFoundError('No module named mlflow', name='mlflow')\n")
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    script = [sys.executable, str(ROOT / "jobs" / "run_all.py"), "--show-settings"]
    done = subprocess.run(script, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (Exit.ENVIRONMENT, "")
    assert done.stderr.startswith("segmentation: the package mlflow is not installed: run `make setup`")


@pytest.mark.parametrize("command", ["ingest", "basetable", "status"])
def test_a_command_does_not_wait_for_what_only_others_need(command: str) -> None:
    asks = f"import sys; from segmentation.jobs.command import main; main(['{command}', '--show-settings'])"
    loaded = f"{asks}; print(sorted({{'mlflow', 'sklearn', 'scipy', 'matplotlib'}} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ingest", "--source", "generatd", "--input", "x"], Exit.USAGE, "did you mean 'generated'"),
        (["basetable", "--set", "features.max_name=1"], Exit.USAGE, "did you mean 'max_names_per_category'"),
        (["basetable", "--as-of", "2026-01-15"], Exit.USAGE, "use 2026-01-01"),
        (
            ["run", "--source", "generated", "--input", "x", "--set", "segments.methods=[kmean]"],
            Exit.INPUT,
            "no model called kmean for segments: did you mean 'km",
        ),
        # with such a master Spark would not start
        (
            ["run", "--source", "generatd", "--input", "x", "--set", "session.master=spark://nowhere:1"],
            Exit.USAGE,
            "did you mean 'generated'",
        ),
        (["ingest"], Exit.USAGE, "give --source and --input, or --resume alone"),
        (["export", "--to", "s3a://bucket/crm"], Exit.USAGE, "--to s3a:/bucket/crm is an address, not a path"),
        (["ingest", "--source", "x", "--input", "gs://b/x"], Exit.USAGE, "--input gs:/b/x is an address, not a path"),
        (["status", "--set", "storage.scratch=s3a://b/x"], Exit.USAGE, "storage.scratch s3a://b/x is an address"),
    ],
)
def test_wrong_input_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: Exit, message: str
) -> None:
    assert main([*arguments, "--data-dir", str(tmp_path)]) == code
    expect_one_line(message, capsys)


def test_an_input_that_is_not_there_is_one_line(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is looked for once the ledger is read, which takes Spark."""
    arguments = ["ingest", "--source", "generated", "--input", "nowhere", "--data-dir", str(tmp_path)]
    assert main(arguments) == Exit.INPUT
    expect_one_line("nowhere: no such file or folder", capsys)


def test_a_missing_package_is_one_line_and_doctor_goes_on(tmp_path: Path) -> None:
    asks = "import sys; sys.modules['pyspark'] = None; from segmentation.jobs.command import main; sys.exit(main())"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", asks, *arguments], capture_output=True, text=True, check=False)

    done = run("status")
    assert done.returncode == Exit.ENVIRONMENT
    assert done.stderr.startswith("segmentation: the package pyspark is not installed: run `make setup`")
    assert len(done.stderr.splitlines()) == 1
    done = run("doctor", "--quick", "--data-dir", str(tmp_path))
    assert done.returncode == Exit.ENVIRONMENT
    assert done.stdout.splitlines()[-1] == "problems: 1"
    assert "ok       data dir" in done.stdout


def test_a_reader_of_the_output_that_ends_is_told_in_one_line(tmp_path: Path) -> None:
    asks = "import sys; from segmentation.jobs.command import main; sys.exit(main())"
    doctor = [sys.executable, "-c", asks, "doctor", "--quick", "--data-dir", str(tmp_path)]
    with subprocess.Popen(doctor, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert said == "segmentation doctor: whoever read its output has ended, so it ended as well\n"
    assert process.returncode == Exit.FAILED


def test_generating_twice_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--set", "synthetic.rows=2000", "--set", "synthetic.accounts=20", "--set", "synthetic.processes=1"]
    arguments = ["generate", "--data-dir", str(tmp_path), *small]
    assert main(arguments) == Exit.OK
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p.name != ".lock"}
    assert main(arguments) == Exit.OK
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p.name != ".lock"} == before
    assert main([*arguments, "--set", "synthetic.seed=8"]) == Exit.INPUT
    assert "delete the folder" in capsys.readouterr().err
