"""One row per account for a CRM tool: what is known, what was found, what to do with how much trust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem, did_you_mean
from segmentation.industries.filling import FILL, REVIEW
from segmentation.schemas import ACCOUNT_RFM, ACCOUNT_VALUES, BASETABLE, CHURN_SCORES, INDUSTRY_FILL, SEGMENTS
from segmentation.table import Table

#: the label beside whatever columns are asked for
_LABEL = "_label"


@dataclass(frozen=True)
class ExportColumn:
    """One column that may be exported."""

    table: Table
    #: its type, for when the table is not there
    kind: str
    #: the column, or the SQL expression, of the table
    sql: str


#: every column that may leave the house
COLUMNS: Mapping[str, ExportColumn] = {
    "account_id": ExportColumn(BASETABLE, "string", "account_id"),
    "as_of": ExportColumn(BASETABLE, "date", "as_of"),
    "segment": ExportColumn(SEGMENTS, "int", "segment"),
    "segment_name": ExportColumn(SEGMENTS, "string", "name"),
    "segment_confidence": ExportColumn(SEGMENTS, "double", "confidence"),
    "outlier": ExportColumn(SEGMENTS, "boolean", "outlier"),
    "industry_known": ExportColumn(BASETABLE, "string", "industry"),
    "industry_filled": ExportColumn(INDUSTRY_FILL, "string", f"IF(decision = '{FILL}', industry, NULL)"),
    "industry_suggested": ExportColumn(INDUSTRY_FILL, "string", f"IF(decision = '{REVIEW}', industry, NULL)"),
    "industry_probability": ExportColumn(INDUSTRY_FILL, "double", "probability"),
    "recency_days": ExportColumn(ACCOUNT_RFM, "double", "recency_days"),
    "active_days": ExportColumn(ACCOUNT_RFM, "double", "active_days"),
    "rows_year": ExportColumn(ACCOUNT_RFM, "double", "rows_year"),
    "rfm_label": ExportColumn(ACCOUNT_RFM, "string", "label"),
    "churn_probability": ExportColumn(CHURN_SCORES, "double", "probability"),
    "lifetime_value": ExportColumn(ACCOUNT_VALUES, "double", "lifetime_value"),
}


def tables_of(columns: Sequence[str]) -> tuple[Table, ...]:
    """The tables behind the columns, each once, the basetable first.

    Raises InputProblem for a column that may not be exported, naming the nearest that may, for one named twice, and
    for none at all.
    """
    for name in columns:
        if name not in COLUMNS:
            meant = did_you_mean(name, COLUMNS, listed=True)
            raise InputProblem(f"export.columns names {name}, which is no column for export{meant}")
    if len(set(columns)) < len(columns) or not columns:
        raise InputProblem("export.columns must name at least one column, and each only once")
    known = {one.table.name: one.table for one in (COLUMNS["account_id"], *(COLUMNS[name] for name in columns))}
    return tuple(known.values())


def export_rows(parts: Mapping[str, DataFrame], columns: Sequence[str]) -> DataFrame:
    """One row per account of the basetable, in order of account_id, with the columns in the order given.

    `parts`: table name -> its rows of one as_of, one per account. Columns of a table that is not among them, and of
    accounts that it does not know, are null; so are guesses where the basetable has a label, which they may predate.
    """
    rows = parts[BASETABLE.name].select("account_id", F.col("industry").alias(_LABEL), *_columns(BASETABLE, columns))
    for table in tables_of(columns)[1:]:
        if table.name in parts:
            found = parts[table.name].select("account_id", *_columns(table, columns))
            rows = rows.join(found, on="account_id", how="left")
    is_known = F.col(_LABEL).isNotNull()
    chosen = [_chosen(name, name in rows.columns, is_known) for name in columns]
    return rows.orderBy("account_id").select(*chosen)


def _columns(table: Table, columns: Sequence[str]) -> list[Column]:
    mine = {name: COLUMNS[name] for name in columns if COLUMNS[name].table is table and name != "account_id"}
    return [F.expr(one.sql).alias(name) for name, one in mine.items()]


def _chosen(name: str, is_there: bool, is_known: Column) -> Column:
    if not is_there:
        return F.lit(None).cast(COLUMNS[name].kind).alias(name)
    return F.when(~is_known, F.col(name)).alias(name) if COLUMNS[name].table is INDUSTRY_FILL else F.col(name)
