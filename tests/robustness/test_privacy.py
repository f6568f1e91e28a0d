"""What `forget` forgets: account, tokens and their keys are in no file any more, and all the rest is as it was."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.jobs.command import main
from segmentation.runtime import Exit
from segmentation.schemas import BASETABLE, EVENTS, HEAVY_HITTERS, INDUSTRY_SCORES, INDUSTRY_SUSPECTS, LEDGER, SEGMENTS
from segmentation.stores.content import content_hash
from tests.robustness.conftest import Start, contents, require_whole, store
from tests.robustness.drop import CANARY, OTHERS, TOKENS, write_accounts, write_drop
from tests.robustness.traces import traces


@dataclass
class Walk:
    """A data directory before and after `forget`."""

    drop: Path
    accounts: Path
    data_dir: Path
    words: list[str]
    found: dict[str, set[str]]
    balance: dict[str, tuple[int, ...]]
    basetable: str
    said: str = ""

    def ingest(self) -> int:
        source = ("--source", "generated", "--input", str(self.drop))
        return main(["ingest", *source, "--data-dir", str(self.data_dir)])

    def build(self) -> int:
        accounts = ("--accounts", str(self.accounts), "--as-of", "2025-04-01")
        return main(["basetable", *accounts, "--data-dir", str(self.data_dir)])

    def forget(self) -> int:
        return main(["forget", "--account", CANARY, "--data-dir", str(self.data_dir)])


def by_file(spark: SparkSession, data_dir: Path) -> dict[str, tuple[int, ...]]:
    """rows_in, kept, quarantined, dropped of each file."""
    rows = store(spark, data_dir).read(LEDGER).collect()
    return {r["file_id"]: (r["rows_in"], r["kept"], r["quarantined"], r["dropped"]) for r in rows}


def others(spark: SparkSession, data_dir: Path) -> str:
    """Content hash of the other accounts' basetable; split and fold depend on who else there is."""
    rows = store(spark, data_dir).read(BASETABLE).where(F.col("account_id") != CANARY)
    assert rows.count() == len(OTHERS)
    return content_hash(rows.withColumns({"split": F.lit("train"), "fold": F.lit(0)}), BASETABLE)


def keys(spark: SparkSession) -> list[str]:
    """The 64-bit keys of the names: whoever has the names could find them by these."""
    named = spark.createDataFrame([(name,) for name in (CANARY, *TOKENS)], "name string")
    return [str(row[0]) for row in named.select(F.xxhash64("name")).collect()]


def segments_of(spark: SparkSession, accounts: tuple[str, ...]) -> DataFrame:
    rows = spark.createDataFrame([(account,) for account in accounts], "account_id string")
    same = "DATE '2025-04-01' as_of, account_id, 'kmeans' method, 0 segment, 'all' name, 1.0D confidence"
    return rows.selectExpr(*same.split(", "), "false outlier", "'m/1' model")


def score_all(spark: SparkSession, data_dir: Path) -> None:
    """Scores and segments as the models' jobs leave them; one that was killed has the canary in its segments."""
    tables = store(spark, data_dir)
    scores = segments_of(spark, (CANARY, *OTHERS)).selectExpr(
        "as_of", "account_id", "'Print' industry", "1.0D probability", "model"
    )
    tables.replace(scores, INDUSTRY_SCORES)
    suspects = scores.selectExpr(
        "as_of", "account_id", "industry", "'Media' suggested", "0.1D probability",
        "0.9D suggested_probability", "0.8D margin",
    )  # fmt: skip
    tables.replace(suspects, INDUSTRY_SUSPECTS)
    tables.replace(segments_of(spark, OTHERS), SEGMENTS)
    names = [("account", 1, CANARY, CANARY), ("os", 1, "Windows", None)]
    names += [("token", 1, TOKENS[0], CANARY), ("token", 2, TOKENS[1], OTHERS[0])]
    hitters = [(dt.date(2025, 4, 1), *name, 1, 0.1, 0.1) for name in names]
    tables.replace(spark.createDataFrame(hitters, HEAVY_HITTERS.columns), HEAVY_HITTERS)
    tables.publish("segments", spark.sql("SELECT timestamp '2025-04-01'").collect()[0][0])
    tables.replace(segments_of(spark, (CANARY, *OTHERS)), SEGMENTS)


@pytest.fixture(scope="module")
def walk(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("walk")
    walk = Walk(write_drop(folder / "drop"), write_accounts(folder / "accounts.csv"), folder / "data", [], {}, {}, "")
    assert walk.ingest() == Exit.PARTIAL
    assert walk.build() == Exit.OK
    score_all(spark, walk.data_dir)
    walk.words = [CANARY, *TOKENS, *keys(spark)]
    walk.found = traces(walk.data_dir, walk.words)
    walk.balance, walk.basetable = by_file(spark, walk.data_dir), others(spark, walk.data_dir)
    return walk


@pytest.fixture(scope="module")
def forgotten(walk: Walk) -> Walk:
    with pytest.MonkeyPatch.context() as patch:
        heard: list[str] = []
        patch.setattr("sys.stdout.write", heard.append)
        assert walk.forget() == Exit.OK
    walk.said = "".join(heard)
    return walk


def test_a_word_is_found_in_columns_maps_bytes_dictionaries_and_names(tmp_path: Path) -> None:
    rows = [{"a": "word-a", "m": [("k", "word-b")], "b": b"xx word-c"}] * 9
    schema = pa.schema([("a", pa.string()), ("m", pa.map_(pa.string(), pa.string())), ("b", pa.binary())])
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "t.parquet", compression="zstd")
    (tmp_path / "word-d.crc").write_bytes(b"\0word-e\xff")
    found = traces(tmp_path, [f"word-{letter}" for letter in "abcdef"])
    assert set(found) == {"word-a", "word-b", "word-c", "word-d", "word-e"}
    assert found["word-b"] == {"t.parquet"}


def test_the_search_finds_what_is_there(walk: Walk) -> None:
    tables = {path.split("/")[1] for path in walk.found[CANARY]}
    assert tables == {
        *("events", "ingest_ledger", "ingest_plans", "tokens", "accounts", "account_features", "basetable"),
        *("segments", "industry_scores", "industry_suspects", "heavy_hitters"),
    }
    assert {path.split("/")[1] for path in walk.found[TOKENS[2]]} == {"events"}
    # a token's key is in the cube, and tokens that no kept row has are in no table of tokens
    assert {"events", "tokens", "activity", "token_features"} <= {p.split("/")[1] for p in walk.found[walk.words[5]]}


def test_no_file_holds_the_account_or_its_tokens(spark: SparkSession, forgotten: Walk) -> None:
    assert traces(forgotten.data_dir, forgotten.words) == {}
    assert store(spark, forgotten.data_dir).unfinished() == []


def test_only_files_of_the_latest_versions_are_left(spark: SparkSession, forgotten: Walk) -> None:
    for folder in (forgotten.data_dir / "tables").iterdir():
        there = {path.name for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts}
        needed = {Path(file).name for file in spark.read.format("delta").load(str(folder)).inputFiles()}
        assert there == needed, folder.name


def test_every_row_is_still_accounted_for(spark: SparkSession, forgotten: Walk) -> None:
    rows = require_whole(spark, forgotten.data_dir)
    events = store(spark, forgotten.data_dir).read(EVENTS)
    erased = events.where("rule = 'erased'")
    # 12 of its own file; of the damaged lines all but the two that are others'
    assert {(r["disposition"], r["count"]) for r in erased.groupBy("disposition").count().collect()} == {
        ("dropped", 20)
    }
    assert erased.where("raw IS NOT NULL OR token_key IS NOT NULL OR row_hash IS NOT NULL").isEmpty()
    assert {r["rule"] for r in events.where("raw IS NOT NULL").collect()} == {"bad_time", "missing_token"}
    now = by_file(spark, forgotten.data_dir)
    assert {file: counts[0] for file, counts in now.items()} == {f: c[0] for f, c in forgotten.balance.items()}
    assert rows == sum(counts[0] for counts in now.values())
    assert "events 20, " in forgotten.said
    assert "industry_scores 1" in forgotten.said
    assert "heavy_hitters 3" in forgotten.said
    assert (
        "\n1 of its tokens are others' too and stay with what others have of them, 6 rows of other-0: "
        in forgotten.said
    )


@pytest.mark.long
def test_nothing_comes_back_and_nobody_else_has_changed(spark: SparkSession, forgotten: Walk) -> None:
    before = contents(spark, forgotten.data_dir)
    assert forgotten.ingest() == Exit.PARTIAL
    assert forgotten.forget() == Exit.OK
    assert contents(spark, forgotten.data_dir) == before
    assert forgotten.build() == Exit.OK
    assert traces(forgotten.data_dir, forgotten.words) == {}
    assert others(spark, forgotten.data_dir) == forgotten.basetable
    assert store(spark, forgotten.data_dir).read(SEGMENTS).count() == len(OTHERS)


@pytest.mark.long
def test_a_forget_that_was_killed_before_the_purge_is_repeated(
    spark: SparkSession, start: Start, tmp_path: Path
) -> None:
    walk = Walk(write_drop(tmp_path / "drop"), tmp_path, tmp_path / "data", [CANARY, *TOKENS], {}, {}, "")
    assert walk.ingest() == Exit.PARTIAL
    victim = start("before forget purges", "forget", "--account", CANARY, "--data-dir", str(walk.data_dir))
    victim.reached()
    victim.kill()
    assert set(traces(walk.data_dir, walk.words)) == set(walk.words)
    require_whole(spark, walk.data_dir)
    assert walk.forget() == Exit.OK
    assert traces(walk.data_dir, walk.words) == {}
