"""Raw text to rows of `events`, along the very path that the job takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.events.build import build_events
from segmentation.events.duplicates import mark_copies
from segmentation.events.parse import identify
from segmentation.events.rule_set import TIMES, RuleSet
from segmentation.jobs.layouts import parse_layout
from segmentation.settings import CategorySettings, IngestSettings, SourceSettings
from segmentation.stores.drops import list_drop, read_drop

CATEGORIES = (
    CategorySettings(name="Application", names=("Started",), prefixes=("app.",)),
    CategorySettings(name="Document", names=("PDF Opened",), prefixes=("app.doc.",), patterns=("^Page [0-9]+$",)),
    CategorySettings(name="Others"),
)
INGEST = IngestSettings(earliest="2000-01-01", future_days=2, max_text_length=20, max_line_length=200, max_number=1e12)
BASE: dict[str, Any] = {
    "name": "test",
    "format": "csv",
    "columns": ["time", "token", "account", "name", "seconds"],
    "time": {"column": "time", "formats": ["yyyy-MM-dd HH:mm:ss"]},
    "token": "token",
    "account_id": "account",
    "event_name": "name",
    "duration_s": "seconds",
}
HEADER = "time,token,account,name,seconds\n"

Ingest = Callable[..., DataFrame]


@pytest.fixture
def ingest(spark: SparkSession, tmp_path: Path) -> Ingest:
    """`ingest({"a.csv": text, ...}, **changes to the source)` gives the events of these files."""

    def run(
        files: dict[str, str | bytes],
        known: DataFrame | None = None,
        partitions: int | None = None,
        folder: str = "drop in",
        **changes: Any,
    ) -> DataFrame:
        source = SourceSettings(**{**BASE, **changes})
        drop = tmp_path / folder
        drop.mkdir(exist_ok=True)
        for name, text in files.items():
            (drop / name).parent.mkdir(exist_ok=True)
            (drop / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        found = list_drop(drop, source)
        rows = identify(read_drop(spark, found, source), found, source)
        [marked] = mark_copies([rows], known, source.duplicates == "drop", partitions)
        categories = source.categories or CATEGORIES
        rules = RuleSet(source=source, categories=categories, ingest=INGEST, max_names=64, times=TIMES)
        parsed, widened = parse_layout(marked, rules, found[0].layout)
        return build_events(parsed, widened, categories, INGEST, "b1", "2025-06-01 00:00:00")

    return run
