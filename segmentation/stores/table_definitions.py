"""What a Delta table is told when it is created: columns, constraints, partitions and how long versions are kept."""

from __future__ import annotations

from pyspark.sql import types as T

from segmentation.stores.catalogs import MARK
from segmentation.table import Table

#: a published version stays readable until `segmentation forget` purges what is older
_KEPT_FOR = "interval 3650 days"


def create_table(table: Table, sql_name: str, columns: T.StructType) -> str:
    """The SQL that creates the table empty with these columns, never-null ones and constraints as its schema says."""
    never_null = {field.name for field in table.columns if not field.nullable}
    parts = (
        f"`{field.name}` {field.dataType.simpleString()}{' NOT NULL' if field.name in never_null else ''}"
        for field in columns
    )
    said = ", ".join("'{}' = '{}'".format(key, value.replace("'", "\\'")) for key, value in _properties(table).items())
    split = f" PARTITIONED BY ({', '.join(table.partition_by)})" if table.partition_by else ""
    return f"CREATE TABLE {sql_name} ({', '.join(parts)}) USING delta{split} TBLPROPERTIES ({said})"


def _properties(table: Table) -> dict[str, str]:
    keys = [name for name in table.unique_by if name not in table.partition_by]
    # account ids in statistics would outlive the rows they came from, and wide tables are read whole anyway
    indexed = table.indexed or tuple(name for name in keys[:2] if not name.startswith(("account", "token")))
    properties = {
        MARK: table.name,
        "delta.dataSkippingStatsColumns": ",".join(indexed),
        "delta.logRetentionDuration": _KEPT_FOR,
        "delta.deletedFileRetentionDuration": _KEPT_FOR,
        **{f"delta.constraints.{name}": condition for name, condition in table.constraints.items()},
    }
    if not indexed:
        properties |= {"delta.dataSkippingNumIndexedCols": "0"}
        del properties["delta.dataSkippingStatsColumns"]
    if table.free_names:
        properties["delta.columnMapping.mode"] = "name"  # without it Delta refuses blanks and brackets in names
    return properties
