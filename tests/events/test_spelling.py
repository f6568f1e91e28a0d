"""One spelling of each letter, by Java and by Python alike."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.events.spelling import Composer, composed, composed_by_java, composed_by_python

CASES = {
    "plain": "plain",
    "Mu\u0308ller": "Müller",
    "Müller": "Müller",
    "\u1112\u1161\u11ab": "한",
    "o\u0302\u0323": "ộ",  # marks in the wrong order
    "日本": "日本",
    "": "",
}


@pytest.mark.parametrize("compose", [composed_by_java, composed_by_python])
def test_letters_are_composed(spark: SparkSession, compose: Composer) -> None:
    rows = spark.createDataFrame([*CASES.items(), (None, None)], "text string, expected string")
    found = rows.select("expected", composed(F.col("text"), compose).alias("found")).collect()
    assert [row["found"] for row in found] == [row["expected"] for row in found]
    assert len(found) == len(CASES) + 1
