"""A log of a few lines, its source file, and the jobs run on it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from segmentation.jobs.activity_months import refresh_activity
from segmentation.jobs.command import main
from segmentation.runtime import JobSpec, execute
from segmentation.schemas import LEDGER, ROW_BALANCE
from segmentation.table import Table
from tests.robustness.conftest import store

COLUMNS = "time,token,account,name,seconds,id,version"
SOURCE: dict[str, Any] = {
    "format": "csv",
    "columns": COLUMNS.split(","),
    "time": {"column": "time", "formats": ["yyyy-MM-dd HH:mm:ss"]},
    "token": "token",
    "account_id": "account",
    "event_name": "name",
    "duration_s": "seconds",
    "categories": [{"name": "Document", "prefixes": ["pdf."]}, {"name": "Others"}],
}


def line(time: str, token: str, seconds: float = 1, event_id: str = "", version: str = "", account: str = "a1") -> str:
    return f"{time},{token},{account},pdf.open,{seconds},{event_id},{version}"


class Logs:
    """A drop, a source and a data directory of its own."""

    def __init__(self, spark: SparkSession, folder: Path, **source: Any) -> None:
        self.spark, self.drop, self.data = spark, folder / "drop", folder / "data"
        self._source = folder / "app.yml"
        self.drop.mkdir()
        self.describe(**source)

    def describe(self, **changes: Any) -> None:
        """Write the source file, which may be JSON since that is YAML."""
        self._source.write_text(json.dumps({**SOURCE, **changes}))

    def write(self, name: str, *lines: str | bytes, header: str = COLUMNS) -> Path:
        path = self.drop / name
        path.write_bytes(b"\n".join(x.encode() if isinstance(x, str) else x for x in (header, *lines)) + b"\n")
        return path

    def ingest(self, folder: Path | None = None) -> int:
        return self._run("ingest", "--input", str(folder or self.drop))

    def replay(self, *arguments: str) -> int:
        return self._run("replay", *arguments)

    def _run(self, command: str, *arguments: str) -> int:
        return main([command, "--source", str(self._source), *arguments, "--data-dir", str(self.data)])

    def refresh_activity(self) -> int:
        """What `basetable` begins with: the months of the cube that have changed."""

        def nothing_more(_: argparse.ArgumentParser) -> None: ...

        spec = JobSpec("activity", "", nothing_more, refresh_activity)
        return execute(spec, ["--data-dir", str(self.data)])

    def read(self, table: Table) -> DataFrame:
        return store(self.spark, self.data).read(table)

    def versions(self) -> dict[str, int]:
        """What readers see."""
        return {name: state.version for name, state in store(self.spark, self.data).published.items()}

    def ledger(self) -> dict[str, Any]:
        """Entries by name of the file; of several the last."""
        return {Path(row["path"]).name: row for row in self.read(LEDGER).orderBy("ingested_at").collect()}

    def balance(self) -> dict[tuple[str, str, str | None], int]:
        """Rows by name of the file, disposition and rule."""
        files = {row["file_id"]: Path(row["path"]).name for row in self.read(LEDGER).collect()}
        counted: dict[tuple[str, str, str | None], int] = {}
        for row in self.read(ROW_BALANCE).collect():
            at = (files[row["file_id"]], row["disposition"], row["rule"])
            counted[at] = counted.get(at, 0) + row["rows"]
        return counted
