"""Whether those who ingest stored the same rows, as far as they promise the same."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.equality import Unequal
from benchmarks.world import World
from segmentation.events.duplicates import DUPLICATE
from segmentation.schemas import EVENTS
from segmentation.stores.content import content_hash


@dataclass(frozen=True)
class Stored:
    """What a run of ours stored in `events`."""

    decided: dict[str, int]  #: rows by "month disposition rule"
    kept: str  #: content hash of the rows that were kept
    copies: int  #: rows of which an equal one comes first in the logs, whatever became of them

    @property
    def rows(self) -> int:
        """All rows, whatever became of them."""
        return sum(self.decided.values())


def told(out: Path) -> Path:
    """Where a contestant leaves what `tell` found."""
    return out.with_name(f"{out.name}.json")


def tell(spark: SparkSession, out: Path) -> None:
    """Look at the events below a data directory and write down what is there; for after the clock has stopped."""
    events = spark.read.format("delta").load(str(out / "tables" / EVENTS.name))
    told(out).write_text(json.dumps(asdict(_look(events))), encoding="utf-8")


def _look(events: DataFrame) -> Stored:
    at = F.concat_ws(" ", F.coalesce(F.col("event_month").cast("string"), F.lit("no month")), "disposition", "rule")
    decided = {row["at"]: row["count"] for row in events.groupBy(at.alias("at")).count().collect()}
    # `row_hash` is of the line as it stands, or of Parquet's values
    kept = content_hash(events.where("disposition = 'kept'").drop("row_hash"), EVENTS)
    copies = events.where(f"rule = '{DUPLICATE}' OR array_contains(flags, '{DUPLICATE}')").count()
    return Stored(dict(sorted(decided.items())), kept, copies)


def check(world: World) -> str:
    """What agrees between the outputs of a round; raises Unequal on what does not."""
    out = world.home / "out"
    ours, parquet = (
        Stored(**json.loads(told(out / name).read_text(encoding="utf-8")))
        for name in ("spark_ingest", "spark_ingest_parquet")
    )
    generated = json.loads((world.csv.parent / "truth" / "mess.json").read_text(encoding="utf-8"))["rows"]
    return require_agreement(generated, ours, parquet, _rows(out / "spark_copy"), _rows(out / "duckdb_distinct"))


def require_agreement(generated: int, ours: Stored, parquet: Stored, copied: int, distinct: int) -> str:
    """What was held against what, or Unequal with all that differs.

    Neither rival gives what ours gives: a bare copy can agree on the number of rows alone, one that takes equal rows
    once on the number of different rows. Of rows that were not kept ours stores the text, a line or JSON, so CSV and
    Parquet can agree on their number by month and rule alone.
    """
    apart = sorted(at for at in ours.decided | parquet.decided if ours.decided.get(at) != parquet.decided.get(at))
    told_apart = ", ".join(f"{at} {ours.decided.get(at, 0):,} and {parquet.decided.get(at, 0):,}" for at in apart[:5])
    wrong = {
        f"{generated:,} rows were generated, {ours.rows:,} stored from CSV": ours.rows != generated,
        f"from CSV and from Parquet: {told_apart}": bool(apart),
        "rows kept from CSV and from Parquet differ in content": ours.kept != parquet.kept,
        f"{generated:,} rows were generated, Spark copied {copied:,}": copied != generated,
        f"{ours.rows - ours.copies:,} rows differ from each other by ours, {distinct:,} by DuckDB": (
            ours.rows - ours.copies != distinct
        ),
    }
    if any(wrong.values()):
        raise Unequal("; ".join(what for what, holds in wrong.items() if holds))
    return (
        f"{generated:,} rows by Spark's copy and ours, {distinct:,} of them different by DuckDB and ours; from CSV and "
        "Parquet equal content is kept, and numbers by month and rule are equal"
    )


def _rows(folder: Path) -> int:
    with duckdb.connect() as connection:
        # the footers tell; everything below was written by one run
        found = connection.execute(f"SELECT count(*) FROM read_parquet('{folder}/**/*.parquet')").fetchone()
    assert found is not None  # an aggregate has one row
    return int(found[0])
