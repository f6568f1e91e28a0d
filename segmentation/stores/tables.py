"""Delta tables by name, as folders or in a catalog; shapes are checked on the way in and out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import InputProblem
from segmentation.settings import StorageSettings
from segmentation.table import Table, check


class MissingTable(InputProblem):  # it names what is missing
    """A table that a job reads is not there yet; the message names the job that makes it."""


#: which command makes a table, for the message when it is missing
_MADE_BY = {
    "events": "ingest", "ingest_ledger": "ingest", "row_balance": "ingest", "tokens": "ingest", "event_names": "ingest",
    "activity": "basetable", "token_features": "basetable", "account_features": "basetable", "accounts": "basetable",
    "basetable": "basetable", "segments": "segments", "industry_scores": "industry",
    "industry_metrics": "industry",
}  # fmt: skip


class TableStore:
    """Reads and writes the tables of one data directory or catalog."""

    def __init__(self, spark: SparkSession, storage: StorageSettings, data_dir: Path) -> None:
        self._spark = spark
        self._catalog = f"{storage.catalog}.{storage.schema_name}" if storage.catalog else None
        self._root = data_dir.absolute() / "tables"

    def location(self, table: Table) -> str:
        """Where the table is: a folder, or catalog.schema.table."""
        return f"{self._catalog}.{table.name}" if self._catalog else str(self._root / table.name)

    def _sql_name(self, table: Table) -> str:
        return self.location(table) if self._catalog else f"delta.`{self.location(table)}`"

    def exists(self, table: Table) -> bool:
        """Whether the table has been written."""
        if self._catalog:
            return self._spark.catalog.tableExists(self.location(table))
        return (self._root / table.name / "_delta_log").is_dir()

    def read(self, table: Table, version: int | None = None) -> DataFrame:
        """The table, at a version where one is given; raises MissingTable naming the command that makes it."""
        if not self.exists(table):
            raise MissingTable(
                f"there is no table {table.name} at {self.location(table)}: "
                f"run `segmentation {_MADE_BY.get(table.name, 'run')}` first"
            )
        reader = self._spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        frame = reader.table(self.location(table)) if self._catalog else reader.load(self.location(table))
        return check(frame, table)

    def version(self, table: Table) -> int:
        """The latest version of the table."""
        row = self._spark.sql(f"DESCRIBE HISTORY {self._sql_name(table)} LIMIT 1").first()
        assert row is not None  # a Delta table has at least the version that made it
        return int(row["version"])

    def versions(self, tables: Sequence[Table]) -> dict[str, int]:
        """The latest version of each of the tables, by name."""
        return {table.name: self.version(table) for table in tables}

    def append(self, frame: DataFrame, table: Table) -> None:
        """Add rows in one commit."""
        self._write(frame, table, "append", {})

    def replace(self, frame: DataFrame, table: Table, where: str | None = None, note: str | None = None) -> None:
        """Replace the whole table, or the rows for which `where` holds, in one commit that carries the note."""
        options = {"replaceWhere": where} if where and self.exists(table) else {"overwriteSchema": "true"}
        if note is not None:
            options["userMetadata"] = note
        self._write(frame, table, "overwrite", options)

    def note(self, table: Table) -> str | None:
        """The note of the latest commit, None where there is none: jobs tell by it that nothing has changed."""
        if not self.exists(table):
            return None
        row = self._spark.sql(f"DESCRIBE HISTORY {self._sql_name(table)} LIMIT 1").first()
        return None if row is None else row["userMetadata"]

    def delete(self, table: Table, where: str) -> None:
        """Delete the rows for which `where` holds, in one commit (none when there are none)."""
        self._spark.sql(f"DELETE FROM {self._sql_name(table)} WHERE {where}")

    def _write(self, frame: DataFrame, table: Table, mode: str, options: dict[str, str]) -> None:
        writer = check(frame, table).write.format("delta").mode(mode)
        if table.open_ended and "replaceWhere" in options:
            options = {**options, "mergeSchema": "true"}
        if not self.exists(table):
            # statistics for every column would cost a fifth of the writing time; wide tables are read whole
            if table.free_names:
                options["delta.columnMapping.mode"] = "name"  # without it Delta refuses blanks and brackets in names
            keys = [name for name in table.unique_by if name not in table.partition_by]
            options = {**options, "delta.dataSkippingStatsColumns": ",".join(table.indexed or keys[:2])}
        if table.partition_by:
            writer = writer.partitionBy(*table.partition_by)
        for key, value in options.items():
            writer = writer.option(key, value)
        if self._catalog:
            writer.saveAsTable(self.location(table))
        else:
            writer.save(self.location(table))
