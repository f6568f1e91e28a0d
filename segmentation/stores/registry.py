"""Which registered model is champion, which was before, why, and whether it is there: aliases and tags in MLflow.

What readers see is decided by the published tables; the alias `champion` follows them and never runs ahead.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import mlflow
from mlflow.entities import FileInfo
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.types import DataType

from segmentation.errors import CannotAnswer
from segmentation.industries.gate import REFUSED
from segmentation.stores.run_values import LONGEST_PARAM
from segmentation.stores.runs import Runs

CHAMPION, CHALLENGER = "champion", "challenger"
#: tag of a registered model: the versions that were champion, in the order in which they became it
HISTORY = "champions"
#: tags of a version: what the gate decided, and the catalogue entry and grid point that it was trained with
GATE, RECIPE = "gate", "recipe"
#: tag of a version: the label that it was trained to answer
LABEL = "label"
#: tag of a version of which nothing was published: a digest of what it was trained from and held against
UNPUBLISHED = "unpublished"
#: methods without a registered model stand in the tables with their run
RUN = "runs:/"

#: how servers say that a model, a version or an alias is not there; a name or number that cannot be is the second
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")


def promote(runs: Runs, models: Iterable[str]) -> list[str]:
    """Hand the alias `champion` to these models, each `name/version` as the published tables name it.

    A version that the gate refused stays `challenger`; `runs:/...` are passed over. Going back to a version that was
    champion before takes the later ones out of the history. Returns those that are not registered here (any more).
    """
    missing = []
    for model in models:
        if model.startswith(RUN):
            continue
        found = find_version(runs, model)
        if found is None:
            missing.append(model)
        elif found.tags.get(GATE) != REFUSED:
            _crown(runs, found)
    return missing


def _crown(runs: Runs, version: ModelVersion) -> None:
    name, number, client = version.name, str(version.version), runs.client
    past = champions(runs, name)
    if past[-1:] != [number]:
        past = past[: past.index(number) + 1] if number in past else [*past, number]
        # the history first: a version with the alias is always the last of it, or is made so by the next promotion
        client.set_registered_model_tag(name, HISTORY, json.dumps(past))
    if _holder(runs, name, CHAMPION) != number:
        client.set_registered_model_alias(name, CHAMPION, number)
    if _holder(runs, name, CHALLENGER) == number:
        client.delete_registered_model_alias(name, CHALLENGER)


def register_challenger(runs: Runs, model: str, tags: Mapping[str, Any]) -> None:
    """Tags of a new version, as text, and the alias `challenger`: what it carries until it is champion, or for good."""
    name, number = model.rsplit("/", 1)
    for key, value in tags.items():
        tag_version(runs, model, key, value)
    runs.client.set_registered_model_alias(name, CHALLENGER, number)


def tag_version(runs: Runs, model: str, key: str, value: Any) -> None:
    """One tag of a version: text, cut where some servers would not take it, or whatever JSON can say."""
    name, number = model.rsplit("/", 1)
    text = value[:LONGEST_PARAM] if isinstance(value, str) else json.dumps(value, sort_keys=True)
    runs.client.set_model_version_tag(name, number, key, text)


def champion(runs: Runs, name: str) -> str | None:
    """`name/version` with the alias `champion`; None where nobody has it. `name` is with the catalog."""
    return version_of(runs, name, CHAMPION)


def champions(runs: Runs, name: str) -> list[str]:
    """The versions that were champion, the present one last; one that was before history was kept comes first."""
    try:
        tags = runs.client.get_registered_model(name).tags
    except MlflowException as error:
        _require_absence(error)
        return []
    present = _holder(runs, name, CHAMPION)
    return list(json.loads(tags[HISTORY])) if HISTORY in tags else [present] if present else []


def recipe(runs: Runs, model: str) -> dict[str, Any] | None:
    """What a version was trained with, as its tag has it; None where none says so.

    `model` is the entry of the catalogue, `params` the point of its grid; `fixed` (its other parameters) and
    `class_weight_cap` are not there of models that earlier releases trained.
    """
    found = find_version(runs, model)
    if found is None or RECIPE not in found.tags:
        return None
    kept: dict[str, Any] = json.loads(found.tags[RECIPE])
    return kept


def trained_for(runs: Runs, model: str) -> dt.date | None:
    """The as_of that a version was trained for; None where its run is not there (any more)."""
    found = find_version(runs, model)
    try:
        tags = runs.client.get_run(found.run_id).data.tags if found and found.run_id else {}
    except MlflowException as error:
        _require_absence(error)
        return None
    return dt.date.fromisoformat(tags["as_of"]) if "as_of" in tags else None


def trained_at(runs: Runs, model: str) -> dt.datetime | None:
    """When a version was registered, which ends its training, UTC; None where it is not there (any more)."""
    found = find_version(runs, model)
    return dt.datetime.fromtimestamp(found.creation_timestamp / 1000, dt.UTC) if found else None


def find_version(runs: Runs, model: str) -> ModelVersion | None:
    """The registered version, None where there is none (any more)."""
    name, _, number = model.rpartition("/")
    try:
        return runs.client.get_model_version(name, number)
    except MlflowException as error:
        _require_absence(error)
        return None


def inputs_of(model: str) -> dict[str, bool] | None:
    """Raw column that a version reads -> whether it is a text; by the signature. None where it was kept without one.

    Raises CannotAnswer when the files of the version are not there (any more).
    """
    try:
        signature = mlflow.models.get_model_info(f"models:/{model}").signature
    except (MlflowException, OSError) as error:
        require_files_gone(error, model)
        raise CannotAnswer(
            f"the files of the model {model} are not there (any more): train anew with --force, or go back with "
            "`segmentation rollback`"
        ) from error
    if signature is None or signature.inputs is None:
        return None
    return {column.name: column.type == DataType.string for column in signature.inputs.inputs}


def version_of(runs: Runs, name: str, alias: str) -> str | None:
    """`name/version` with the alias; None where nobody has it. `name` is with the catalog."""
    number = _holder(runs, name, alias)
    return None if number is None else f"{name}/{number}"


def _holder(runs: Runs, name: str, alias: str) -> str | None:
    try:
        return str(runs.client.get_model_version_by_alias(name, alias).version)
    except MlflowException as error:
        _require_absence(error)
        return None


def require_gone(error: Exception, found: Callable[[], Sequence[FileInfo]], file: str) -> None:
    """Raise the error again unless what is `found` has no such file.

    What a server of artifacts or a disk in trouble says, MLflow tells in its own words, and some of them are those of
    a file that is not there; so it is asked what there is.
    """
    try:
        names = {one.path.rpartition("/")[2] for one in found()}
    except MlflowException as problem:  # there may be no such run or version
        _require_absence(problem)
        return
    if file in names:
        raise error


def require_files_gone(error: Exception, model: str) -> None:
    """Raise the error, met with the files of `name/version`, again unless these are not there."""
    require_gone(error, lambda: mlflow.artifacts.list_artifacts(artifact_uri=f"models:/{model}"), MLMODEL_FILE_NAME)


def _require_absence(error: MlflowException) -> None:
    """Raise the error again unless it says that there is no such thing: a server in trouble knows nothing of that."""
    if error.error_code not in _ABSENT:
        raise error
