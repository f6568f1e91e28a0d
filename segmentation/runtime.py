"""What every job shares: arguments, settings, session, progress, exit codes."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from segmentation.errors import EnvironmentProblem, InputProblem
from segmentation.settings import Settings
from segmentation.stores.conf import ConfError, default_profile, dump_settings, load_settings
from segmentation.stores.locks import exclusive

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from segmentation.stores.tables import TableStore


class Exit(IntEnum):
    """What a job's exit code means."""

    OK = 0
    FAILED = 1  # a fault of the program or the machine; a trace was printed
    USAGE = 2  # arguments or settings
    INPUT = 3  # files, tables or labels
    ENVIRONMENT = 4  # Java, jars, Python
    INTERRUPTED = 130


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
    _spark: SparkSession | None = None

    @property
    def spark(self) -> SparkSession:
        """The session, started on first use and checked before it is."""
        if self._spark is None:
            from segmentation.stores.spark import get_session  # noqa: PLC0415  # generate needs no pyspark

            with self.stage("starting Spark"):
                self._spark = get_session(self.settings.session)
                # event times are UTC throughout; a notebook's session may have another zone
                self._spark.conf.set("spark.sql.session.timeZone", "UTC")
        return self._spark

    @property
    def tables(self) -> TableStore:
        """The tables below the data directory or in the catalog."""
        from segmentation.stores.tables import TableStore  # noqa: PLC0415  # as above

        return TableStore(self.spark, self.settings.storage, self.data_dir)

    def say(self, line: str) -> None:
        """A line of progress, on standard error with the seconds since the start."""
        sys.stderr.write(f"[{time.monotonic() - self.started:6.1f} s] {line}\n")
        sys.stderr.flush()

    def show(self, text: str) -> None:
        """A line of the result, on standard output."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

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
    body: Callable[[Job], None]


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that every job takes."""
    parser.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR",
                        help="where tables, model runs and drops live (default: data)")  # fmt: skip
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="conf/NAME.yml over conf/base.yml (default: local, cluster under spark-submit, databricks)",
    )
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE",
                        help="one setting, such as segments.k_max=6; may be repeated")  # fmt: skip
    parser.add_argument("--show-settings", action="store_true", help="print the resolved settings and stop")


def add_as_of(parser: argparse.ArgumentParser) -> None:
    """--as-of and --force, for the jobs that speak for a date."""
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="first day of a month; nothing on or after it enters (default: the last one that the logs reach)",
    )
    parser.add_argument("--force", action="store_true", help="do it again although nothing it depends on has changed")


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
    except InputProblem as problem:
        return _fail(spec, str(problem), Exit.USAGE)
    if args.show_settings:
        sys.stdout.write(dump_settings(settings))
        return Exit.OK
    job = Job(spec.name, args, settings, args.data_dir, dt.datetime.now(dt.UTC).replace(tzinfo=None))
    try:
        with exclusive(args.data_dir, spec.name):
            spec.body(job)
    except BaseException as problem:  # the last line of defence: whatever it is, say it and leave with a code
        return _explain(spec, problem)
    return Exit.OK


def _explain(spec: JobSpec, problem: BaseException) -> int:
    if isinstance(problem, ConfError):
        return _fail(spec, str(problem), Exit.USAGE)
    if isinstance(problem, InputProblem):
        return _fail(spec, str(problem), Exit.INPUT)
    if isinstance(problem, KeyboardInterrupt):
        return _fail(spec, "interrupted; run it again to finish", Exit.INTERRUPTED)
    if isinstance(problem, EnvironmentProblem):
        return _fail(spec, str(problem), Exit.ENVIRONMENT)
    if not isinstance(problem, Exception):
        raise problem
    traceback.print_exception(problem)
    return _fail(spec, f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0]}", Exit.FAILED)


def _overrides(args: argparse.Namespace) -> list[str]:
    as_of = getattr(args, "as_of", None)
    return [*args.overrides, *([f"basetable.as_of={as_of}"] if as_of else [])]


def _fail(spec: JobSpec, message: str, code: int) -> int:
    sys.stderr.write(f"segmentation {spec.name}: {message}\n")
    return int(code)
