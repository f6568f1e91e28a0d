"""Rules tried on frames without a row, before anything is planned: what Spark cannot make of a file stops no others.

Spark says so while it looks at columns and types, so a trial runs no job; there is one per layout.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.errors import first_line
from segmentation.events.duplicates import mark_copies
from segmentation.events.parse import identify
from segmentation.events.rule_set import RuleSet
from segmentation.events.times import DURATION_UNIT, IN_UTC, given_time, unfit_time, written_time
from segmentation.jobs.batches import build_rows
from segmentation.jobs.layouts import by_layout, parse_layout
from segmentation.jobs.source_faults import require_constants, sql_of, without_traces
from segmentation.local_rows import local_frame
from segmentation.runtime import Job
from segmentation.settings import RuleSettings
from segmentation.stores.conf import ConfError, source_path
from segmentation.stores.inspection import RawFile

#: Arrow's units of a duration, but for the second itself
_IN_A_SECOND = {"ms": "1e3", "us": "1e6", "ns": "1e9"}


def try_out(job: Job, files: Sequence[RawFile], rules: RuleSet) -> tuple[list[RawFile], list[RawFile]]:
    """(files that the rules can be applied to; those to which they cannot, each with its `refusal`).

    Raises ConfError, which names the source's key, where that is no matter of the files.
    """
    good, refused = [], []
    if files:
        require_constants(job.spark, rules, source_path(job.args.source))
    for same in by_layout(files):
        fault = find_fault(job, rules, same[0].layout)
        if fault is None:
            good += same
        else:
            refused += [replace(file, rows=0, refusal=f"unfit_types: {fault}") for file in same]
    return good, refused


def find_fault(job: Job, rules: RuleSet, layout: str | None) -> str | None:
    """The source's key of which Spark can make nothing in rows of a layout, and what it says; None when all is well.

    Raises ConfError where no file is to blame: SQL that is none, or anything about text, which has no types of its own.
    """
    problem = _problem(partial(_build, job, rules, layout))
    # of a column `inspect` has looked at the type
    unfit = None if rules.source.has_time_column else _unfit_time(job, rules, layout)
    unfit = unfit or _unfit_values(job, rules, layout)
    fault = unfit or (problem and f"{_key_at_fault(job, rules, layout)}{first_line(problem)}")
    if not fault:
        return None
    if rules.source.format != "parquet" or isinstance(problem, ParseException):
        raise ConfError(f"{source_path(job.args.source)}: {fault}")
    return fault


def _unfit_time(job: Job, rules: RuleSet, layout: str | None) -> str | None:
    """What is wrong with a time that is SQL, unless it is SQL that Spark makes nothing of."""
    parsed, source = parse_layout(_no_rows(job, rules, layout), rules, layout)
    time, is_text = source.time, source.format != "parquet"
    if _problem(partial(_select, parsed, time.column)):
        return None
    given = given_time(time, parsed)
    kind = given.dataType.simpleString()
    unfit = unfit_time(kind, time)
    if unfit is None and is_text and kind.startswith(("timestamp", "date")):
        unfit = f"{time.column} is {kind}: give the text alone, time.formats and time.zone say what it means"
    if unfit is None and not is_text and time.epoch == "nanos" and time.zone != "UTC" and IN_UTC not in given.metadata:
        unfit = f"{time.column}: SQL does not tell whether nanoseconds count in UTC: give time.zone: UTC, or a column"
    return f"time.column: {unfit}" if unfit else None


def _unfit_values(job: Job, rules: RuleSet, layout: str | None) -> str | None:
    """What Spark would take for something else: a duration of any unit for seconds, a number for yes or no.

    And a number with a fraction for an id: pandas makes such a column of whole numbers as soon as one is missing.
    """
    parsed, source = parse_layout(_no_rows(job, rules, layout), rules, layout)

    def made(sql: str | None) -> T.StructField | None:
        known = sql is not None and _problem(partial(_select, parsed, sql)) is None
        return _select(parsed, str(sql)).schema.fields[-1] if known else None

    flag, wanted = made(source.error_when), (T.BooleanType, T.StringType, T.NullType)
    if flag and not isinstance(flag.dataType, wanted):
        kind = flag.dataType.simpleString()
        return f"error_when: {source.error_when} is {kind}, neither true nor false: write a condition, such as x <> 0"
    for key, sql in (("token", source.token), ("account_id", source.account_id), ("event_id", source.event_id)):
        given = made(sql)
        if given and isinstance(given.dataType, (T.FloatType, T.DoubleType)):
            kind = given.dataType.simpleString()
            return f"{key}: {sql} is {kind}, by which 1001 becomes 1001.0: write try_cast({sql} AS BIGINT)"
    for key, sql in (("duration_s", source.duration_s), ("value", source.value)):
        number = made(sql) if source.format == "parquet" else None
        unit = number.metadata.get(DURATION_UNIT) if number else None
        if unit in _IN_A_SECOND:
            return f"{key}: {sql} is a duration in {unit}: write {sql} / {_IN_A_SECOND[unit]} for seconds"
    return None


def _problem(make: Callable[[], DataFrame]) -> AnalysisException | None:
    """What Spark has against a frame; Spark Connect says it when it is asked for the columns."""
    try:
        with without_traces():
            assert make().columns
    except AnalysisException as problem:
        return problem
    return None


def _key_at_fault(job: Job, rules: RuleSet, layout: str | None) -> str:
    """The first key by which alone Spark fails, with its value and a colon; nothing where there is no such key."""
    parsed, source = parse_layout(_no_rows(job, rules, layout), rules, layout)
    for key, sql in sql_of(source).items():
        if not key.startswith("rules") and _problem(partial(_select, parsed, sql)):
            return f"{key}: {sql}: "
    if _problem(lambda: parsed.select(written_time(source.time, parsed))):
        return f"time: {source.time.column}: "
    if _problem(partial(_build, job, _with_rules(rules, ()), layout)):
        return ""
    for rule in rules.source.rules:
        if _problem(partial(_build, job, _with_rules(rules, (rule,)), layout)):
            return f"rules: {rule.name}: {rule.when}: "
    return ""


def _select(parsed: DataFrame, sql: str) -> DataFrame:
    # beside the columns, as they are in the end: alone an aggregate would do
    return parsed.select("*", F.expr(sql))


def _with_rules(rules: RuleSet, own: tuple[RuleSettings, ...]) -> RuleSet:
    return rules.model_copy(update={"source": rules.source.model_copy(update={"rules": own})})


def _build(job: Job, rules: RuleSet, layout: str | None) -> DataFrame:
    """All that becomes of the rows of a layout, without one."""
    return build_rows(job, rules, _no_rows(job, rules, layout), layout, "", job.now)


def _no_rows(job: Job, rules: RuleSet, layout: str | None) -> DataFrame:
    """What `batch_events` makes rows of events from, of no file."""
    is_parquet = rules.source.format == "parquet"
    held = T.StructType.fromJson(json.loads(layout or "")) if is_parquet else T.StructType().add("line", "string")
    raw = local_frame(job.spark, [], T.StructType([*held, T.StructField("_location", T.LongType())]))
    return mark_copies([identify(raw, [], rules.source)], None, rules.source.duplicates == "drop")[0]
