"""Which lines speak of an account: its name in any spelling, and never a longer name that holds it."""

from __future__ import annotations

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.events.erasure import redact, speaks_of

LINES = {
    "2025-01-01,t1,Müller 7,x": True,
    "Mu\u0308ller 7;": True,
    '{"account": "M\\u00fcller 7"}': True,
    '{"account":"M\\u00FCller 7","time":"2025-': True,  # in capitals, as some writers have it
    '{"account":"R\\u0026D\\/1"}': True,
    "R&D/1;x": True,
    "R&D/11": False,
    "Müller 77": False,
    "AMüller 7": False,
    "7,t-1": True,
    '"a ""b"" c"': True,
    "at-1": False,
    "": False,
}

#: rows with columns that name account 77: whether they name 12 as well
READABLE = {
    ("nested_value", '{"account": "77", "time": {"$date": "2025-11-12T12:00:00"}, "value": 12}'): False,
    ("nested_value", '{"account": {"firm": [{"id": 12}]}, "value": 1}'): True,
    ("nested_value", '{"account": ["1\\u0032" , "12"]}'): True,
    ("duplicate_json_key", '{"account": "77", "value": 12, "name": "a", "name": "b 12"}'): False,
    ("duplicate_json_key", '{"account": " 12", "account": "77"}'): True,
    ("nul_character", '{"account": "12\\u0000", "value": 1}'): True,
    ("nul_character", "77,x\0,12"): False,
    ("nul_character", "\x0012,x"): True,
    ("bad_utf8", b"77,2025-11-12,\xff,12"): False,
    ("bad_utf8", b"12\xff,2025-11-13"): True,
    ("bad_utf8", b"112\xff,2025-11-13"): False,
    ("wrong_field_count", "77,12"): True,
    ("bad_time", "77,12"): False,
}


def test_where_columns_were_read_a_row_is_taken_by_what_was_damaged_alone(spark: SparkSession) -> None:
    rows = [(rule, raw if isinstance(raw, bytes) else raw.encode()) for rule, raw in READABLE]
    events = spark.createDataFrame(
        [(*row, "77", "t1") for row in rows], "rule string, raw binary, account_id string, token string"
    )
    found = [row["found"] for row in events.select(speaks_of(["12"]).alias("found")).collect()]
    assert dict(zip(READABLE, found, strict=True)) == READABLE


def test_a_name_is_found_in_every_spelling_and_as_a_whole(spark: SparkSession) -> None:
    names = ["Müller 7", "t-1", 'a "b" c', "R&D/1"]
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
