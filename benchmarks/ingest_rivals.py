"""What ingest is held against: copies of the same files that give none of its guarantees."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

#: the generator's log, as a user who trusts it would declare it
_TYPES = """event_time timestamp, token string, account string, event_name string, product string, version string,
    os string, user_state string, duration_s double, value double, status string"""


def spark_copy(spark: SparkSession, logs: Path, out: Path) -> float:
    """Spark's own CSV reader straight into Delta, by month, with the write settings of `events`."""
    began = time.perf_counter()
    rows = spark.read.schema(_TYPES).option("header", "true").option("timestampFormat", "yyyy-MM-dd HH:mm:ss.SSS")
    months = rows.csv(str(logs)).withColumn("event_month", F.trunc(F.to_date("event_time"), "MM"))
    # no column of it is worth statistics, as in `events` few are
    writer = months.write.format("delta").partitionBy("event_month").option("delta.dataSkippingNumIndexedCols", "0")
    writer.save(str(out))
    return time.perf_counter() - began


def duckdb_distinct(logs: Path, out: Path, threads: int, memory: str) -> float:
    """DuckDB: equal rows once, keys for token, account and name, in the order of `events`, by month."""
    connection = duckdb.connect(config={"threads": threads, "memory_limit": memory, "temp_directory": f"{out}.spill"})
    connection.execute("SET TimeZone = 'UTC'")
    began = time.perf_counter()
    connection.execute(f"""
        COPY (
          SELECT *, hash(token) AS token_key, hash(account) AS account_key, hash(event_name) AS event_key,
            ts::date AS event_date, date_trunc('month', ts)::date AS event_month
          FROM (SELECT DISTINCT *, try_strptime(event_time, '%Y-%m-%d %H:%M:%S.%g') AS ts
                FROM read_csv('{logs}/*.csv', header = true, all_varchar = true))
          ORDER BY event_month, token_key, ts)
        TO '{out}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (event_month))""")
    return time.perf_counter() - began
