"""A champion that the gate keeps cannot always answer: for other columns, another label. Models needed no training."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.errors import CannotAnswer
from segmentation.industries.audit import Audit
from segmentation.industries.gate import OVERRULED
from segmentation.industries.result import Recipe
from segmentation.jobs import rollback_model, train_industry
from segmentation.jobs.kept_models import foreign_names
from segmentation.schemas import BASETABLE
from segmentation.stores.registry import CHALLENGER, GATE, LABEL, RECIPE, find_version
from tests.industries import made_up
from tests.jobs.test_rollback import AS_OF, BETTER, FIRST, WORSE, World, train
from tests.models import planted

BEFORE, AFTER = dt.date(2025, 12, 1), dt.date(2026, 2, 1)
INDUSTRY_1, TODAYS = "the champion industry/1", "it is judged with today's"
COUNTRIES = {"Food & drink": "DE", "Toys": "US"}


class Changing(World):
    """A world whose basetable is built for other dates, and with other labels and columns."""

    as_of = AS_OF

    def build(self, basetable: DataFrame, as_of: dt.date, label: str = "industry") -> None:
        self.as_of, self.basetable = as_of, basetable.withColumn("as_of", F.lit(as_of)).localCheckpoint()
        job, note = self.job(), {"as_of": str(as_of), "label": label, "basetable": {"label_groups": {}}}
        job.tables.replace(self.basetable, BASETABLE, where=f"as_of = DATE '{as_of}'", note=json.dumps(note))
        job.publish()

    def published(self) -> dict[tuple[dt.date, str], set[str]]:
        """Date and model -> the industries that are answered."""
        found: dict[tuple[dt.date, str], set[str]] = {}
        for row in self.read("industry_scores").select("as_of", "model", "industry").distinct().collect():
            found.setdefault((row["as_of"], row["model"]), set()).add(row["industry"])
        return found


@pytest.fixture(scope="module")
def labelled(spark: SparkSession) -> DataFrame:
    rows = planted.labelled({"Food & drink": 0.6, "Toys": 0.4}, {"Toys": 2.0}, n=100)
    return made_up.with_label_nulls(spark.createDataFrame(rows)).localCheckpoint()


@pytest.fixture(scope="module")
def world(spark: SparkSession, labelled: DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changing]:
    with begun(spark, labelled, tmp_path_factory.mktemp("data")) as here:
        yield here


@contextmanager
def begun(spark: SparkSession, labelled: DataFrame, folder: Path) -> Iterator[Changing]:
    """One date, and a champion for it."""
    here = Changing(spark, folder, labelled)
    with pytest.MonkeyPatch.context() as patch:
        for module in (train_industry, rollback_model):
            patch.setattr(module, "read_basetable", lambda job: (here.as_of, here.basetable, ()))
        patch.setattr(train_industry, "LINEAGE", (BASETABLE,))
        patch.setattr(train_industry, "_audited", lambda *_: Audit(()))
        here.build(labelled, AS_OF)
        train(here, FIRST, loss=1.0, reg_param=0.01)
        yield here


def test_a_model_for_an_earlier_date_is_not_called_champion(
    world: Changing, labelled: DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    world.build(labelled, BEFORE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_industry, "store_trained", lambda *_: None)  # its commits are of no matter here
        train(world, BETTER, loss=0.5, reg_param=0.3)
    said = capsys.readouterr().out
    assert "/2 passed the gate; the champion stays industry/1, because industry_scores speaks for a later date" in said
    assert "is champion" not in said
    assert world.champion() == ("industry/1", ["1"])


def test_the_champion_is_judged_with_the_parameters_that_it_was_trained_with(
    world: Changing,
) -> None:
    """Those of the settings may have become worse since, and would then be held against themselves."""
    today = dict(world.job().settings.models["lasso"].params)
    point, tags = {"regParam": 0.01}, find_version(world.runs, "industry/1").tags

    def of(**more: object) -> tuple[Recipe | None, list[str]]:
        kept = {"model": "lasso", "params": point, **more}
        world.runs.client.set_model_version_tag("industry", "1", RECIPE, json.dumps(kept))
        try:
            found = train_industry._champion(world.job(), world.runs)
        finally:
            world.runs.client.set_model_version_tag("industry", "1", RECIPE, tags[RECIPE])
        return found.made_by, train_industry._stand_in(found, True, 3.0)

    assert json.loads(tags[RECIPE])["fixed"] == today
    assert of(fixed=today, class_weight_cap=3.0) == (Recipe("lasso", point), [])
    other = {**today, "elasticNetParam": 0.5}
    assert of(fixed=other, class_weight_cap=3.0) == (Recipe("lasso", point, other), [])
    assert of() == (Recipe("lasso", point), [f"{INDUSTRY_1} was kept without its fixed parameters: {TODAYS}"])
    assert of(fixed=today, class_weight_cap=5.0)[1] == [f"{INDUSTRY_1} was trained with class_weight_cap 5: {TODAYS}"]
    with_other = train_industry._Champion("industry/1", Recipe("lasso", point, {"alpha": 1.0}))
    [alone] = train_industry._stand_in(with_other, False, 3.0)
    assert alone.startswith("the champion industry/1 (lasso alpha=1.0 regParam=0.01) cannot be trained again today")


def test_where_a_feature_went_away_a_refusal_leaves_the_tables_as_they_are(
    world: Changing, labelled: DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    world.build(labelled.withColumn("f0", F.lit(None).cast("double")), AFTER)
    train(world, WORSE, loss=1.5, reg_param=0.5)
    said = capsys.readouterr().out
    assert "nothing is published, the tables stay as they are: the basetable as of 2026-02-01 has other" in said
    assert "columns than industry/1 was trained on: it lacks f0." in said
    versions = len(world.runs.client.search_model_versions("name='industry'"))
    train(world, WORSE, loss=1.5, reg_param=0.5, force=False)  # the same would come out again
    said = capsys.readouterr().out
    assert f"nothing has changed since the gate refused industry/{versions}; nothing is published" in said
    assert len(world.runs.client.search_model_versions("name='industry'")) == versions
    assert world.published() == {(AS_OF, "industry/1"): set(made_up.INDUSTRIES)}
    # but that there was a refusal is written down, for the report and the export
    kept = {row["as_of"]: row for row in world.read("industry_models").collect()}
    assert (kept[AS_OF]["model"], kept[AS_OF]["gate"], kept[AS_OF]["refused"]) == ("industry/1", "passed", None)
    assert (kept[AS_OF]["trained_for"], kept[AS_OF]["labels_checked"]) == (AS_OF, True)
    assert kept[AS_OF]["trained_at"].year >= 2026
    [refused] = [one.version for one in world.runs.client.search_model_versions("name='industry'")
                 if CHALLENGER in find_version(world.runs, f"industry/{one.version}").aliases]  # fmt: skip
    assert (kept[AFTER]["model"], kept[AFTER]["refused"]) == (None, f"industry/{refused}")
    assert any("differs from the champion's by +0.5000" in why for why in kept[AFTER]["reasons"])
    assert not any(why.startswith("refused: ") for why in kept[AFTER]["reasons"])


def test_after_another_label_a_refusal_publishes_nothing_about_the_old_one_and_can_be_overruled(
    world: Changing, labelled: DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    world.build(labelled.replace(COUNTRIES, subset="industry"), AFTER, label="country")
    train(world, WORSE, loss=1.5, reg_param=0.5, industries=tuple(COUNTRIES.values()))
    said = capsys.readouterr().out
    assert "industry/1 answers another label than the basetable as of 2026-02-01 has: Food & drink, Toys are" in said
    assert world.published() == {(AS_OF, "industry/1"): set(made_up.INDUSTRIES)}
    refused = next(one for one in world.runs.client.search_model_versions("name='industry'") if CHALLENGER in
                   find_version(world.runs, f"industry/{one.version}").aliases)  # fmt: skip
    number = int(refused.version)
    assert f"overrule the gate with `segmentation rollback --model industry --to {number} --data-dir " in said

    rollback_model.rollback(world.job(to=number))
    assert world.published()[AFTER, f"industry/{number}"] == set(COUNTRIES.values())
    [model] = world.read("industry_models").where(F.col("as_of") == F.lit(AFTER)).collect()
    assert (model["model"], model["gate"], model["refused"]) == (f"industry/{number}", OVERRULED, None)
    assert (model["reasons"], model["labels_checked"]) == ([], False)
    assert {row["reasons"] for row in world.read("industry_fill").where(F.col("as_of") == F.lit(AFTER)).collect()} == {
        None
    }
    overruled = find_version(world.runs, f"industry/{number}")
    assert overruled is not None
    assert (overruled.tags[GATE], overruled.tags[LABEL]) == (OVERRULED, "country")
    assert world.champion()[0] == f"industry/{number}"

    with pytest.raises(CannotAnswer, match="basetable --label industry --as-of 2026-02-01"):
        rollback_model.rollback(world.job())
    assert world.champion()[0] == f"industry/{number}"


@pytest.mark.parametrize(
    ("labels", "trained", "asked", "foreign"),
    [
        (("Toys",), "industry", "industry", []),  # nobody is labelled as the other any more
        (("Toys",), None, "industry", []),
        (("Toys", "Meals"), "industry", "industry, grouped as 1a2b3c4d", ["Food & drink"]),
        (("Toys", "Food & drink", "Meals"), "industry", "branch", []),  # a column by another name
        (("DE", "US"), None, None, ["Food & drink", "Toys"]),
        (("DE", "US"), "industry", "industry", ["Food & drink", "Toys"]),
        ((), None, None, []),
    ],
)
def test_whether_a_model_answers_another_label(
    labels: Sequence[str], trained: str | None, asked: str | None, foreign: list[str]
) -> None:
    assert foreign_names(made_up.INDUSTRIES, labels, trained, asked) == foreign


def test_an_industry_that_no_account_has_any_more_is_filled_in_for_nobody(
    spark: SparkSession, labelled: DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Renamed, say: the champion knows it by its old name. And a champion whose files are gone answers nothing."""
    with begun(spark, labelled, tmp_path) as world:
        world.build(labelled.replace({"Toys": "Games"}, subset="industry"), AFTER)
        train(world, WORSE, loss=1.5, reg_param=0.5)
        assert "is labelled as by now, and fills these in for nobody: Toys" in capsys.readouterr().err
        toys = world.read("industry_cards").where("industry = 'Toys'").collect()
        assert {row["as_of"]: row["threshold"] for row in toys} == {AS_OF: 0.8, AFTER: None}
        filled = world.read("industry_fill").where((F.col("as_of") == F.lit(AFTER)) & (F.col("decision") == "fill"))
        assert filled.isEmpty()

        for made in [*tmp_path.rglob("MLmodel")]:
            shutil.rmtree(made.parent)
        train(world, WORSE, loss=1.5, reg_param=0.5)
        assert "nothing is published, the tables stay as they are: the files of the model" in capsys.readouterr().out
