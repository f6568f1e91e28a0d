"""Small results as rows of a table."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from segmentation.local_rows import local_frame
from segmentation.table import Table


def table_rows(spark: SparkSession, rows: pd.DataFrame, table: Table, **constants: Any) -> DataFrame:
    """The rows as a frame of the table's own columns, `constants` (as_of, model) filled in; NaN becomes null.

    A frame without rows is as good as any. KeyError for a column that is neither in `rows` nor among the constants.
    """
    whole = rows.assign(**constants)
    columns = [[None if _is_missing(one) else one for one in whole[name]] for name in table.columns.names]
    return local_frame(spark, list(zip(*columns, strict=True)), table.columns)


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))
