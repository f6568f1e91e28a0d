"""A world in which one account has half of all rows and one token three in ten."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from benchmarks.eventlog import Task, worst_skew
from benchmarks.world import World, ingest_and_write, prepare_drop, tell_other_code

#: of a hundred rows, those of the one token, and those of the other tokens of the same account
ONE_TOKEN, ONE_ACCOUNT = 30, 50
#: of seconds, stages whose longest task is below it are left out: there a pause of the JVM is the skew
SHORTEST = 0.5
#: of records, stages that deal fewer than so many per log row are left out: they do not grow with the logs
FEWEST = 0.01


def prepare_skewed(home: Path, rows: int) -> World:
    """The logs of the even world, with tokens and accounts of half of the rows written over; ingested anew."""
    even, world = prepare_drop(home, rows), World(home / "skewed" / str(rows), rows)
    if (world.home / "done.json").exists():
        tell_other_code(world)
        return world
    for name in ("accounts.csv", "truth/settings.json"):
        (world.drop / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(even.drop / name, world.drop / name)
    (world.drop / "logs").mkdir(exist_ok=True)
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


def skew_lines(found: Sequence[Task], rows: int) -> Iterator[str]:
    """The worst stage by records read from a shuffle, which no clock disturbs, and by seconds."""
    dealt = [task for task in found if task.records]
    asked = {
        f"records of a shuffle (stages of {FEWEST * rows:,.0f} or more)": worst_skew(
            found, lambda task: task.records, total=FEWEST * rows
        ),
        f"seconds (stages with a task of {SHORTEST} s or more)": worst_skew(
            found, lambda task: task.seconds, most=SHORTEST
        ),
    }
    yield f"{len(dealt):,} of {len(found):,} tasks read from a shuffle"
    for what, skew in asked.items():
        if skew is None:
            yield f"{what}: no stage counts"
        else:
            yield (
                f"{what}: the most of a task is {skew.most:,.1f}, {skew.ratio:.1f} x the median of the other "
                f"{skew.tasks - 1} of stage {skew.stage}"
            )
