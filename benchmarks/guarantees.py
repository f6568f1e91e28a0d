"""What each guarantee of ingest costs: the same CSV files, with one more of them from step to step, in a warm process.

Every step but the last computes all its columns and throws them away; the difference between two steps is the price.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from segmentation.events.build import build_events, lay_out
from segmentation.events.duplicates import mark_copies
from segmentation.events.parse import identify, parse
from segmentation.jobs.batches import hash_partitions
from segmentation.schemas import EVENTS
from segmentation.stores.conf import load_categories, load_settings, load_source
from segmentation.stores.delta import DeltaTable
from segmentation.stores.drops import list_drop, read_drop

Step = tuple[str, Callable[[], None]]


def steps(spark: SparkSession, logs: Path, rows: int, out: Path) -> Iterator[Step]:
    """(what is promised from this step on, its work), the cheapest first."""
    source, settings = load_source("generated"), load_settings("local", []).ingest
    categories = load_categories(source)
    files = list_drop(logs, source)
    lines = read_drop(spark, files, source)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(" ")

    def parsed() -> DataFrame:  # each time anew: the look for copies is work as soon as it is asked for
        identified, dealt = [identify(lines, files, source)], hash_partitions(spark, rows)
        [marked] = mark_copies(identified, None, drop=True, partitions=dealt)
        return parse(marked, source, source.columns, settings.max_line_length)

    def events() -> DataFrame:
        return build_events(parsed(), source, categories, settings, "batch", now)

    yield "lines read, each with its file", lambda: _throw_away(lines)
    yield "no line lost: parsed, faults named", lambda: _throw_away(parse(lines, source, source.columns))
    yield (
        "a content hash and a place per row",
        lambda: _throw_away(parse(identify(lines, files, source), source, source.columns)),
    )
    yield "copies found, here and across files", lambda: _throw_away(parsed())
    yield "times, names, numbers, categories, keys, rules", lambda: _throw_away(events())
    yield "in order of category, token and time", lambda: _throw_away(lay_out(events()))
    yield "written to Delta, constraints checked", lambda: _write(spark, lay_out(events()), out)


def measure(spark: SparkSession, logs: Path, rows: int, out: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of every step, by round; one round more is played first and not counted, for Java to warm up."""
    seconds: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, work in steps(spark, logs, rows, out):
            began = time.perf_counter()
            work()
            if number:
                seconds.setdefault(name, []).append(time.perf_counter() - began)
    return seconds


def _throw_away(frame: DataFrame) -> None:
    frame.write.format("noop").mode("overwrite").save()


def _write(spark: SparkSession, frame: DataFrame, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    table = DeltaTable(spark, EVENTS, None, out)
    table.create(frame.schema)
    table.write(frame, "append", {})
