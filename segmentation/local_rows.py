"""Rows that Python holds, as a frame: the one place that decides how they get to Spark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T


def local_frame(spark: SparkSession, rows: Sequence[Sequence[Any]], schema: T.StructType | str) -> DataFrame:
    """The rows, a value per column of the schema; there may be none. Times are to name their zone.

    They go as Arrow and lie in the plan itself. A list of tuples Spark would read by worker processes of Python, and
    again each time that the frame is used: a tenth of a second each, and most of one for the first.
    Raises ValueError for a null where the schema has none, and for values of another type.
    """
    shape: Any = T.StructType.fromDDL(schema) if isinstance(schema, str) else schema
    values = list(zip(*rows, strict=True)) or [()] * len(shape.fields)
    for field, given in zip(shape.fields, values, strict=True):
        # `None in given` would compare, which arrays read back from a table refuse
        missing = None if field.nullable else next((at for at, one in enumerate(given, 1) if one is None), None)
        if missing is not None:
            raise ValueError(f"row {missing} of {len(rows)} has no {field.name}, which is never null")
    columns: Any = pa.table([pa.array(given) for given in values], names=shape.names)
    return spark.createDataFrame(columns, shape)
