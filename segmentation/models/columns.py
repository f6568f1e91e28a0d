"""Whether a basetable has the columns that a model was trained on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.column_names import quoted
from segmentation.schemas import BASETABLE
from segmentation.shown import listed


@dataclass(frozen=True)
class Differences:
    """How a basetable differs from what a model reads, each by name in order."""

    missing: tuple[str, ...]
    #: numbers where the model wants texts, or the other way round
    other_type: tuple[str, ...]
    #: features that the model has never seen
    new: tuple[str, ...]

    def sentence(self) -> str:
        """All of them in one sentence; empty where there are none."""
        parts = [
            f"{what} {listed(names)}"
            for what, names in (("it lacks", self.missing), ("of another type are", self.other_type),
                                ("the model does not know", self.new))
            if names
        ]  # fmt: skip
        return "; ".join(parts)


def filled_columns(basetable: DataFrame) -> set[str]:
    """The columns with a value in every row of one as_of.

    A basetable has no missing feature. One that is missing in its rows belongs to another as_of of the same table.
    """
    names = [name for name in basetable.columns if name not in BASETABLE.columns.names]
    absent = F.array(*(F.when(F.col(quoted(name)).isNull(), F.lit(name)) for name in names))
    found = basetable.select(F.explode(F.filter(absent, lambda name: name.isNotNull())).alias("name")).distinct()
    return set(names) - {row["name"] for row in found.collect()}


def differences(
    schema: T.StructType, filled: Collection[str], inputs: Mapping[str, bool], unread: Iterable[str]
) -> Differences:
    """Hold the columns of a basetable against `inputs` (column -> whether it is a text), those of a model.

    `filled` are those of `filled_columns`. `unread` are features that the model was never meant to read.
    """
    kinds = {field.name: isinstance(field.dataType, T.StringType) for field in schema if field.name in filled}
    return Differences(
        tuple(sorted(name for name in inputs if name not in kinds)),
        tuple(sorted(name for name, is_text in inputs.items() if kinds.get(name, is_text) != is_text)),
        tuple(sorted(kinds.keys() - inputs.keys() - set(unread))),
    )
