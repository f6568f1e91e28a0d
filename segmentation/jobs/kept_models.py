"""Whether a model that was kept can answer for a basetable other than the one it was trained on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from pyspark.sql import DataFrame

from segmentation.errors import InputProblem
from segmentation.models.columns import differences, filled_columns
from segmentation.stores.registry import inputs_of
from segmentation.stores.runs import INDUSTRY_MODEL


class CannotAnswer(InputProblem):  # it names what is the matter with a model
    """A kept model does not fit a basetable. Raised before anything is written, so that the tables can stay."""


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
