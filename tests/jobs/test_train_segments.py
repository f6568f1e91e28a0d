"""The job goes on from the run before: two months, the second trained twice, and a third that lacks a feature."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.jobs import rollback_model
from segmentation.jobs import train_segments as module
from segmentation.runtime import Job
from segmentation.schemas import (
    ACCOUNT_FEATURES,
    ACCOUNT_RFM,
    ACCOUNTS,
    BASETABLE,
    SEGMENT_MOVES,
    SEGMENT_PROFILES,
    SEGMENT_SUMMARIES,
    SEGMENTS,
)
from segmentation.segments.evolution import Decomposed, decompose
from segmentation.segments.profiles import hedges_g
from segmentation.segments.result import SegmentationRun
from segmentation.settings import Settings
from segmentation.stores.registry import champion
from segmentation.stores.runs import open_runs
from tests.models import planted

MAY, JUNE, JULY = dt.date(2026, 5, 1), dt.date(2026, 6, 1), dt.date(2026, 7, 1)
MOVED = 6
#: what July's basetable does not have any more
GONE = "licensing_share_year"
#: what cannot be measured for accounts whose value in the basetable is below that
GAPS, BELOW = "document_share_year", 0.1


def settings(k: int = 3) -> Settings:
    base = yaml.safe_load((Path(__file__).parents[2] / "conf" / "base.yml").read_text())
    base["segments"] |= {"methods": ["kmeans"], "k": k, "resamples": 0}
    base["segments"]["space"]["held_out"] = ["active_days_year"]
    return Settings.model_validate(base)


def months() -> pd.DataFrame:
    """May, and June: the same but for six accounts of the first kind, who use it like the last kind in May.

    July is June without a feature: its column stays in the table, for the sake of the months before.
    """
    may = planted.groups().assign(as_of=MAY, industry=None, split="train", fold=0)
    may = may.assign(all_days_since_last=1.0 + may["kind"], all_active_days_year=may["document_active_days_year"])
    june = may.assign(as_of=JUNE)
    measures = [name for name in may.columns if may[name].dtype == np.float64] + ["dominant_os"]
    movers, models = (june.index[june["kind"] == kind][:MOVED] for kind in (0, 2))
    june.loc[movers, measures] = may.loc[models, measures].to_numpy()
    july = june.assign(as_of=JULY, **{GONE: np.nan})
    return pd.concat([may, june, july], ignore_index=True).drop(columns="kind").astype({"fold": "int32"})


@pytest.fixture(scope="module")
def job(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("data")
    job = Job("segments", argparse.Namespace(force=False), settings(), folder, dt.datetime(2026, 6, 2, tzinfo=dt.UTC))
    job._spark = spark
    frame = months()
    kinds = {"object": "string", "int32": "int", "float64": "double"}
    schema = ", ".join(f"`{name}` {kinds[str(kind)]}" for name, kind in frame.drop(columns="as_of").dtypes.items())
    rows = spark.createDataFrame(frame.values.tolist(), f"as_of date, {schema}")
    rows = rows.withColumn(GONE, F.nanvl(GONE, F.lit(None)))
    job.tables.replace(rows, BASETABLE, note='{"2025-01-01": {"label": "trade"}}')
    known = F.when(F.col(GAPS) >= BELOW, F.col(GAPS))
    job.tables.replace(rows.select("as_of", "account_id", known.alias(GAPS)), ACCOUNT_FEATURES)
    accounts = [(name, "Toys", "North") for name in frame["account_id"].unique()]
    job.tables.replace(spark.createDataFrame(accounts, "account_id string, trade string, region string"), ACCOUNTS)
    job.publish()
    return job


def run(job: Job, as_of: dt.date, force: bool = False) -> None:
    with pytest.MonkeyPatch.context() as patch:
        rows = job.tables.read(BASETABLE).where(F.col("as_of") == F.lit(as_of))
        features = [one for one in planted.usage_features() if as_of < JULY or one.name != GONE]
        patch.setattr(module, "read_basetable", lambda _: (as_of, rows, features))
        patch.setattr(module, "LINEAGE", (BASETABLE, ACCOUNTS))
        job.args.force = force
        module.train_segments(job)


def table(frame: DataFrame, *keys: str) -> pd.DataFrame:
    return frame.drop("model").toPandas().sort_values(list(keys), ignore_index=True)


@pytest.fixture(scope="module")
def trained(job: Job) -> Job:
    run(job, MAY)
    run(job, JUNE)
    return job


def test_ids_and_names_go_on_and_every_table_has_both_months(trained: Job) -> None:
    told = trained.tables.read(SEGMENT_SUMMARIES).orderBy("as_of", "segment").collect()
    assert [(row["as_of"], row["segment"], row["change"], row["previous"]) for row in told] == [
        *((MAY, segment, "first", []) for segment in range(3)),
        *((JUNE, segment, "kept", [segment]) for segment in range(3)),
    ]
    assert [row["name"] for row in told[3:]] == [row["name"] for row in told[:3]]
    assert told[3]["accounts"] == told[0]["accounts"] - MOVED
    for one in (SEGMENTS, SEGMENT_PROFILES, ACCOUNT_RFM):
        assert {row["as_of"] for row in trained.tables.read(one).select("as_of").distinct().collect()} == {MAY, JUNE}


def test_who_moved_moved_by_himself(trained: Job) -> None:
    moved = trained.tables.read(SEGMENT_MOVES)
    assert decompose(moved) == [Decomposed("kmeans", "2026-05-01", 120, MOVED, 0, MOVED)]
    gone = moved.where("segment != previous_segment").select("previous_segment", "same_model", "segment").distinct()
    assert [tuple(row) for row in gone.collect()] == [(0, 2, 2)]


def test_segments_are_described_by_what_could_be_measured_alone(trained: Job) -> None:
    may = F.col("as_of") == F.lit(MAY)
    placed = trained.tables.read(SEGMENTS).where(may).select("account_id", "segment")
    rows = trained.tables.read(BASETABLE).where(may).join(placed, "account_id").toPandas()
    known = rows[GAPS].where(rows[GAPS] >= BELOW).to_numpy()[:, None]
    assert 20 < np.isnan(known).sum() < 70
    expected, low, high = hedges_g(known, rows["segment"].to_numpy() == 0)
    told = trained.tables.read(SEGMENT_PROFILES).where(may & (F.col("feature") == GAPS) & (F.col("segment") == 0))
    [found] = told.collect()
    assert [found["effect"], found["low"], found["high"]] == pytest.approx([expected[0], low[0], high[0]])


def test_the_label_is_no_attribute(trained: Job) -> None:
    attributes = module._attributes(trained, MAY)
    assert attributes is not None
    assert list(attributes.columns) == ["account_id", "region"]


@pytest.mark.long
def test_training_again_gives_the_same_rows_and_the_champion_is_what_readers_see(trained: Job) -> None:
    read = {
        one.name: (one, table(trained.tables.read(one), *one.unique_by))
        for one in (SEGMENTS, SEGMENT_SUMMARIES, SEGMENT_PROFILES, SEGMENT_MOVES, ACCOUNT_RFM)
    }
    run(trained, JUNE, force=True)
    for one, before in read.values():
        pd.testing.assert_frame_equal(table(trained.tables.read(one), *one.unique_by), before, check_exact=True)
    latest = trained.tables.read(SEGMENTS).where(F.col("as_of") == F.lit(JUNE)).select("model").distinct().collect()
    assert [row["model"] for row in latest] == ["segments_kmeans/3"]
    assert champion(open_runs(trained.settings.storage, trained.data_dir), "segments_kmeans") == "segments_kmeans/3"


def go_back(job: Job, as_of: dt.date = JULY, to: int | None = None) -> None:
    """`segmentation rollback --model segments_kmeans`, whose latest published rows are of as_of."""
    job.args.model, job.args.to = "segments_kmeans", to
    with pytest.MonkeyPatch.context() as patch:
        rows = job.tables.read(BASETABLE).where(F.col("as_of") == F.lit(as_of))
        patch.setattr(rollback_model, "read_basetable", lambda _: (as_of, rows, ()))
        rollback_model.rollback(job)


def test_a_model_gone_back_to_counts_the_accounts_of_today(trained: Job) -> None:
    go_back(trained, JUNE, to=1)
    june = F.col("as_of") == F.lit(JUNE)
    placed = dict(trained.tables.read(SEGMENTS).where(june).groupBy("segment").count().collect())
    told = trained.tables.read(SEGMENT_SUMMARIES).where(june).orderBy("segment").collect()
    assert {row["segment"]: row["accounts"] for row in told} == placed
    may = trained.tables.read(SEGMENT_SUMMARIES).where(F.col("as_of") == F.lit(MAY)).orderBy("segment").first()
    assert may is not None
    assert placed[0] == may["accounts"] - MOVED == 24
    assert [(row["change"], row["previous"]) for row in told] == [("kept", [segment]) for segment in range(3)]
    assert told[0]["share"] == pytest.approx(24 / 120)
    assert told[0]["sentence"].startswith("24 accounts (20 % of all). ")


def test_a_model_that_reads_a_feature_of_the_past_moves_nobody_and_is_not_gone_back_to(
    trained: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    run(trained, JULY)
    july = F.col("as_of") == F.lit(JULY)
    assert trained.tables.read(SEGMENTS).where(july).count() == 120
    assert trained.tables.read(SEGMENT_MOVES).where(july).count() == 0
    said = capsys.readouterr().err
    assert "moves of kmeans since 2026-06-01 are not counted: segments_kmeans/" in said
    assert f"reads features that the basetable does not have any more (it lacks {GONE})" in said
    told = rf"as of 2026-07-01 has other columns than segments_kmeans/\d was trained on: it lacks {GONE}\."
    with pytest.raises(InputProblem, match=told):
        go_back(trained)


@pytest.mark.long
def test_the_ids_of_a_model_taken_back_are_not_given_out_again(trained: Job) -> None:
    run(trained, JULY)  # without news where the test above has run
    trained.settings = settings(k=6)
    run(trained, JULY, force=True)
    taken_back, _ = ids(trained)
    assert len(taken_back) == 6
    go_back(trained)
    assert ids(trained) == ({0, 1, 2}, taken_back - {0, 1, 2})
    trained.settings = settings(k=5)
    run(trained, JULY, force=True)
    living, ended = ids(trained)
    assert len(living) == 5
    assert not (living - {0, 1, 2}) & taken_back
    assert living | ended >= taken_back


def ids(job: Job) -> tuple[set[int], set[int]]:
    """July's segments that have accounts, and those that ended."""
    rows = job.tables.read(SEGMENT_SUMMARIES).where(F.col("as_of") == F.lit(JULY)).collect()
    ended = {row["segment"] for row in rows if row["change"] == "ended"}
    assert ended == {row["segment"] for row in rows if row["accounts"] == 0}
    return {row["segment"] for row in rows} - ended, ended


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("hdbscan", "its method found no segments this time, as it found 1 dense region"),
        ("consensus", "fewer than two methods found segments this time"),
        ("kmeans", "the training that was done again for this date has other segments"),
        ("ward", "its method was not trained again for this date"),
    ],
)
def test_why_a_segment_of_the_same_date_is_no_more(method: str, said: str) -> None:
    found = SimpleNamespace(skipped={"hdbscan": "it found 1 dense region"}, results=[SimpleNamespace(method="kmeans")])
    assert module._why_ended(method, cast(SegmentationRun, found)) == said
