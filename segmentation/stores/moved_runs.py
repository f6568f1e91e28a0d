"""The addresses of model files in a data directory's own MLflow database: whole paths, which do not move along.

A copy would read the original's models, and write its own beside them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from itertools import product
from pathlib import Path

from segmentation.errors import InputProblem

#: the folder of model files, in a data directory
FILES = "mlartifacts"
#: where MLflow keeps addresses of files, by table
_ADDRESSES = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
    ("model_versions", "source"), ("model_versions", "storage_location"),
)  # fmt: skip


def database_of(data_dir: Path) -> Path:
    """The file in which MLflow keeps a data directory's runs."""
    return data_dir.resolve() / "mlflow.db"


def moved_from(root: Path) -> list[str]:
    """Where experiments of a data directory's own database keep files, of those that are another one's folder.

    Of all its experiments, as its models may be those of another than the settings name; but where only deleted ones
    name a folder, and not all its models have come along, they stay where they are. Raises sqlite3.Error where the
    database cannot be read.
    """
    asked = "SELECT artifact_location, max(lifecycle_stage <> 'deleted') FROM experiments GROUP BY 1 ORDER BY 1"
    with closing(sqlite3.connect(f"{database_of(root).as_uri()}?mode=ro", uri=True)) as connection:
        known = connection.execute(asked).fetchall()
    ours = (root / FILES).as_uri()
    others = [(at, used) for at, used in known if at and at.startswith("file:") and at.endswith(f"/{FILES}")]
    return [at for at, used in others if at != ours and (used or not _models(database_of(root), at)[1])]


def follow(database: Path, folders: Sequence[str]) -> None:
    """Have the database name the files beside it for those below the folders, in one transaction.

    InputProblem, and nothing changed, where not all models have come along.
    """
    for old in folders:
        require_models(database, old)
    new = (database.parent / FILES).as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        for old, (table, column) in product(folders, _ADDRESSES):
            connection.execute(
                f"UPDATE {table} SET {column} = :new || substr({column}, length(:old) + 1) "
                f"WHERE {column} = :old OR substr({column}, 1, length(:old) + 1) = :old || '/'",
                {"old": old, "new": new},
            )


def require_models(database: Path, old: str) -> None:
    """Raise InputProblem where a registered model that was below `old` has no files beside the database."""
    known, lost = _models(database, old)
    if lost:
        raise InputProblem(
            f"{database} was moved or copied without the files of {len(lost)} of its {len(known)} models: copy what "
            f"is in {old} to {database.parent / FILES}, or move the data directory back"
        )


def _models(database: Path, old: str) -> tuple[list[str], list[str]]:
    """The registered models below a folder, by their place in it, and those without files beside the database."""
    folder, below = database.parent / FILES, f"{old}/"
    # a version that was deleted stays as a row
    asked = (
        "SELECT coalesce(storage_location, source) FROM model_versions WHERE current_stage IS NOT 'Deleted_Internal'"
    )
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        known = connection.execute(asked).fetchall()
    models = [address.removeprefix(below) for (address,) in known if address and address.startswith(below)]
    return models, [model for model in models if not (folder / model).is_dir()]
