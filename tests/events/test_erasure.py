"""Which lines speak of an account: its name in any spelling, and never a longer name that holds it."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.events.erasure import redact, speaks_of

LINES = {
    "2025-01-01,t1,Müller 7,x": True,
    "Mu\u0308ller 7;": True,
    '{"account": "M\\u00fcller 7"}': True,
    "Müller 77": False,
    "AMüller 7": False,
    "7,t-1": True,
    '"a ""b"" c"': True,
    "at-1": False,
    "": False,
}


def test_a_name_is_found_in_every_spelling_and_as_a_whole(spark: SparkSession) -> None:
    names = ["Müller 7", "t-1", 'a "b" c']
    rows = spark.createDataFrame([(line,) for line in (*LINES, None)], "line string")
    nobody = F.lit(None).cast("string")
    raw = rows.select(
        "line", F.col("line").cast("binary").alias("raw"), F.lit("wrong_field_count").alias("rule"),
        nobody.alias("account_id"), nobody.alias("token"),
    )  # fmt: skip
    found = {r["line"]: r["found"] for r in raw.select("line", speaks_of(names).alias("found")).collect()}
    assert found == {**LINES, None: False}
    # where a line has columns they tell whose it is: a number that is an account's id may be anybody's amount
    other = raw.withColumns({"rule": F.lit("bad_time"), "account_id": F.lit("another")})
    assert other.where(speaks_of(names)).count() == 0
    assert other.withColumn("account_id", nobody).where(speaks_of(names)).count() == sum(LINES.values())
    redacted = {r["line"]: r["left"] for r in rows.select("line", redact(F.col("line"), names).alias("left")).collect()}
    assert redacted["Mu\u0308ller 7;"] == "erased;"
    assert redacted["Müller 77"] == "Müller 77"
