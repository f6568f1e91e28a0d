"""What every job shares: arguments, settings, session, progress, exit codes."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import re
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.arguments import add_common_arguments
from segmentation.errors import InputProblem
from segmentation.failures import Exit, explain, why_begin_again
from segmentation.failures.interrupts import ended_by_sigterm
from segmentation.settings import Settings
from segmentation.stores.conf import default_profile, dump_settings, load_settings
from segmentation.stores.locks import Lock, exclusive
from segmentation.stores.secrets import veiled

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from segmentation.stores.tables import TableStore


#: how often a job begins in all, when other writers come first or executors are lost
ATTEMPTS = 4
#: the longest that a killed JVM takes to give its memory back
DYING_SECONDS = 5.0


@dataclass
class Job:
    """One run of a job: its arguments, its settings, and the outside world, opened when first asked for."""

    name: str
    args: argparse.Namespace
    settings: Settings
    data_dir: Path
    #: start of the run; the one clock that stages are given
    now: dt.datetime
    started: float = field(default_factory=time.monotonic)
    #: the date that the run speaks for, once a step has settled it
    as_of: dt.date | None = None
    lock: Lock | None = None
    _spark: SparkSession | None = None
    _tables: TableStore | None = None

    @property
    def spark(self) -> SparkSession:
        """The session, started on first use and checked before it is."""
        if self._spark is None:
            from segmentation.stores.spark import get_session, jvm_process  # noqa: PLC0415  # generate needs no pyspark

            with self.stage("starting Spark"):
                self._spark = get_session(self.settings.session)
                if self.lock:
                    self.lock.write(jvm_process(self._spark))
                # event times are UTC throughout; a notebook's session may have another zone
                self._spark.conf.set("spark.sql.session.timeZone", "UTC")
        return self._spark

    @property
    def tables(self) -> TableStore:
        """The tables below the data directory or in the catalog, as published when first asked for."""
        if self._tables is None:
            from segmentation.stores.tables import TableStore  # noqa: PLC0415  # as above

            self._tables = TableStore(self.spark, self.settings.storage, self.data_dir)
        return self._tables

    def jvm_has_ended(self, problem: BaseException) -> bool:
        """Whether a session was started and its JVM is dead.

        A killed JVM closes its sockets some time before it is gone, and py4j has many words for that: whenever it is
        py4j that complains, the JVM is given the time to be gone.
        """
        if self._spark is None:
            return False
        from segmentation.stores.spark import jvm_has_ended  # noqa: PLC0415  # as above

        torn = type(problem).__module__.startswith("py4j") or isinstance(problem, ConnectionError)
        return jvm_has_ended(self._spark, DYING_SECONDS if torn else 0.0)

    def publish(self) -> None:
        """Show readers what this job has written so far, all of it at once."""
        self.tables.publish(self.name, dt.datetime.now(dt.UTC))

    def say(self, line: str) -> None:
        """A line of progress, on standard error with the seconds since the start."""
        sys.stderr.write(f"[{time.monotonic() - self.started:6.1f} s] {line}\n")
        sys.stderr.flush()

    def show(self, text: str) -> None:
        """A line of the result, on standard output."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def command(self, words: str) -> str:
        """Another command over the same tables and settings, to be given as it is."""
        args = self.args
        same = ["--data-dir", str(self.data_dir), *(["--profile", args.profile] if args.profile else [])]
        same += [part for override in args.overrides for part in ("--set", veiled(override))]
        return f"segmentation {words} {shlex.join(same)}"

    @contextmanager
    def stage(self, what: str) -> Iterator[None]:
        """Say when a stage is done and how long it took."""
        began = time.monotonic()
        yield
        self.say(f"{what} ({time.monotonic() - began:.1f} s)")


@dataclass(frozen=True)
class JobSpec:
    """A command: its name, its one-line help, its own arguments, its body."""

    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    #: returns an exit code where done is not all there is to say
    body: Callable[[Job], Exit | None]
    #: a job that only reads needs no lock
    writes: bool = True
    #: a job that keeps runs or models in MLflow needs its server, and says so before it begins
    tracks: bool = False


def fill_parser(parser: argparse.ArgumentParser, spec: JobSpec) -> None:
    """All arguments of one job."""
    spec.arguments(parser)
    add_common_arguments(parser)


def execute(spec: JobSpec, argv: Sequence[str] | None = None) -> int:
    """Parse the arguments of one job and run it; the exit code tells what happened."""
    parser = argparse.ArgumentParser(prog=f"segmentation {spec.name}", description=spec.help)
    fill_parser(parser, spec)
    return run_job(spec, parser.parse_args(argv))


def run_job(spec: JobSpec, args: argparse.Namespace) -> int:
    """Run one job with parsed arguments; never raises, prints one line for whatever the user can mend."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        settings = load_settings(args.profile or default_profile(), _overrides(args))
        _require_paths(args, settings)
    except InputProblem as problem:
        return _fail(spec, str(problem), Exit.USAGE)
    if args.show_settings:
        sys.stdout.write(dump_settings(settings))
        return Exit.OK
    job = Job(spec.name, args, settings, args.data_dir, dt.datetime.now(dt.UTC).replace(tzinfo=None))
    try:
        with ended_by_sigterm():
            return _carry_out(spec, job)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the end of the process writes to it again
        return _fail(spec, "whoever read its output has ended, so it ended as well", Exit.FAILED)
    except BaseException as problem:  # the last line of defence: whatever it is, say it and leave with a code
        line, code, with_trace = explain(problem, args.data_dir, job.jvm_has_ended(problem))
        if with_trace:
            sys.stderr.write(veiled("".join(traceback.format_exception(problem))))
        return _fail(spec, line, code)


def _carry_out(spec: JobSpec, job: Job) -> int:
    """Run the body under the lock of the data directory, where it needs one."""
    if spec.tracks:
        from segmentation.stores.runs import require_runs  # noqa: PLC0415  # whatever tracks needs MLflow; generate not

        require_runs(job.settings.storage, job.data_dir)
    if not spec.writes:
        return spec.body(job) or Exit.OK
    if job.settings.storage.catalog:  # a file keeps no two clusters apart, and a Databricks Volume can lock none
        return _insist(spec, job)
    with exclusive(job.data_dir, spec.name, job.args.wait, job.say) as lock:
        job.lock = lock
        return _insist(spec, job)


def _insist(spec: JobSpec, job: Job) -> int:
    """Run the body; when another writer came first or executors took rows with them, again from what is published."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return spec.body(job) or Exit.OK
        except Exception as problem:
            why = why_begin_again(problem)
            if attempt == ATTEMPTS or why is None:
                raise
            job.say(f"{why} ({attempt} of {ATTEMPTS - 1})")
            job.tables.refresh()
    raise AssertionError  # the loop ends by return or raise


def _require_paths(args: argparse.Namespace, settings: Settings) -> None:
    """Refuse s3a://bucket/x and the like, of which a Path makes s3a:/bucket/x: a folder named `s3a:`."""
    given = {f"--{name.replace('_', '-')}": path for name, path in vars(args).items() if isinstance(path, Path)}
    for name, path in {**given, "storage.scratch": settings.storage.scratch}.items():
        if re.match(r"[A-Za-z][\w+.-]+:(/|$)", str(path)):
            tables = ", or keep the tables in a catalog (storage.catalog, storage.tracking_uri)"
            raise InputProblem(
                f"{name} {path} is an address, not a path: mount it where driver and executors see it and give that "
                f"path{tables if name == '--data-dir' else ''}"
            )


def _overrides(args: argparse.Namespace) -> list[str]:
    as_of = getattr(args, "as_of", None)
    return [*args.overrides, *([f"basetable.as_of={as_of}"] if as_of else [])]


def _fail(spec: JobSpec, message: str, code: int) -> int:
    sys.stderr.write(f"segmentation {spec.name}: {veiled(message)}\n")
    return int(code)
