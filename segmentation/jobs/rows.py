"""Small results as rows of a table."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from segmentation.local_rows import LocalRows, local_rows
from segmentation.runtime import Job
from segmentation.shown import is_missing
from segmentation.table import Table, of_date

#: tables written at the same time: one leaves a core idle
AT_ONCE = 3


def table_rows(rows: pd.DataFrame, table: Table, **constants: Any) -> LocalRows:
    """The rows with the table's own columns, `constants` (as_of, model) filled in; NaN becomes null.

    A frame without rows is as good as any. KeyError for a column that is neither in `rows` nor among the constants.
    """
    whole = rows.assign(**constants)
    columns = [[None if is_missing(one) else one for one in whole[name]] for name in table.columns.names]
    return local_rows(list(zip(*columns, strict=True)), table.columns)


def replace_date(
    job: Job, as_of: dt.date, *written: tuple[Table, pd.DataFrame | DataFrame, str | None], **constants: Any
) -> None:
    """The rows of `as_of` in tables that do not need each other, side by side; each with its note."""

    def replace(table: Table, rows: pd.DataFrame | DataFrame, note: str | None) -> None:
        given = table_rows(rows, table, as_of=as_of, **constants) if isinstance(rows, pd.DataFrame) else rows
        job.tables.replace(given, table, where=of_date(as_of), note=note)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = [pool.submit(replace, *one) for one in written]
    for one in done:
        one.result()
