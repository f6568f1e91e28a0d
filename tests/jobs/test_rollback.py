"""The gate decides what is published, and one command goes back: on models that needed no training."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import InputProblem
from segmentation.industries.audit import Audit, Finding
from segmentation.jobs import rollback_model, train_industry
from segmentation.jobs.command import main
from segmentation.runtime import Exit, Job
from segmentation.schemas import BASETABLE
from segmentation.stores.conf import load_settings
from segmentation.stores.registry import CHALLENGER, champion, champions, find_version
from segmentation.stores.runs import Runs, open_runs
from tests.industries import made_up
from tests.models import planted

AS_OF = planted.AS_OF
Run = Callable[..., str]
#: models by the limit of f0 above which an account is a toy
FIRST, WORSE, BETTER = 0.5, 1.5, 2.5


@pytest.fixture(scope="module")
def basetable(spark: SparkSession) -> DataFrame:
    rows = planted.labelled({"Food & drink": 0.6, "Toys": 0.4}, {"Toys": 2.0}, n=100)
    return made_up.with_label_nulls(spark.createDataFrame(rows)).localCheckpoint()


class World:
    """One data directory, and what its jobs said last."""

    def __init__(self, spark: SparkSession, data_dir: Path, basetable: DataFrame) -> None:
        self.spark, self.data_dir, self.basetable = spark, data_dir, basetable
        self.runs: Runs = open_runs(load_settings("local").storage, data_dir)

    def job(self, **arguments: object) -> Job:
        now = dt.datetime(2026, 1, 2)
        args = argparse.Namespace(
            **{"force": False, "model": "industry", "to": None, "profile": None, "overrides": [], **arguments}
        )
        return Job("industry", args, load_settings("local"), self.data_dir, now, _spark=self.spark)

    def champion(self) -> tuple[str | None, list[str]]:
        return champion(self.runs, "industry"), champions(self.runs, "industry")

    def read(self, name: str) -> DataFrame:
        return self.spark.read.format("delta").load(str(self.data_dir / "tables" / name))

    def models(self) -> set[str]:
        """The model behind every industry table that names one."""
        names = ("scores", "metrics", "cards", "fill", "drivers")
        return {row["model"] for name in names for row in self.read(f"industry_{name}").select("model").collect()}

    def toys(self) -> int:
        """Accounts that are toys by the published scores, which tells the models apart."""
        return self.read("industry_scores").where("industry = 'Toys' AND probability > 0.5").count()


@pytest.fixture(scope="module")
def world(spark: SparkSession, basetable: DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    here = World(spark, tmp_path_factory.mktemp("data"), basetable)
    with pytest.MonkeyPatch.context() as patch:
        for module in (train_industry, rollback_model):
            patch.setattr(module, "read_basetable", lambda job: (AS_OF, basetable, ()))
        patch.setattr(train_industry, "LINEAGE", (BASETABLE,))
        patch.setattr(train_industry, "_audited", lambda *_: Audit(()))
        job = here.job()
        job.tables.replace(basetable, BASETABLE)
        job.publish()
        yield here


def train(
    world: World,
    limit: float,
    loss: float,
    reg_param: float,
    force: bool = True,
    industries: Sequence[str] = made_up.INDUSTRIES,
) -> None:
    made = made_up.result(world.basetable, limit, loss, reg_param, industries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_industry, "train", lambda *_, also: made)
        patch.setattr("segmentation.stores.industry_runs.industry_figures", lambda _: {})
        train_industry.train_industry(world.job(force=force))


@pytest.mark.long
def test_the_gate_decides_and_a_rollback_undoes(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """One story, since every chapter costs seven commits."""
    train(world, FIRST, loss=1.0, reg_param=0.01)
    assert world.champion() == ("industry/1", ["1"])
    assert world.models() == {"industry/1"}
    assert world.read("industry_suspects").count() == 1
    first = world.toys()
    metrics = {(r["slice"], r["metric"], r["industry"]): r["value"] for r in world.read("industry_metrics").collect()}
    capsys.readouterr()

    # worse: refused, and what is published stays the champion's
    kept: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_industry, "store_kept", lambda job, runs, model, *_: kept.append(model))
        train(world, WORSE, loss=1.5, reg_param=0.5)
    assert kept == ["industry/1"]
    said = capsys.readouterr().out
    assert "REFUSED by the gate: industry/2 stays challenger" in said
    assert "refused: out-of-fold log-loss differs from the champion's by +0.5000" in said
    assert "what is published comes from the champion industry/1" in said
    assert world.champion() == ("industry/1", ["1"])
    refused = find_version(world.runs, "industry/2")
    assert refused is not None
    assert refused.aliases == [CHALLENGER]
    assert refused.tags["gate"] == "refused"
    assert any(value.startswith("refused: ") for key, value in refused.tags.items() if key.startswith("gate_reason"))

    # better: it takes over
    train(world, BETTER, loss=0.5, reg_param=0.3)
    assert "industry/3 is champion, after industry/1" in capsys.readouterr().out
    assert world.champion() == ("industry/3", ["1", "3"])
    assert world.models() == {"industry/3"}
    assert world.toys() < first

    # and is gone back from, to the digit
    rollback_model.rollback(world.job())
    assert "industry: back from industry/3 to industry/1" in capsys.readouterr().out
    assert world.champion() == ("industry/1", ["1"])
    assert world.models() == {"industry/1"}
    assert world.toys() == first
    again = {(r["slice"], r["metric"], r["industry"]): r["value"] for r in world.read("industry_metrics").collect()}
    assert again == metrics
    decisions = {row["decision"] for row in world.read("industry_fill").where("industry = 'Toys'").collect()}
    assert decisions == {"fill"}  # by the threshold of its card; its training, made up, had sent all to review
    cards = {row["industry"]: row for row in world.read("industry_cards").collect()}
    assert cards["Toys"]["fillable"] == world.read("industry_fill").where("decision = 'fill'").count() > 0
    # 30 fills without a mistake, at the confidence of today: its training, made up, had said something else
    assert cards["Toys"]["precision_low"] == pytest.approx(0.1 ** (1 / 30))
    assert (cards["Rare"]["auc"], cards["Rare"]["fillable"]) == (None, 0)
    assert world.read("industry_suspects").count() == 0
    left = find_version(world.runs, "industry/3")
    assert left is not None
    assert left.tags["rolled_back"] == "2026-01-02: to industry/1"


@pytest.mark.long
def test_a_training_without_news_does_not_undo_it(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    train(world, BETTER, loss=0.5, reg_param=0.3, force=False)
    assert "nothing has changed, kept as they are, by industry/1" in capsys.readouterr().out
    assert world.champion() == ("industry/1", ["1"])


@pytest.mark.long
def test_what_cannot_be_gone_back_to_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputProblem, match="industry/1 is the first champion: there is nothing to go back to"):
        rollback_model.rollback(world.job())
    with pytest.raises(InputProblem, match="there is no version 9 of industry; champions were 1"):
        rollback_model.rollback(world.job(to=9))
    with pytest.raises(InputProblem, match="--model industri: give industry, or segments_ and a method"):
        rollback_model.rollback(world.job(model="industri"))
    rollback_model.rollback(world.job(to=1))
    assert "industry/1 is what industry_scores comes from already: nothing to do" in capsys.readouterr().out


@pytest.mark.long
def test_a_killed_rollback_is_finished_and_not_done_twice(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Killed between the tables, which speak of version 1, and the alias, which stands at 3."""
    world.runs.client.set_registered_model_tag("industry", "champions", '["1", "3"]')
    world.runs.client.set_registered_model_alias("industry", "champion", "3")
    with pytest.raises(InputProblem, match="there is no version 77 of industry"):
        rollback_model.rollback(world.job(to=77))  # another one is asked for: it is not passed over
    world.runs.client.set_registered_model_tag("industry", "champions", '["1", "3"]')
    world.runs.client.set_registered_model_alias("industry", "champion", "3")
    rollback_model.rollback(world.job())
    assert "finished what a killed rollback had begun: champion is industry/1" in capsys.readouterr().out
    assert world.champion() == ("industry/1", ["1"])


@pytest.mark.long
def test_a_first_model_that_was_refused_is_overruled(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It is published, as there is nobody else, but nobody is champion: the command that overrules makes it so."""
    client = world.runs.client
    client.set_model_version_tag("industry", "1", "gate", "refused")
    client.delete_registered_model_alias("industry", "champion")
    client.delete_registered_model_tag("industry", "champions")
    rollback_model.rollback(world.job(to=1))
    said = capsys.readouterr()
    assert "the gate had refused industry/1: overruled by this command" in said.out + said.err
    assert "industry/1 is what industry_scores comes from already: champion from now on" in said.out
    assert world.champion() == ("industry/1", ["1"])
    assert client.get_model_version("industry", "1").tags["gate"] == "overruled"
    assert [(row["model"], row["gate"]) for row in world.read("industry_models").collect()] == [
        ("industry/1", "overruled")
    ]


def test_a_fatal_finding_stops_before_training_and_is_in_a_failed_run(world: World) -> None:
    before = world.champion()
    leak = Finding("label", "the label can be read off f0", 1.0, fatal=True, fix="take f0 out")
    with pytest.MonkeyPatch.context() as patch:
        audited = Audit((leak,), {"largest_feature_auc": 1.0})
        patch.setattr(train_industry, "_audited", AUDITED)
        patch.setattr(train_industry, "gather", lambda *_: None)
        patch.setattr(train_industry, "audit", lambda *_: audited)
        patch.setattr(train_industry, "TOKEN_FEATURES", BASETABLE)
        patch.setattr(train_industry, "ACTIVITY", BASETABLE)
        patch.setattr(train_industry, "TOKENS", BASETABLE)
        with pytest.raises(InputProblem, match=r"the label can be read off f0 \(take f0 out\)"):
            train_industry.train_industry(world.job(force=True))
    [run] = world.runs.client.search_runs([world.runs.experiment_id], "attributes.status = 'FAILED'")
    assert run.data.tags["failure"] == "the label can be read off f0"
    assert run.data.metrics["audit/fatal"] == 1
    assert [one.path for one in world.runs.client.list_artifacts(run.info.run_id, "tables")] == ["tables/audit.csv"]
    assert world.champion() == before


AUDITED = train_industry._audited


def test_nothing_was_trained_yet(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rollback", "--model", "industry", "--data-dir", str(tmp_path)]) == Exit.INPUT
    assert "run `segmentation industry` first" in capsys.readouterr().err
