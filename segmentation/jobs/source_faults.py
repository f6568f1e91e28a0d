"""What is wrong with a source file and shows only when Spark computes: its constants, and SQL that stops at a value."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.column_names import quoted
from segmentation.errors import InputProblem
from segmentation.events.rule_set import RuleSet
from segmentation.local_rows import local_frame
from segmentation.settings import SourceSettings
from segmentation.stores.conf import CATEGORIES, ConfError, conf_dir, source_path

#: what Spark says of a value at which SQL stopped, the line of the SQL and marks below the part of it; in traces too
_STOPPED = re.compile(r"(\[[A-Z_.]+\] [^\n]*)\n== SQL[^\n]*==\n([^\n]*)\n( *)(\^+)")
_NO_PATTERN = re.compile(r"\[INVALID_PARAMETER_VALUE\.PATTERN\][^\n]* is invalid: '([^\n]*)'\.")
#: what Java says of a pattern, and the pattern, where Spark's generated code holds it
_NO_PATTERN_OF_JAVA = re.compile(r"PatternSyntaxException: ([^\n]*)\n([^\n]*)")


def sql_of(source: SourceSettings) -> dict[str, str]:
    """The SQL of a source by key, of its rules by name."""
    time = source.time.column
    said = {"time.column": quoted(time) if source.has_time_column else time, **source.sql}
    return said | {f"rules: {rule.name}": rule.when for rule in source.rules}


def require_constants(spark: SparkSession, rules: RuleSet, path: Traversable) -> None:
    """Raises ConfError, which names file and key, for a zone, a format or a pattern that Spark does not know.

    Java knows others than Python does, so Spark is asked: one row in the plan itself, for which no job runs.
    """
    said = _constants(rules, path)
    row = local_frame(spark, [("x",)], "one string")
    if _is_computed(row, list(said.values())):
        return
    for what, constant in said.items():
        if not _is_computed(row, [constant]):
            raise ConfError(what)


def _constants(rules: RuleSet, path: Traversable) -> dict[str, Column]:
    """What Spark has to make sense of, by what to say where it does not."""
    time, categories = rules.source.time, path if rules.source.categories else conf_dir() / CATEGORIES
    moment = F.lit("2025-01-01").cast("timestamp")
    zone = f"{path}: time.zone: {time.zone!r} is no time zone; write one as Europe/Brussels or +01:00"
    said = {zone: F.to_utc_timestamp(moment, time.zone)}
    for form in time.formats:
        what = 'is no format that Spark reads times by (Spark\'s page "Datetime Patterns" has all letters)'
        said[f"{path}: time.formats: {form!r} {what}"] = F.try_to_timestamp(F.lit("x"), F.lit(form))
    for category in rules.categories:
        for pattern in category.patterns:
            what = f"categories: {category.name}: patterns: {pattern!r} is no regular expression of Java's"
            said[f"{categories}: {what}"] = F.lit("x").rlike(pattern)
    return said


def _is_computed(row: DataFrame, constants: list[Column]) -> bool:
    try:
        with without_traces():
            row.select(*constants).collect()
    except PySparkException:
        return False
    return True


@contextmanager
def without_traces() -> Iterator[None]:
    """PySpark raises an error and writes it to standard error besides, with its trace and the whole plan: not here."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.ERROR))
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def naming_the_key(name: str, source: SourceSettings) -> Iterator[None]:
    """Raises ConfError, with the file and key of the source `name`, in place of Spark's word for SQL that stopped."""
    try:
        with without_traces():
            yield
    except InputProblem:
        raise
    except Exception as problem:
        if fault := stopped_sql(str(problem), source):
            raise ConfError(f"{source_path(name)}: {fault}") from None
        raise


def stopped_sql(said: str, source: SourceSettings) -> str | None:
    """The key of the source whose SQL stopped at a value, and what Spark said of it; None where it was none of them."""
    if found := _STOPPED.search(said):
        what, line, before, marks = found.groups()
        part = line[len(before) : len(before) + len(marks)]
    elif found := _NO_PATTERN.search(said):
        what, part = found[0], f"'{found[1]}'"
    elif found := _NO_PATTERN_OF_JAVA.search(said):
        what, part = found[1], f"'{found[2]}'"
    else:
        return None
    # in the SQL backslashes are doubled
    of_key = ((key, sql) for key, sql in sql_of(source).items() if part in sql or part in sql.replace("\\\\", "\\"))
    return next((f"{key}: {sql}: {what}" for key, sql in of_key), None)
