"""Tasks in threads: what they know of the caller, and what they do not share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from pyspark.sql import SparkSession

from segmentation.threads import in_threads

pytestmark = pytest.mark.spark


def test_a_task_has_the_callers_properties_and_none_of_another_task(spark: SparkSession) -> None:
    context, both_have_written = spark.sparkContext, Barrier(2, timeout=60)

    def work(task: str) -> tuple[str | None, str | None]:
        context.setLocalProperty("of.the.task", task)
        both_have_written.wait()
        return context.getLocalProperty("of.the.caller"), context.getLocalProperty("of.the.task")

    context.setLocalProperty("of.the.caller", "report")
    try:
        with ThreadPoolExecutor(2) as pool:
            assert in_threads(pool, spark, work, ["a", "b"]) == [("report", "a"), ("report", "b")]
    finally:
        context.setLocalProperty("of.the.caller", None)  # type: ignore[arg-type]
