"""One Delta table, as a folder or in a catalog: made with its constraints, written, taken back to a version."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.errors import InputProblem
from segmentation.local_rows import LocalRows
from segmentation.stores.capabilities import setting
from segmentation.stores.catalogs import history, is_in_catalog, is_ours, require_ours, require_schema, stored_at
from segmentation.stores.host import spark_path
from segmentation.stores.made_by import damaged
from segmentation.stores.small_tables import counted_rows, is_written, small_frame, stored_columns, stored_values
from segmentation.stores.table_definitions import create_table
from segmentation.stores.table_folders import latest_version, notes_after, remove_begun, remove_folder
from segmentation.table import Table


class DeltaTable:
    """One table at its place. Versions are Delta's own; -1 stands for a table that is not there."""

    def __init__(self, spark: SparkSession, table: Table, catalog: str | None, root: Path) -> None:
        self._spark = spark
        self._table = table
        self._catalog = catalog
        self._folder = root / table.name

    @property
    def location(self) -> str:
        """A folder, or catalog.schema.table."""
        return f"{self._catalog}.{self._table.name}" if self._catalog else str(self._folder)

    @property
    def sql_name(self) -> str:
        """The table's name in an SQL text."""
        return self.location if self._catalog else f"delta.`{spark_path(self._folder)}`"

    def version(self) -> int:
        """The latest version; on a local disk taken from the names in its log, which costs no Spark job."""
        if self._catalog:
            there = is_in_catalog(self._spark, self.location)
            return int(self._history(1)[0]["version"]) if there else -1
        return latest_version(self._folder)

    def notes(self, after: int) -> list[str | None]:
        """The notes of the commits after a version, oldest first; a folder's log is read without a Spark job."""
        if self._catalog:
            rows = self._history(1)
            while rows[-1]["version"] > after + 1:  # also when another commit comes between two looks
                rows = self._history(rows[0]["version"] - after)
            return [row["userMetadata"] for row in reversed(rows) if row["version"] > after]
        return notes_after(self._folder, after)

    def _history(self, commits: int) -> list[Row]:
        """The latest commits in a catalog, the last one first."""
        return history(self._spark, self.location, commits)

    def read(self, version: int) -> DataFrame:
        """The table as of a version; one of few rows lies in the plan itself."""
        if self._catalog:
            if (stored := stored_at(self._spark, self.location, version)) is None:
                raise self._lacks(version)
            return stored
        # what is parted by months is never small: its list of files need not be looked through to tell
        if "event_month" not in self._table.partition_by:
            small = small_frame(self._spark, self._folder, version)
            if small is not None:
                return small
        if self.version() < version:  # of a log that is not there Delta does not say which
            raise self._lacks(version)
        return self._spark.read.format("delta").option("versionAsOf", version).load(spark_path(self._folder))

    def _lacks(self, version: int) -> InputProblem:
        """The problem of a table that is gone, or whose log ends before a version which was published."""
        return InputProblem(
            damaged(self._table.name, f"{self.location} does not hold version {version}, which was published")
        )

    def count(self, version: int) -> int:
        """How many rows the table has as of a version, whatever its columns are."""
        said = None if self._catalog else counted_rows(self._folder, version)
        return self.read(version).count() if said is None else said

    def columns(self, version: int) -> T.StructType:
        """The columns of the table as of a version."""
        said = None if self._catalog else stored_columns(self._folder, version)
        return self.read(version).schema if said is None else said

    def dates(self, version: int) -> list[dt.date]:
        """The as_of of its rows as of a version, each once, in order; the table is parted by it."""
        said = None if self._catalog else stored_values(self._folder, version, "as_of")
        if said is None:
            return sorted(row["as_of"] for row in self.read(version).select("as_of").distinct().collect())
        return [dt.date.fromisoformat(date) for date in said]

    def is_ours(self) -> bool:
        """Whether this project has made the table, which is there; what lies in the data directory is."""
        return self._catalog is None or is_ours(self._spark, self.location)

    def is_made(self) -> bool:
        """Whether there is such a table, and this project has made it."""
        return is_in_catalog(self._spark, self.location) and self.is_ours() if self._catalog else self.version() >= 0

    def take_back(self, published: int | None, *, anew: bool) -> None:
        """Make the table what it was when it was published, by a commit of its own; None for never.

        InputProblem where it lacks what was published, unless it is about to be written `anew`, as a whole: whoever
        added rows or replaced some would seem to have kept the others.
        """
        latest = self.version()
        if published is None:
            if latest >= 0:
                self._remove()
        elif latest > published:
            self._spark.sql(f"RESTORE TABLE {self.sql_name} TO VERSION AS OF {published}").collect()
        elif latest < published and not anew:
            raise self._lacks(published)

    def _remove(self) -> None:
        """Take away a table that nobody was ever shown; in a catalog it must be this project's."""
        if self._catalog:
            require_ours(self._spark, self.location)
            self._spark.sql(f"DROP TABLE {self.location}")
        else:
            remove_folder(self._folder)

    def create(self, columns: T.StructType) -> None:
        """An empty table with these columns, never-null ones and constraints as its schema says."""
        if self._catalog:
            require_schema(self._spark, self._catalog)
        elif self._folder.exists():
            remove_begun(self._folder)
        self._spark.sql(create_table(self._table, self.sql_name, columns))

    def admit_nulls(self) -> None:
        """Let be null what only an earlier release, which made the table, did not let be."""
        stored = {field.name: field.nullable for field in self.columns(self.version())}
        for field in self._table.columns:
            if field.nullable and not stored.get(field.name, True):
                self._spark.sql(f"ALTER TABLE {self.sql_name} ALTER COLUMN `{field.name}` DROP NOT NULL")

    def exchange(self, frame: DataFrame, where: str, options: Mapping[str, str]) -> None:
        """Replace the rows for which `where` holds by others for which it need not, in one commit."""
        checked = "spark.databricks.delta.replaceWhere.constraintCheck.enabled"
        with setting(self._spark, checked, "false", "an exchange of rows"):
            self.write(frame, "overwrite", {**options, "replaceWhere": where})

    def merge(self, rows: DataFrame, overtaken: DataFrame, where: str, change: Mapping[str, str], note: str) -> None:
        """Append rows, and change the stored ones for which `where` holds and whose key is overtaken, in one commit.

        `overtaken` has one column, the key, by whose name the stored rows are found; `change` is column to SQL value.
        """
        (key,) = overtaken.columns
        both = rows.withColumn("_key", F.lit(None).cast(overtaken.schema[0].dataType)).unionByName(
            overtaken.withColumnRenamed(key, "_key"), allowMissingColumns=True
        )
        both.createOrReplaceTempView("_rows_to_merge")
        names = ", ".join(f"`{name}`" for name in rows.columns)
        values = ", ".join(f"new.`{name}`" for name in rows.columns)
        changes = ", ".join(f"`{name}` = {value}" for name, value in change.items())
        noted = "spark.databricks.delta.commitInfo.userMetadata"
        try:
            with setting(self._spark, noted, note, "a merge"):
                self._spark.sql(
                    f"MERGE INTO {self.sql_name} AS old USING _rows_to_merge AS new "
                    f"ON old.`{key}` = new._key AND {where} WHEN MATCHED THEN UPDATE SET {changes} "
                    f"WHEN NOT MATCHED AND new._key IS NULL THEN INSERT ({names}) VALUES ({values})"
                )
        finally:
            self._spark.catalog.dropTempView("_rows_to_merge")

    def upsert(self, rows: DataFrame, where: str) -> None:
        """Update the stored rows with the key of a row of `rows`, insert the others, in one commit.

        Stored rows without one go where `where`, which speaks of them as `old.name`, holds. The key is never null.
        """
        rows.createOrReplaceTempView("_rows_to_upsert")
        same = " AND ".join(f"old.`{name}` = new.`{name}`" for name in self._table.unique_by)
        try:
            self._spark.sql(
                f"MERGE INTO {self.sql_name} AS old USING _rows_to_upsert AS new ON {same} "
                "WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT * "
                f"WHEN NOT MATCHED BY SOURCE AND {where} THEN DELETE"
            )
        finally:
            self._spark.catalog.dropTempView("_rows_to_upsert")

    def write(self, frame: DataFrame | LocalRows, mode: str, options: Mapping[str, str]) -> None:
        """Append or overwrite in one commit, with the writer's options."""
        if isinstance(frame, LocalRows):
            if not self._catalog and is_written(self._folder, self.version(), frame.arrow, mode, options):
                return
            frame = frame.frame(self._spark).coalesce(1)  # else a task and a file per core
        if mode == "overwrite" and not {"replaceWhere", "overwriteSchema"} & set(options):
            # of a whole table a release, or whoever adds a measure, may have more columns than are stored
            options = {**options, "mergeSchema": "true"}
        if self._catalog and mode == "overwrite" and "overwriteSchema" not in options:
            # saveAsTable would give the catalog the whole schema again, and Spark's own wants partitions at its end
            rest = {key: value for key, value in options.items() if key != "replaceWhere"}
            where = F.expr(options["replaceWhere"]) if "replaceWhere" in options else F.lit(True)
            frame.writeTo(self.location).options(**rest).overwrite(where)
            return
        writer = frame.write.format("delta").mode(mode)
        if self._table.partition_by:
            writer = writer.partitionBy(*self._table.partition_by)
        for key, value in options.items():
            writer = writer.option(key, value)
        if self._catalog:
            writer.saveAsTable(self.location)
        else:
            writer.save(spark_path(self._folder))

    def purge(self) -> None:
        """Delete every file that the latest version does not need: earlier versions cannot be read any more."""
        guard, logging = "retentionDurationCheck.enabled", "vacuum.logging.enabled"
        # shorter than Delta's guard against deleting what a writer is about to commit; the data lock excludes those,
        # and on a catalog whoever starts the jobs.
        # Nothing is noted in the table's log, as that would be a version which nobody has published
        with contextlib.ExitStack() as off:
            for name in (guard, logging):
                off.enter_context(setting(self._spark, f"spark.databricks.delta.{name}", "false", "a purge"))
            self._spark.sql(f"VACUUM {self.sql_name} RETAIN 0 HOURS").collect()
