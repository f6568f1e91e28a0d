"""What a catalog is asked about its schemas and tables, and the lines that say what is wrong with the answer."""

from __future__ import annotations

import re

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession

from segmentation.column_names import quoted
from segmentation.errors import EnvironmentProblem, InputProblem, first_line

#: the property by which a table that this project has made is known from another one of the same name
MARK = "segmentation.table"
#: how Spark refuses to tell the commits of what is no Delta table, the second on Databricks
_NOT_DELTA = ("DELTA_ONLY_OPERATION", "DELTA_TABLE_ONLY_OPERATION", "EXPECT_TABLE_NOT_VIEW")

#: how Spark says that there is no such table, and Delta that it has no such version
_LOST = ("TABLE_OR_VIEW_NOT_FOUND", "DELTA_VERSION_NOT_FOUND")


def sql_schema(catalog: str, schema: str) -> str:
    """The schema in SQL: a part that is no plain word, such as one with a hyphen, stands between backticks."""
    return ".".join(part if re.fullmatch(r"(?a)[A-Za-z_]\w*", part) else quoted(part) for part in (catalog, schema))


def is_in_catalog(spark: SparkSession, name: str) -> bool:
    """Whether there is a table of that name, whoever's; InputProblem where the catalog cannot be asked."""
    try:
        return spark.catalog.tableExists(name)
    except PySparkException as error:
        raise InputProblem(
            f"the catalog of {name} cannot be asked ({first_line(error, 200)}): correct "
            "storage.catalog, or have Spark given that catalog"
        ) from error


def history(spark: SparkSession, name: str, commits: int) -> list[Row]:
    """The latest commits of a table, the last one first; InputProblem for what is no Delta table."""
    try:
        return spark.sql(f"DESCRIBE HISTORY {name} LIMIT {commits}").collect()
    except PySparkException as error:
        if (error.getCondition() or "").startswith(_NOT_DELTA):
            raise _strange(name) from error
        raise


def stored_at(spark: SparkSession, name: str, version: int) -> DataFrame | None:
    """A table as of a version; None where it is not there, or has no such version."""
    try:
        stored = spark.read.format("delta").option("versionAsOf", version).table(name)
        _ = stored.schema  # Connect asks for nothing before; whoever reads it asks for it in any case
    except PySparkException as error:
        if error.getCondition() in _LOST:
            return None
        raise
    return stored


def is_ours(spark: SparkSession, name: str) -> bool:
    """Whether this project has made the table."""
    return any(row["key"] == MARK for row in spark.sql(f"SHOW TBLPROPERTIES {name}").collect())


def require_ours(spark: SparkSession, name: str) -> None:
    """Raise InputProblem for a table that this project has not made."""
    if not is_ours(spark, name):
        raise _strange(name)


def _strange(name: str) -> InputProblem:
    return InputProblem(
        f"{name} is not a table of this project: name another storage.schema_name, or drop it if it is what a job of "
        "an older release left when it was killed"
    )


def require_schema(spark: SparkSession, schema: str) -> None:
    """The schema of a catalog, made when it is new; EnvironmentProblem where that is not allowed."""
    if spark.catalog.databaseExists(schema):
        return
    try:
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    except PySparkException as error:
        raise EnvironmentProblem(
            f"there is no schema {schema}, and it cannot be made ({first_line(error, 200)}): have it "
            "made, or name another by storage.catalog and storage.schema_name"
        ) from error
