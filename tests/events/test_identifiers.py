"""Identifiers under a key: the same hash in Spark and in Python, and the key itself nowhere to be read."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.events.identifiers import (
    ACCOUNT,
    TOKEN,
    hash_identifiers,
    hash_row_hash,
    key_frame,
    keyed_id,
    open_sealed,
    seal,
)

KEY = b"a key of the tests, 32 and longer"
TEXTS = ["t1", "M\u00fcller & S\u00f6hne", "\u65e5\u672c \U0001f600", "", " ", "x" * 200, "token:t1", None]


@pytest.fixture(scope="module")
def keys(spark: SparkSession) -> DataFrame:
    return key_frame(spark, KEY)


def expected(key: bytes, message: str) -> str:
    return hmac.new(key, message.encode("utf-8"), "sha256").hexdigest()[:32]


def test_the_hash_is_an_hmac_of_kind_and_text() -> None:
    assert keyed_id(KEY, TOKEN, "t1") == expected(KEY, "token:t1") == "f72f077b1631b81058f02fc4b764a1b0"
    assert keyed_id(KEY, ACCOUNT, "t1") == expected(KEY, "account:t1") != keyed_id(KEY, TOKEN, "t1")


@pytest.mark.parametrize("key", [KEY, bytes(range(1, 65)), b"longer than a block of SHA-256 " * 4], ids=len)
def test_spark_computes_the_same_hash_as_python(spark: SparkSession, key: bytes) -> None:
    rows = spark.createDataFrame(
        [(i, text, text) for i, text in enumerate(TEXTS)], "n int, account_id string, token string"
    )
    hashed = hash_identifiers(rows, key_frame(spark, key)).orderBy("n").collect()
    assert [tuple(row) for row in hashed] == [
        (i, None, None) if text is None else (i, expected(key, f"account:{text}"), expected(key, f"token:{text}"))
        for i, text in enumerate(TEXTS)
    ]


def test_keys_are_computed_from_the_hashes(spark: SparkSession, keys: DataFrame) -> None:
    plain = spark.createDataFrame([("t1", "a1"), (None, None)], "token string, account_id string")
    rows = plain.select("*", F.xxhash64("account_id").alias("account_key"), F.xxhash64("token").alias("token_key"))
    hashed = hash_identifiers(rows, keys)
    assert hashed.columns == rows.columns
    again = hashed.select("account_key", "token_key", F.xxhash64("account_id"), F.xxhash64("token"), "token")
    first, second = again.orderBy(F.col("token").isNull()).collect()
    assert (first[0], first[1]) == (first[2], first[3])
    assert (second[0], second[1]) == (None, None)


def test_row_hashes_stay_equal_or_different_under_the_key(spark: SparkSession, keys: DataFrame) -> None:
    rows = spark.createDataFrame([(1, -5), (2, -5), (3, 6), (4, None)], "n int, row_hash long")
    one, same, other, null = (row[1] for row in hash_row_hash(rows, keys, "row_hash").orderBy("n").collect())
    assert one == same
    assert len({one, other, -5, 6}) == 4
    assert null is None
    foreign = hash_row_hash(rows, key_frame(spark, KEY[::-1]), "row_hash").orderBy("n").first()
    assert foreign is not None
    assert foreign["row_hash"] != one


RAW = [b"2025-03-04,t1,a1\xff\x00,\xc3", b"2025-03-04,t1,a1\xff\x00,\xc3", "\u65e5\u672c".encode(), b"", None]


def test_sealed_lines_repeat_hide_and_open_again(spark: SparkSession, keys: DataFrame) -> None:
    rows = spark.createDataFrame(list(enumerate(RAW)), "n int, raw binary")
    sealed = seal(rows, keys).localCheckpoint()
    stored = [row["raw"] for row in sealed.orderBy("n").collect()]
    assert stored[0] == stored[1]
    assert len(set(stored)) == 4
    assert b"t1" not in stored[0]
    assert stored[-1] is None
    assert [len(s) - len(r) for s, r in zip(stored, RAW, strict=True) if r is not None] == [28] * 4
    assert [row["raw"] for row in open_sealed(sealed, keys).orderBy("n").collect()] == RAW
    text = spark.createDataFrame([(2, RAW[2].decode())], "n int, raw string")  # type: ignore[union-attr]
    assert seal(text, keys).first() == (2, stored[2])


def test_another_key_opens_nothing(spark: SparkSession, keys: DataFrame) -> None:
    sealed = seal(spark.createDataFrame([(b"line",)], "raw binary"), keys)
    with pytest.raises(Exception, match="AES_CRYPTO_ERROR"):
        open_sealed(sealed, key_frame(spark, KEY[::-1])).collect()


@pytest.fixture
def event_log(spark: SparkSession, tmp_path: Path) -> Iterator[Path]:
    """The folder of an event log that Spark writes meanwhile, as `spark.eventLog.enabled` would have it do."""
    jvm, context = spark._jvm, spark.sparkContext._jsc.sc()  # type: ignore[union-attr]
    conf = context.conf().clone().set("spark.eventLog.compress", "false")
    log = jvm.org.apache.spark.scheduler.EventLoggingListener(
        "app", jvm.scala.Option.empty(), jvm.java.net.URI(tmp_path.as_uri()), conf, context.hadoopConfiguration()
    )
    log.start()
    context.addSparkListener(log)
    yield tmp_path
    context.removeSparkListener(log)


def spellings(secret: bytes) -> list[str]:
    """How bytes may look in a plan: as text, hexadecimal, base64, or lists of numbers as Python and Java print them."""
    signed = [byte - 256 if byte > 127 else byte for byte in secret]
    lists = [", ".join(map(str, numbers)) for numbers in (signed, list(secret))]
    text = secret.decode("latin-1")
    return [
        text,
        secret.hex(),
        secret.hex(" "),
        base64.b64encode(secret).decode()[:-4],
        *lists,
        lists[0].replace(" ", ""),
    ]


@pytest.mark.parametrize("arrow", ["false", "true"], ids=["rows", "arrow"])
def test_no_plan_and_no_event_log_shows_the_key(spark: SparkSession, event_log: Path, arrow: str) -> None:
    frame = key_frame(spark, KEY)
    values = [bytes(part) for part in frame.collect()[0]]
    if arrow == "true":  # a local relation, as Spark Connect makes it, whose values the optimizer can see
        spark.conf.set("spark.sql.execution.arrow.pyspark.enabled", "true")
        frame = spark.createDataFrame(frame.toPandas(), frame.schema)
        spark.conf.unset("spark.sql.execution.arrow.pyspark.enabled")
    rows = spark.sql("SELECT 't1' AS token, 'a1' AS account_id, X'FF' AS raw, 5L AS row_hash")
    safe = hash_row_hash(seal(hash_identifiers(rows, frame), frame), frame, "row_hash").where("token <> 'x'")
    assert safe.collect()[0]["token"] == keyed_id(KEY, TOKEN, "t1")
    plan = safe._jdf.queryExecution()  # type: ignore[operator]
    explain = spark._jvm.PythonSQLUtils.explainString  # type: ignore[union-attr]
    shown = [explain(plan, mode) for mode in ("simple", "extended", "cost", "formatted", "codegen")]
    shown += [tree.toJSON() for tree in (plan.logical(), plan.analyzed(), plan.optimizedPlan(), plan.executedPlan())]
    spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
    logged = [path.read_text(encoding="utf-8") for path in event_log.rglob("*") if path.is_file()]
    assert "aesEncrypt" in "".join(logged)
    for secret in [KEY, *values]:
        assert [word for word in spellings(secret) for text in [*shown, *logged] if word in text] == []


def test_a_literal_would_be_found(spark: SparkSession) -> None:
    plan = spark.range(1).select(F.lit(KEY).alias("x"))._jdf.queryExecution()  # type: ignore[operator]
    shown = spark._jvm.PythonSQLUtils.explainString(plan, "extended")  # type: ignore[union-attr]
    assert [word for word in spellings(KEY) if word.lower() in shown.lower()] != []
