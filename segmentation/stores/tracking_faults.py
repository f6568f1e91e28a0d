"""What MLflow says of a place that cannot keep runs, as one line that names it and the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow

from segmentation.errors import EnvironmentProblem, first_line

#: characters of MLflow's own words: of a wrong server they hold the page that it sent
_LONGEST = 300
#: whose errors are told; by name, as mlflow-skinny, which the bundle for Databricks asks for, brings the first alone
_THEIRS = ("mlflow", "sqlalchemy", "alembic")
#: a server that went away while it was asked, and a full disk: known by that wherever it happens
_KNOWN = ("ConnectionPool(", "database or disk is full")
#: how MLflow says that a database's tables are another release's, and alembic of what a later one has called them
_OTHER_TABLES = re.compile(r"found version (\w+), but expected \w+|Can't locate revision identified by '(\w+)'")


@contextmanager
def kept_in(place: str) -> Iterator[None]:
    """Within it whatever is wrong with MLflow's server, database, login or driver is an EnvironmentProblem."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise EnvironmentProblem(
            f"{place} needs the Python package {error.name}: install it, or correct the setting"
        ) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in _THEIRS:
            raise
        said = first_line(error, _LONGEST)
        if any(known in said for known in _KNOWN):
            raise
        if other := _OTHER_TABLES.search(said):
            raise EnvironmentProblem(f"{place} {_of_another_release(other[1] or other[2])}") from error
        raise EnvironmentProblem(
            f"MLflow cannot use {place} ({said}): mend that, or correct storage.tracking_uri"
        ) from error


def _of_another_release(revision: str) -> str:
    """What MLflow advises, `db upgrade`, is right for an older database alone: a later one it cannot read at all."""
    steps = Path(mlflow.__file__).parent / "store" / "db_migrations" / "versions"
    if any(steps.glob(f"{revision}_*.py")):
        return (
            f"is a database that an older MLflow than the one installed here ({mlflow.__version__}) has made: keep a "
            "copy, then upgrade it by `mlflow db upgrade`"
        )
    return (
        f"is a database that a later MLflow than the one installed here ({mlflow.__version__}) has made or upgraded: "
        "install that release, or put a copy from before in its place (`mlflow db upgrade` is no help)"
    )
