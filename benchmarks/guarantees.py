"""What each guarantee of ingest costs: the same CSV files, with one more of them from step to step, in a warm process.

Every step up to the write computes all its columns and throws them away; the difference between two steps is the price.
What ingest does before the first row is read and after the last is written stands apart, with seconds of its own.
"""

from __future__ import annotations

import datetime as dt
import shutil
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from segmentation.events.balance import audit, count_by_file, row_balance
from segmentation.events.build import build_events, lay_out
from segmentation.events.duplicates import mark_copies
from segmentation.events.parse import identify, parse
from segmentation.events.rule_set import RuleSet
from segmentation.jobs.batches import hash_partitions
from segmentation.jobs.dimensions import update_names, update_tokens
from segmentation.jobs.ingest_events import rules_of
from segmentation.jobs.plans import Plan, make_plan
from segmentation.runtime import Job
from segmentation.schemas import EVENTS
from segmentation.stores.conf import load_settings, load_source
from segmentation.stores.drops import list_drop, read_drop


class Step(NamedTuple):
    """A guarantee, and the work that gives it."""

    name: str
    work: Callable[[], object]
    #: whether its seconds hold those of the step before
    adds: bool = True


def steps(spark: SparkSession, logs: Path, data: Path) -> Iterator[Step]:
    """What is promised from each step on, in the order in which ingest does it; `data` is emptied."""
    shutil.rmtree(data, ignore_errors=True)
    job = Job("guarantees", Namespace(), load_settings("local", []), data, dt.datetime.now(dt.UTC).replace(tzinfo=None))
    source = load_source("generated")
    rules, files = rules_of(job, source), list_drop(logs, source)
    job.tables.refresh()  # the store is opened before the clock
    yield Step("before: files' bytes hashed, their rows counted", lambda: list_drop(logs, source), adds=False)
    plans: list[Plan] = []
    yield Step("before: the plan written down", lambda: plans.append(make_plan(job, files, rules)), adds=False)
    yield from _of_rows(job, plans[0], read_drop(spark, files, source))
    batch = job.tables.read(EVENTS)
    yield Step("after: rows counted, held against the files", lambda: _audit(plans[0], batch), adds=False)
    yield Step("after: tokens, event names, platforms, no two of one key", lambda: _name(job, batch, rules), adds=False)
    yield Step("after: shown to readers, all tables at once", job.publish, adds=False)


def _of_rows(job: Job, plan: Plan, lines: DataFrame) -> Iterator[Step]:
    """The steps that meet every row, the cheapest first."""
    files, rules, now = plan.files, plan.rules, plan.planned_at.isoformat(" ")
    source = rules.source

    def parsed() -> DataFrame:  # each time anew: the look for copies is work as soon as it is asked for
        identified, dealt = [identify(lines, files, source)], hash_partitions(job.spark, sum(f.rows for f in files))
        [marked] = mark_copies(identified, None, drop=True, partitions=dealt)
        return parse(marked, source, source.columns, rules.ingest.max_line_length)

    def events() -> DataFrame:
        return build_events(parsed(), source, rules.categories, rules.ingest, plan.batch_id, now)

    yield Step("lines read, each with its file", lambda: _throw_away(lines))
    yield Step("no line lost: parsed, faults named", lambda: _throw_away(parse(lines, source, source.columns)))
    yield Step(
        "a content hash and a place per row",
        lambda: _throw_away(parse(identify(lines, files, source), source, source.columns)),
    )
    yield Step("copies found, here and across files", lambda: _throw_away(parsed()))
    yield Step("times, names, numbers, categories, keys, rules", lambda: _throw_away(events()))
    yield Step("in order of category, token and time", lambda: _throw_away(lay_out(events())))
    yield Step("written to Delta, constraints checked", lambda: job.tables.append(lay_out(events()), EVENTS, plan.note))


def measure(spark: SparkSession, logs: Path, data: Path, rounds: int) -> dict[tuple[str, bool], list[float]]:
    """Seconds of every step by round, under its name and whether it adds to the one before.

    One round more is played first and not counted, for Java to warm up.
    """
    seconds: dict[tuple[str, bool], list[float]] = {}
    for number in range(rounds + 1):
        for step in steps(spark, logs, data):
            began = time.perf_counter()
            step.work()
            if number:
                seconds.setdefault((step.name, step.adds), []).append(time.perf_counter() - began)
    return seconds


def _throw_away(frame: DataFrame) -> None:
    frame.write.format("noop").mode("overwrite").save()


def _audit(plan: Plan, batch: DataFrame) -> None:
    counted = count_by_file(row.asDict() for row in row_balance(batch).collect())
    audit({file.file_id: (str(file.path), file.rows) for file in plan.files}, counted)


def _name(job: Job, batch: DataFrame, rules: RuleSet) -> None:
    """One after the other; ingest does them, and the count, at the same time."""
    update_tokens(job, batch)
    update_names(job, batch, rules)
