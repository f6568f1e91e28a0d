"""Rows that Python holds, as a frame or on their way into a table: the one place that decides how they get there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T


@dataclass(frozen=True)
class LocalRows:
    """Rows in memory of this process, as Arrow's columns, and the columns that they have in Spark."""

    arrow: Any
    schema: T.StructType

    def select(self, *names: str) -> LocalRows:
        """The columns of these names, in this order."""
        return LocalRows(self.arrow.select(names), T.StructType([self.schema[name] for name in names]))

    def frame(self, spark: SparkSession) -> DataFrame:
        """The rows as a frame. They lie in the plan itself.

        A list of tuples Spark would read by worker processes of Python, and again each time that the frame is used: a
        tenth of a second each, and most of one for the first. Raises ValueError for values of another type.
        """
        return spark.createDataFrame(self.arrow, self.schema)


def local_rows(rows: Sequence[Sequence[Any]], schema: T.StructType) -> LocalRows:
    """The rows, a value per column of the schema; there may be none. Times are to name their zone.

    Raises ValueError for a null where the schema has none.
    """
    values = list(zip(*rows, strict=True)) or [()] * len(schema.fields)
    for field, given in zip(schema.fields, values, strict=True):
        # `None in given` would compare, which arrays read back from a table refuse
        missing = None if field.nullable else next((at for at, one in enumerate(given, 1) if one is None), None)
        if missing is not None:
            raise ValueError(f"row {missing} of {len(rows)} has no {field.name}, which is never null")
    return LocalRows(pa.table([pa.array(given) for given in values], names=schema.names), schema)


def local_frame(spark: SparkSession, rows: Sequence[Sequence[Any]], schema: T.StructType | str) -> DataFrame:
    """`local_rows` as a frame, their columns also as DDL; raises as both do."""
    shape: Any = T.StructType.fromDDL(schema) if isinstance(schema, str) else schema
    return local_rows(rows, shape).frame(spark)
