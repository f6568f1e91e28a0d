"""Any basetable by the champions: every account once, and no model on columns that it does not know."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

import pytest
from mlflow.types import ColSpec, DataType
from pyspark.ml import PipelineModel
from pyspark.ml.clustering import KMeans
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.errors import InputProblem
from segmentation.industries.gate import REFUSED
from segmentation.jobs.score_accounts import score_accounts
from segmentation.models.catalogue import CLUSTER, COMPONENTS
from segmentation.models.columns import differences
from segmentation.runtime import Job
from segmentation.schemas import ACCOUNT_SCORES, BASETABLE, EVENT_NAMES
from segmentation.segments.scoring import naming_stage
from segmentation.stores.conf import load_settings
from segmentation.stores.registry import GATE, promote, register_challenger
from segmentation.stores.runs import log_model, open_run, open_runs
from tests.industries import made_up
from tests.robustness.conftest import store

AS_OF, BEFORE = dt.date(2026, 1, 1), dt.date(2025, 12, 1)
NOW = dt.datetime(2026, 1, 2, 3, 4, 5)
USE = {"a0": 0.0, "a1": 1.0, "a2": 4.0, "a3": 6.0, "a4": 9.0}


class World:
    """One data directory, its basetable and its models."""

    def __init__(self, spark: SparkSession, data_dir: Path) -> None:
        self.spark, self.data_dir, self.settings = spark, data_dir, load_settings("local")
        self.runs = open_runs(self.settings.storage, data_dir)

    def job(self, now: dt.datetime = NOW, **arguments: object) -> Job:
        asked = {"force": False, "model": None, "ignore_new_columns": False}
        known = {"profile": None, "overrides": [], **asked, **arguments}
        return Job("score", argparse.Namespace(**known), self.settings, self.data_dir, now, _spark=self.spark)

    def build(self, use: dict[str, float], as_of: dt.date = AS_OF, **columns: object) -> None:
        rows = [(as_of, account, None, "train", 0, f0, "Mac") for account, f0 in use.items()]
        schema = "as_of date, account_id string, industry string, split string, fold int, f0 double, os string"
        frame = self.spark.createDataFrame(rows, schema).withColumns({n: F.lit(v) for n, v in columns.items()})
        job = self.job()
        job.tables.replace(frame, BASETABLE, where=f"as_of = DATE '{as_of}'")
        job.publish()

    def register(self, name: str, model: PipelineModel) -> str:
        with open_run(self.runs, "made up", self.settings, {}, AS_OF):
            outputs = [ColSpec(DataType.double, "prediction")]
            return log_model(self.runs, name, model, ("f0",), ("os",), outputs)

    def scores(self) -> DataFrame:
        return store(self.spark, self.data_dir).read(ACCOUNT_SCORES)

    def told(self, name: str, as_of: dt.date = AS_OF) -> dict[str, tuple[object, ...]]:
        rows = self.scores().where((F.col("model_name") == name) & (F.col("as_of") == F.lit(as_of))).collect()
        found = {r["account_id"]: (r["prediction"], r["name"], round(r["confidence"], 9), r["second"]) for r in rows}
        assert len(found) == len(rows)
        return found


def kmeans(spark: SparkSession) -> PipelineModel:
    """Centres at 0, 5 and 10: segments 7 low, 8 middle, 9 high."""
    points = spark.createDataFrame([(0.0,), (5.0,), (10.0,)], "f0 double").coalesce(1)
    assembler = VectorAssembler(inputCols=["f0"], outputCol=COMPONENTS)
    fitted = KMeans(k=3, seed=1, featuresCol=COMPONENTS, predictionCol=CLUSTER).fit(assembler.transform(points))
    names = {0: (7, "low"), 5: (8, "middle"), 10: (9, "high")}
    of = [names[round(float(centre[0]))] for centre in fitted.clusterCenters()]
    naming = naming_stage([number for number, _ in of], [name for _, name in of])
    return PipelineModel(stages=[assembler, fitted, naming])


@pytest.fixture(scope="module")
def world(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> World:
    here = World(spark, tmp_path_factory.mktemp("data"))
    job = here.job()
    row = (1, "open", "Document", "exact", 0, NOW)
    job.tables.replace(spark.createDataFrame([row], EVENT_NAMES.columns), EVENT_NAMES)
    job.publish()
    here.build(USE)
    return here


def test_without_a_champion_the_command_says_what_makes_one(world: World) -> None:
    for name, said in (
        (None, "no model is champion yet, so nobody can score: run `segmentation segments` and"),
        (["industry"], "industry has no champion: run `segmentation industry` first"),
        (["segments_ward"], "segments_ward has no champion .ward, hdbscan and the consensus keep no model"),
        (["industrie"], "--model industrie: there is no such model; give one of industry, segments_kmeans"),
    ):
        with pytest.raises(InputProblem, match=said):
            score_accounts(world.job(model=name))


def test_every_account_is_scored_once_by_every_champion(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """One story, since every chapter costs commits and models."""
    industry = world.register("industry", made_up.model(5.0))
    register_challenger(world.runs, industry, {GATE: REFUSED})
    with pytest.raises(InputProblem, match=r"the gate refused industry/1.*rollback --model industry --to 1"):
        score_accounts(world.job(model=["industry"]))
    with pytest.raises(InputProblem, match="industry has no champion: the gate refused industry/1"):
        score_accounts(world.job())
    clusters = world.register("segments_kmeans", kmeans(world.spark))
    promote(world.runs, [clusters])
    score_accounts(world.job())
    assert "industry has no champion: the gate refused industry/1" in capsys.readouterr().err
    assert world.told("industry") == {}
    register_challenger(world.runs, industry, {GATE: "passed"})
    with pytest.raises(InputProblem, match="industry has no champion: run `segmentation industry` first"):
        score_accounts(world.job(model=["industry"]))
    promote(world.runs, [industry])

    score_accounts(world.job())
    assert world.told("industry") == {
        **dict.fromkeys(["a0", "a1", "a2"], ("Food & drink", "Food & drink", 0.6, "Toys")),
        **dict.fromkeys(["a3", "a4"], ("Toys", "Toys", 0.9, "Food & drink")),
    }
    assert world.told("segments_kmeans") == {
        "a0": ("7", "low", 1.0, "middle"), "a1": ("7", "low", 0.75, "middle"), "a2": ("8", "middle", 0.75, "low"),
        "a3": ("8", "middle", 0.75, "high"), "a4": ("9", "high", 0.75, "middle"),
    }  # fmt: skip
    row = world.scores().where("account_id = 'a0' AND model_name = 'industry'").withColumn(
        "at", F.col("scored_at").cast("string")
    ).collect()[0]  # fmt: skip
    version = store(world.spark, world.data_dir).version(BASETABLE)
    assert (row["model"], row["basetable_version"], row["at"]) == ("industry/1", version, "2026-01-02 03:04:05")
    capsys.readouterr()

    # nothing new: nothing is written
    score_accounts(world.job())
    assert "nothing has changed, kept as they are, by industry/1, segments_kmeans/1" in capsys.readouterr().out
    assert store(world.spark, world.data_dir).version(ACCOUNT_SCORES) == 2  # made, then merged into by each model

    # another basetable: one account is another's, one is new, one is gone; a killed job had scored it half
    world.build({"a0": 9.0, "a1": 1.0, "a2": 4.0, "a3": 6.0, "new": 2.0})
    killed = store(world.spark, world.data_dir)
    killed.upsert(
        world.scores().where("account_id = 'a0'").withColumn("confidence", F.lit(0.1)), ACCOUNT_SCORES, "false"
    )
    score_accounts(world.job(now=NOW + dt.timedelta(days=1), model=["industry"]))
    told = world.told("industry")
    assert {account: answer[0] for account, answer in told.items()} == {
        "a0": "Toys", "a1": "Food & drink", "a2": "Food & drink", "a3": "Toys", "new": "Food & drink",
    }  # fmt: skip
    assert world.told("segments_kmeans")["a4"] == ("9", "high", 0.75, "middle")  # not asked for, so as it was
    assert "5 accounts by industry/1, in place of 5 scores that were there" in capsys.readouterr().out

    # any other date is added to them
    world.build({"a0": 8.0}, as_of=BEFORE)
    world.settings = load_settings("local", [f"basetable.as_of={BEFORE}"])
    score_accounts(world.job(model=["industry"]))
    assert world.told("industry", BEFORE) == {"a0": ("Toys", "Toys", 0.9, "Food & drink")}
    assert world.told("industry") == told
    world.settings = load_settings("local", ["basetable.as_of=2025-11-01"])
    with pytest.raises(InputProblem, match=r"no basetable as of 2025-11-01 .*: run `segmentation basetable --as-of"):
        score_accounts(world.job())


def test_a_feature_that_a_champion_does_not_know_keeps_out_that_model_alone(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the story: one that came later is missing in the rows of earlier dates, and unknown to the models."""
    world.settings = load_settings("local")
    world.build(USE, document_rows_year=1.0)
    with pytest.raises(
        InputProblem, match="other columns than industry/1 was trained on: the model does not know docum"
    ):
        score_accounts(world.job())
    world.settings = load_settings("local", ["segments.space.held_out=[document_rows_year]"])
    score_accounts(world.job())
    assert "left out: the basetable as of" in capsys.readouterr().err
    score_accounts(world.job())  # and again, when there is no other left to score
    assert "left out: the basetable as of" in capsys.readouterr().err
    assert set(world.told("segments_kmeans")) == set(USE)
    score_accounts(world.job(model=["industry"], ignore_new_columns=True))
    assert set(world.told("industry")) == set(USE)


def test_columns_that_differ_are_told_by_name() -> None:
    inputs = {"f0": False, "f1": False, "os": True, "product": True}
    kinds = {"f0": T.DoubleType(), "f2": T.DoubleType(), "held": T.DoubleType(), "os": T.DoubleType(),
             "product": T.StringType(), "old": T.DoubleType()}  # fmt: skip
    schema = T.StructType([T.StructField(name, kind) for name, kind in kinds.items()])
    found = differences(schema, set(kinds) - {"old"}, inputs, ["held"])
    assert found.sentence() == "it lacks f1; of another type are os; the model does not know f2"
    assert differences(schema, set(kinds), dict.fromkeys(["f0", "f2", "old"], False), kinds).sentence() == ""
    many = differences(T.StructType([]), [], {f"f{place:02d}": False for place in range(12)}, [])
    assert many.sentence().endswith("f08, f09 and 2 more")
