"""Whether a model that was kept can answer for a basetable other than the one it was trained on."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Sequence

from pyspark.sql import DataFrame

from segmentation.errors import CannotAnswer
from segmentation.jobs.built import built_of
from segmentation.models.columns import differences, filled_columns
from segmentation.runtime import Job
from segmentation.shown import listed
from segmentation.stores.registry import LABEL, find_version, inputs_of
from segmentation.stores.runs import INDUSTRY_MODEL, Runs


def other_columns(model: str, basetable: DataFrame, filled: Collection[str], unread: Collection[str]) -> str:
    """How the basetable of one as_of differs from what `name/version` reads, in words; empty where it does not.

    `filled` are the basetable's columns by `filled_columns`: one of an earlier as_of stays in the table without
    values, so that a model would be applied and fail only when its answers are written. `unread` are features that
    the model may leave aside. Raises CannotAnswer for a model that was kept without its signature.
    """
    inputs = inputs_of(model)
    if inputs is None:
        raise CannotAnswer(f"{model} does not say which columns it reads: train anew with --force")
    return differences(basetable.schema, filled, inputs, unread).sentence()


def require_columns(
    model: str,
    basetable: DataFrame,
    as_of: dt.date,
    filled: Collection[str] | None = None,
    unread: Collection[str] | None = None,
) -> None:
    """Raises CannotAnswer naming the columns by which the basetable differs from what the model was trained on.

    As `other_columns`; without `unread` features that are new to the model are left aside.
    """
    filled = filled_columns(basetable) if filled is None else filled
    told = other_columns(model, basetable, filled, filled if unread is None else unread)
    if told:
        name = model.rpartition("/")[0].rpartition(".")[2]
        command = "industry" if name == INDUSTRY_MODEL else "segments"
        raise CannotAnswer(
            f"the basetable as of {as_of} has other columns than {model} was trained on: {told}. Build it again "
            f"(`segmentation basetable --as-of {as_of} --force`), or train again (`segmentation {command}`)"
        )


def label_asked(job: Job, as_of: dt.date) -> str | None:
    """The label in the basetable of `as_of`: the column of the accounts file, with a digest of its groups.

    None where an earlier release built it and another date after it.
    """
    built = built_of(job, as_of)
    if built is None:
        return None
    digest = hashlib.sha256(json.dumps(built.label_groups, sort_keys=True).encode()).hexdigest()[:8]
    return f"{built.label}, grouped as {digest}" if built.label_groups else built.label


def labels_in(basetable: DataFrame) -> set[str]:
    """The industries that accounts are labelled as."""
    return {row["industry"] for row in basetable.select("industry").distinct().collect()} - {None}


def require_label(
    job: Job, runs: Runs, model: str, industries: Sequence[str], labels: Collection[str], as_of: dt.date
) -> None:
    """Raises CannotAnswer when `industries`, those that the model knows, answer another label than the basetable's."""
    version = find_version(runs, model)
    trained, asked = version.tags.get(LABEL) if version else None, label_asked(job, as_of)
    foreign = foreign_names(industries, labels, trained, asked)
    if foreign:
        raise CannotAnswer(
            f"{model} answers another label than the basetable as of {as_of} has: {listed(foreign)} are none of its "
            f"labels, which are {listed(sorted(labels))}. Build it with the label of the model "
            f"(`segmentation basetable --label {(trained or 'COLUMN').partition(',')[0]} --as-of {as_of}`)"
        )


def foreign_names(
    industries: Sequence[str], labels: Collection[str], trained: str | None, asked: str | None
) -> list[str]:
    """The model's industries that are no labels of the basetable, where that is because it answers another label.

    An industry whose last labelled account went away is no label either. So where both labels are known they decide;
    where not, only a model of whose industries the basetable has none is taken to answer another one.
    """
    foreign = [name for name in industries if name not in labels]
    known_to_differ = trained is not None and asked is not None and trained != asked
    nothing_in_common = bool(labels) and len(foreign) == len(industries)
    return foreign if known_to_differ or nothing_in_common else []
