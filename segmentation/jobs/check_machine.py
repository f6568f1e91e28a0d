"""Is everything here that the jobs need? One line each, with the fix."""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from segmentation.errors import EnvironmentProblem
from segmentation.failures import Exit, explain
from segmentation.runtime import Job, JobSpec
from segmentation.stores.conf import default_profile
from segmentation.stores.host import remote_address, spark_path
from segmentation.stores.locks import holder, require_locks, unwritable
from segmentation.stores.moved_runs import database_of, moved_from, require_models
from segmentation.stores.secrets import key_fingerprint, read_key, veiled

#: below this a run of any size may fill the disk, in bytes
_LITTLE_SPACE = 2 * 1024**3
_EXTRAS = ("", "spark", "models")
#: all of MLflow but the database and the server, which a tracking server has
_CLIENT = {"mlflow": "mlflow-skinny"}
#: whose packages may be missing, but not of another version
_OPTIONAL = "folder"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="do not start Spark to write and read a Delta table")


def check_machine(job: Job) -> Exit:
    """Run every check; ENVIRONMENT when any found a problem."""
    checks: list[Callable[[Job], Iterator[str]]] = [_python, _packages, _java, _data_dir, _scratch, _privacy, _runs]
    if not job.args.quick:
        checks.append(_spark)
    bad = 0
    for check in checks:
        name = check.__name__.removeprefix("_").replace("_", " ")
        try:
            for line in check(job):
                job.show(f"ok       {name:<10}{veiled(line)}")
        except Exception as problem:  # whatever it is, the checks after it still have to be made
            bad += 1
            job.show(f"PROBLEM  {name:<10}{veiled(explain(problem, job.data_dir)[0])}")
    job.show(f"problems: {bad}" if bad else "no problem found")
    return Exit.ENVIRONMENT if bad else Exit.OK


def _python(job: Job) -> Iterator[str]:
    yield f"{sys.version.split()[0]} at {sys.executable}"


def _packages(job: Job) -> Iterator[str]:
    """Every package that our extras ask for, held against the versions that they allow; a cluster has its own Spark."""
    wrong: list[str] = []
    found: list[str] = []
    try:
        needed = requires("segmentation") or []
    except PackageNotFoundError:  # a zip or a bare checkout on the path says nothing of what it needs
        yield "segmentation is on the path without being installed, so nothing says which versions it needs"
        return
    extras = [one for one in (*_EXTRAS, _OPTIONAL) if one != "spark" or default_profile() == "local"]
    for text in needed:
        wanted = Requirement(text)
        asking = [extra for extra in extras if wanted.marker is None or wanted.marker.evaluate({"extra": extra})]
        if not asking:
            continue
        try:
            have = _version(wanted.name, job.settings.storage.tracking_uri)
        except PackageNotFoundError:
            if asking != [_OPTIONAL]:
                wrong.append(f"{wanted.name} is not installed")
            continue
        (found if wanted.specifier.contains(have, prereleases=True) else wrong).append(f"{wanted.name} {have}")
    if wrong:
        raise EnvironmentProblem(f"{', '.join(wrong)}: run `make setup`, or pip install with constraints.txt")
    yield ", ".join(found)


def _version(package: str, server: str | None) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return version(_CLIENT[package] if server and package in _CLIENT else package)


def _elsewhere(job: Job) -> str | None:
    """Whose the machines are on which Spark runs, where it is not this one."""
    if address := remote_address(job.settings.session):
        return f"those of the Connect server at {address}"
    return "the cluster's own" if default_profile() != "local" else None


def _java(job: Job) -> Iterator[str]:
    if theirs := _elsewhere(job):
        yield f"Java and jars are {theirs}"
        return
    # not above: where PySpark is missing the other checks still have to be made
    from segmentation.stores.installed import check_environment, java_version  # noqa: PLC0415

    jars = check_environment()
    yield f"Java {java_version()}, {len(jars)} Delta jars in {jars[0].parent}"


def _data_dir(job: Job) -> Iterator[str]:
    try:
        job.data_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=job.data_dir).close()  # rights alone do not tell of a disk mounted read-only
    except OSError as problem:
        raise unwritable(job.data_dir, problem) from None
    if job.settings.storage.catalog is None:  # where there is one no job takes a lock
        require_locks(job.data_dir)
    yield _space(job.data_dir)
    if by := holder(job.data_dir):
        yield f"being written by {by}"


def _scratch(job: Job) -> Iterator[str]:
    """Where Spark spills."""
    if theirs := _elsewhere(job):
        yield f"the folders where Spark spills are {theirs}"
        return
    said = os.environ.get("SPARK_LOCAL_DIRS") or job.settings.session.spark.get("spark.local.dir")
    # Java's own, which on Linux is /tmp whatever TMPDIR says
    usual = "/tmp" if sys.platform == "linux" else tempfile.gettempdir()
    for folder in (said or usual).split(","):
        if Path(folder).is_dir():  # Spark makes those which are not there
            yield _space(Path(folder))


def _space(folder: Path) -> str:
    free = shutil.disk_usage(folder).free
    if free < _LITTLE_SPACE:
        raise EnvironmentProblem(f"{folder.absolute()}: only {free / 1024**3:.1f} GiB are free; make room")
    return f"{folder.absolute()}, {free / 1024**3:,.0f} GiB free"


def _privacy(job: Job) -> Iterator[str]:
    key = read_key(job.settings.privacy)
    yield f"identifiers are hashed under key {key_fingerprint(key)}" if key else "identifiers are stored as they are"


def _runs(job: Job) -> Iterator[str]:
    """MLflow's server, which has to answer, or its database, where that is ours."""
    storage, database = job.settings.storage, database_of(job.data_dir)
    if not storage.tracking_uri and not database.is_file():
        yield f"{database} comes with the first training"
        return
    from segmentation.stores.runs import require_runs  # noqa: PLC0415  # as above

    if storage.tracking_uri:
        require_runs(storage, job.data_dir)
        yield storage.tracking_uri
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            (runs,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        moved = moved_from(database.parent)
    except sqlite3.Error as problem:
        raise EnvironmentProblem(f"{database} cannot be read ({problem}): take it away or restore it") from None
    require_runs(storage, job.data_dir)
    yield f"{database}, {runs} runs"
    for old in moved:
        require_models(database, old)
        yield f"moved or copied here: it names models' files in {old} until the next training or scoring"


def _spark(job: Job) -> Iterator[str]:
    """A session, and a Delta table written and read (of a catalog: its schema looked up)."""
    storage = job.settings.storage
    if storage.catalog:
        names = {row[0].strip("`") for row in job.spark.sql(f"SHOW SCHEMAS IN `{storage.catalog}`").collect()}
        there = "is there" if storage.schema_name in names else "comes with the first job"
        yield f"{job.spark.version}, {storage.catalog}.{storage.schema_name} {there}"
        return
    with tempfile.TemporaryDirectory(dir=job.data_dir) as folder:
        trial = spark_path(Path(folder).absolute() / "trial")
        job.spark.range(3).write.format("delta").save(trial)
        rows = job.spark.read.format("delta").load(trial).count()
    yield f"{job.spark.version}, wrote and read a Delta table of {rows} rows"


JOB = JobSpec(
    "doctor", "check Python, packages, Java, jars, disk, key, MLflow and Spark", _arguments, check_machine, writes=False
)
