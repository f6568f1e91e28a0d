"""A world in which one account has half of all rows and one token three in ten."""

from __future__ import annotations

from pathlib import Path

import duckdb

from benchmarks.world import World, ingest_and_write, prepare

#: of a hundred rows, those of the one token, and those of the other tokens of the same account
ONE_TOKEN, ONE_ACCOUNT = 30, 50


def prepare_skewed(home: Path, rows: int) -> World:
    """The logs of the even world, with tokens and accounts of half of the rows written over; ingested anew."""
    even, world = prepare(home, rows), World(home / "skewed", rows)
    if (world.home / "done.json").exists():
        return world
    (world.drop / "logs").mkdir(parents=True, exist_ok=True)
    (world.drop / "accounts.csv").write_bytes((even.drop / "accounts.csv").read_bytes())
    connection = duckdb.connect()
    for log in sorted((even.drop / "logs").glob("*.parquet")):
        connection.execute(f"""
            COPY (
              WITH numbered AS (SELECT *, row_number() OVER () % 100 AS lot FROM read_parquet('{log}'))
              SELECT n.* EXCLUDE (lot)
                REPLACE (CASE WHEN lot < {ONE_TOKEN} THEN 'the one token'
                              WHEN lot < {ONE_ACCOUNT} THEN 'token ' || lot ELSE n.token END AS token,
                         CASE WHEN lot < {ONE_ACCOUNT} THEN (SELECT min(account) FROM read_csv(
                              '{world.drop}/accounts.csv')) ELSE n.account END AS account)
              FROM numbered AS n)
            TO '{world.drop}/logs/{log.name}' (FORMAT parquet, COMPRESSION zstd)""")
    ingest_and_write(world)
    return world
