"""Mistakes in a source that show only when Spark computes are one line with file and key."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.events.rule_set import RuleSet
from segmentation.jobs.source_faults import require_constants, stopped_sql
from segmentation.settings import IngestSettings, SourceSettings
from segmentation.stores.conf import ConfError, load_categories
from tests.robustness.logs import SOURCE


def rules(**changes: Any) -> RuleSet:
    limits = {"max_text_length": 20, "max_line_length": 200, "max_number": 1e12}
    ingest = IngestSettings(earliest=dt.date(2000, 1, 1), future_days=2, **limits)
    source = SourceSettings(**{"name": "app", **SOURCE, **changes})
    return RuleSet(source=source, categories=load_categories(source), ingest=ingest, max_names=5)


def time(*formats: str, zone: str = "UTC") -> dict[str, Any]:
    return {"time": {"column": "time", "formats": formats, "zone": zone}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (time("yyyy", zone="+99:00"), "app.yml: time.zone: '+99:00' is no time zone"),
        (time("yyyy", "HH:mm:sssss"), "app.yml: time.formats: 'HH:mm:sssss' is no format"),
        (
            {"categories": [{"name": "Others", "patterns": ["x", "(y"]}]},
            "app.yml: categories: Others: patterns: '(y'",
        ),
        ({"categories": [{"name": "Others", "patterns": [r"(?i)\p{L}*+"]}]} | time("yyyy", zone="EST"), None),
    ],
)
def test_a_zone_a_format_or_a_pattern_that_java_does_not_know(
    spark: SparkSession, changes: dict[str, Any], said: str | None
) -> None:
    if said is None:
        require_constants(spark, rules(**changes), Path("app.yml"))
    else:
        with pytest.raises(ConfError) as problem:
            require_constants(spark, rules(**changes), Path("app.yml"))
        assert str(problem.value).startswith(said)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("token RLIKE '('", "rules: odd: token RLIKE '(': Unclosed group near index 1"),
        ("1 / len(token) = 1 / 0", "rules: odd: 1 / len(token) = 1 / 0: [DIVIDE_BY_ZERO]"),
    ],
)
def test_sql_that_stops_at_a_value_is_named_by_its_key(spark: SparkSession, sql: str, said: str) -> None:
    source = rules(rules=[{"name": "odd", "disposition": "dropped", "when": sql}]).source
    with pytest.raises((PySparkException, Py4JJavaError)) as problem:
        spark.createDataFrame([("t1",)], "token string").select(F.expr(sql)).collect()
    assert (stopped_sql(str(problem.value), source) or "").startswith(said)
    assert stopped_sql("[INTERNAL_ERROR] of something else", source) is None
