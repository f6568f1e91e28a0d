"""Every job says in one line what its user can mend, and leaves with a code that tells the kind."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from segmentation.arguments import given_path
from segmentation.errors import EnvironmentProblem, InputProblem, LackingData
from segmentation.jobs.command import main
from segmentation.runtime import Exit, Job, JobSpec, execute
from segmentation.stores.conf import ConfError, conf_dir, load_settings, load_source


def spec(problem: BaseException | None = None) -> JobSpec:
    def body(job: Job) -> None:
        if problem:
            raise problem
        job.show(f"k_max {job.settings.segments.k_max} as of {job.settings.basetable.as_of}")

    def arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--as-of")

    return JobSpec("trial", "a trial", arguments, body)


def test_settings_reach_the_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data-dir", str(tmp_path), "--set", "segments.k_max=4", "--as-of", "2026-02-01"]
    assert execute(spec(), arguments) == Exit.OK
    assert capsys.readouterr().out == "k_max 4 as of 2026-02-01\n"


@pytest.mark.parametrize(
    ("problem", "code", "line"),
    [
        (LackingData("no row has a value"), Exit.LACKING, "segmentation trial: no row has a value\n"),
        (InputProblem("x.csv: column b is missing"), Exit.INPUT, "segmentation trial: x.csv: column b is missing\n"),
        (
            EnvironmentProblem("nobody answers at https://ops:hush@host/x or sc://host/;token=hush: start it"),
            Exit.ENVIRONMENT,
            "segmentation trial: nobody answers at https://***@host/x or sc://host/;token=***: start it\n",
        ),
        (EnvironmentProblem("no Java found"), Exit.ENVIRONMENT, "segmentation trial: no Java found\n"),
        (
            KeyboardInterrupt(),
            130,
            "segmentation trial: interrupted; what was published before is as it was; "
            "run the same command again to finish\n",
        ),
    ],
)
def test_a_problem_is_one_line_and_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: BaseException, code: int, line: str
) -> None:
    assert execute(spec(problem), ["--data-dir", str(tmp_path)]) == code
    assert capsys.readouterr().err == line


def test_sigterm_ends_a_job_as_ctrl_c_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    undone: list[str] = []

    def body(_: Job) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            undone.append("what was begun")

    ended = JobSpec("trial", "a trial", lambda _: None, body)
    assert execute(ended, ["--data-dir", str(tmp_path)]) == Exit.INTERRUPTED
    assert capsys.readouterr().err.startswith("segmentation trial: interrupted; ")
    assert undone == ["what was begun"]
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_file_in_the_place_of_the_data_directory_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    (tmp_path / "file").touch()
    assert execute(spec(), ["--data-dir", str(tmp_path / "file" / below)]) == Exit.ENVIRONMENT
    [line] = capsys.readouterr().err.splitlines()
    assert "cannot be written" in line
    assert "use another --data-dir" in line


def test_a_fault_of_ours_shows_its_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(spec(ZeroDivisionError("oh")), ["--data-dir", str(tmp_path)]) == Exit.FAILED
    assert "Traceback" in capsys.readouterr().err


def test_no_password_is_in_a_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = RuntimeError("nobody at https://ops:hush@host/x\nnor at sc://host/;token=hush")
    problem.__cause__ = ValueError("https://ops:hush@host/x")
    assert execute(spec(problem), ["--data-dir", str(tmp_path)]) == Exit.FAILED
    trace = capsys.readouterr().err
    assert "hush" not in trace
    assert trace.startswith("ValueError: https://***@host/x\n\nThe above exception was the direct cause of the ")
    assert "\nRuntimeError: nobody at https://***@host/x\nnor at sc://host/;token=***\n" in trace
    assert "Traceback (most recent call last):\n" in trace


def test_wrong_settings_end_before_anything_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(spec(), ["--data-dir", str(tmp_path), "--set", "segments.k=1"]) == Exit.USAGE
    assert "greater than or equal to 2" in capsys.readouterr().err


def test_settings_can_be_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(spec(), ["--data-dir", str(tmp_path), "--show-settings"]) == Exit.OK
    assert "k_max: 10" in capsys.readouterr().out


def test_a_second_writer_is_told_who_holds_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("segmentation ingest (process 12)")
        lock.flush()
        assert execute(spec(), ["--data-dir", str(tmp_path)]) == Exit.INPUT
    assert "is being written by segmentation ingest (process 12)" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["s3a://bucket/data", "hdfs://name/data", "abfss://box@account/data", "dbfs:/data"])
def test_an_address_is_no_data_directory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert execute(spec(), ["--data-dir", address]) == Exit.USAGE
    said = capsys.readouterr().err
    assert said.startswith(f"segmentation trial: --data-dir {Path(address)} is an address, not a path: mount it where ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--data-dir", ""],
        ["ingest", "--source", "generated", "--input", " "],
        ["basetable", "--accounts", ""],
        ["export", "--to", ""],
        ["report", "--to", ""],
        ["generate", "--output", ""],
    ],
)
def test_a_blank_path_is_not_the_working_directory(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == Exit.USAGE
    assert f"argument {words[-2]}: is empty: name a path" in capsys.readouterr().err


@pytest.mark.parametrize("date", ["", "null"])
@pytest.mark.parametrize("command", [["export", "--to", "x"], ["report"]])
def test_what_is_no_date_is_not_the_latest(command: list[str], date: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*command, "--as-of", date])
    assert ended.value.code == Exit.USAGE
    assert "argument --as-of: " in capsys.readouterr().err


def test_a_home_that_no_shell_has_expanded_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert given_path("~/logs") == tmp_path / "logs"
    assert given_path("./~") == Path("~")  # a folder that is called so
    assert load_settings("local", ["storage.scratch=~/scratch"]).storage.scratch == str(tmp_path / "scratch")
    assert load_settings("local", ["storage.scratch=/both/~see"]).storage.scratch == "/both/~see"
    (tmp_path / "own.yml").write_text((conf_dir() / "sources" / "generated.yml").read_text(encoding="utf-8"))
    assert load_source("~/own.yml").name == "own"


def test_nobodys_home_is_one_line() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"~no-such-user/logs: .*home"):
        given_path("~no-such-user/logs")
    with pytest.raises(ConfError, match=r"--source ~no-such-user/own.yml: .*home"):
        load_source("~no-such-user/own.yml")
    with pytest.raises(ConfError, match=r"storage\.scratch: ~no-such-user/scratch: .*home"):
        load_settings("local", ["storage.scratch=~no-such-user/scratch"])
