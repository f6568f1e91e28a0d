"""Small results as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from segmentation.local_rows import local_frame
from segmentation.table import Table

#: what Spark takes for a type of ours; pandas makes a float of a whole number as soon as one is missing
_PYTHON: dict[type[T.DataType], Callable[[Any], Any]] = {
    T.IntegerType: int,
    T.LongType: int,
    T.DoubleType: float,
    T.BooleanType: bool,
    T.ArrayType: list,
}


def table_rows(spark: SparkSession, rows: pd.DataFrame, table: Table, **constants: Any) -> DataFrame:
    """The rows as a frame of the table's own columns, `constants` (as_of, model) filled in; NaN becomes null.

    A frame without rows is as good as any. KeyError for a column that is neither in `rows` nor among the constants.
    """
    whole = rows.assign(**constants)
    columns = [[_value(one, field.dataType) for one in whole[field.name]] for field in table.columns]
    return local_frame(spark, list(zip(*columns, strict=True)), table.columns)


def _value(value: Any, kind: T.DataType) -> Any:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return _PYTHON.get(type(kind), lambda same: same)(value)
