"""Plans of the stages that read a basetable, or the cube again: every frame that they start, and what they give."""

from __future__ import annotations

import datetime as dt
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.exploration.result import explore
from segmentation.features.feature import Feature
from segmentation.features.months import months_before
from segmentation.features.tokens import main_accounts
from segmentation.industries.audit_exhibits import gather
from segmentation.industries.scoring import best_industries, score_industries
from segmentation.jobs.export_accounts import _rows
from segmentation.jobs.freshness import read_basetable
from segmentation.jobs.report_tables import read_inputs
from segmentation.jobs.segment_history import _of
from segmentation.outlook.days import first_value_month, value_days
from segmentation.outlook.snapshots import seen_from, snapshot
from segmentation.reports.export import export_rows, tables_of
from segmentation.runtime import Job
from segmentation.schemas import ACTIVITY, BASETABLE, EVENTS, SEGMENTS, TOKEN_FEATURES, TOKENS
from segmentation.segments.evolution import moves
from segmentation.segments.rfm import account_rfm
from segmentation.segments.scoring import SEGMENT, best_segments, score_segments
from segmentation.stores.capabilities import setting
from segmentation.stores.conf import load_settings
from segmentation.stores.runs import load_model, open_runs
from segmentation.table import Table
from tests.plans.conftest import CATEGORIES, SLOW, Plan, Read, Started
from tests.walk import AS_OF

Models = Mapping[str, PipelineModel]
QUARTER_AGO = months_before(AS_OF, 3)


@dataclass(frozen=True)
class Given:
    """What there is when a stage begins."""

    job: Job
    basetable: DataFrame
    features: Sequence[Feature]
    models: Models

    def read(self, table: Table) -> DataFrame:
        return self.job.tables.read(table)


def _explored(given: Given) -> DataFrame:
    cube, tokens, settings = given.read(ACTIVITY), given.read(TOKENS), given.job.settings.explore
    return explore(given.read(EVENTS), cube, tokens, given.basetable, AS_OF, settings).gaps


def _audited(given: Given) -> None:
    measured, cube, tokens = given.read(TOKEN_FEATURES), given.read(ACTIVITY), given.read(TOKENS)
    gather(given.basetable, measured, cube, tokens, AS_OF, given.features)


def _reported(given: Given) -> None:
    read_inputs(given.job)


def _exported(given: Given) -> DataFrame:
    columns = given.job.settings.export.columns
    parts = {table.name: _rows(given.job, table, AS_OF) for table in tables_of(columns)[1:]}
    stored = {name: rows for name, rows in parts.items() if rows is not None}
    return export_rows({BASETABLE.name: given.basetable, **stored}, columns)


def _valued(given: Given) -> DataFrame:
    cube = given.read(ACTIVITY)
    first_value_month(cube, AS_OF)
    return value_days(cube, main_accounts(cube, given.read(TOKENS), AS_OF), AS_OF, QUARTER_AGO)


def _remembered(given: Given) -> DataFrame:
    settings = given.job.settings.basetable
    return snapshot(given.read(ACTIVITY), given.read(TOKENS), QUARTER_AGO, 3, CATEGORIES, (1, False), settings)


def _moved(given: Given) -> DataFrame:
    stored, model = given.read(SEGMENTS), given.models["segments_kmeans"]
    scored = model.transform(given.basetable).select("account_id", F.col(SEGMENT).alias("segment"))
    same, before = scored.withColumn("method", F.lit("kmeans")), _of(stored, "kmeans", dt.date(2025, 12, 1))
    return moves(before, same, stored.where(F.col("as_of") == F.lit(AS_OF)))


def _scored(by: Callable[..., DataFrame], model: str, *also: str) -> Callable[[Given], DataFrame]:
    return lambda given: by(given.models[model], given.basetable, *also)


@dataclass(frozen=True)
class Stage:
    """A stage, and what the plans of all its frames have between them."""

    start: Callable[[Given], DataFrame | None]
    scans: Mapping[str, int]
    exchanges: int


OF_BASETABLE = {"basetable": 1}
#: of the dates that a report compares there is one, and no forecast
REPORTED = (
    "basetable", "segments", "segment_summaries", "segment_profiles", "segment_moves", "account_rfm",
    "account_positions", "industry_cards", "industry_fill", "industry_models", "industry_metrics",
    "industry_coverage", "industry_drivers", "industry_suspects", "ingest_ledger", "row_balance", "event_names",
    "tokens",
)  # fmt: skip
STAGES = {
    # events: what stands in the columns, and how often; cube: owners, heavy hitters, coverage, gaps
    "exploration": Stage(_explored, {"events": 2, "activity": 4, "tokens": 2, "basetable": 1}, 13),
    "audit": Stage(_audited, {"basetable": 4, "token_features": 2, "activity": 1, "tokens": 1}, 5),
    # cube: owners, categories
    "report": Stage(_reported, {**dict.fromkeys(REPORTED, 1), "activity": 2}, 6),
    # segments: which methods there are, and the rows of one; exchanges: these methods, the order of the file
    # industry_models: whether the gate refused them
    "export": Stage(
        _exported, {"basetable": 1, "segments": 2, "account_rfm": 1, "industry_models": 1, "industry_fill": 1}, 2
    ),
    # cube: the first month with a value, owners, days
    "value": Stage(_valued, {"activity": 3, "tokens": 1}, 5),
    # cube: owners, tokens, products, who was seen later by token and by account (which are one when it runs)
    "snapshot": Stage(_remembered, {"activity": 5, "tokens": 2}, 12),
    "use": Stage(lambda given: account_rfm(given.basetable), OF_BASETABLE, 1),
    "segments": Stage(_scored(score_segments, "segments_kmeans", "kmeans"), OF_BASETABLE, 0),
    "best segments": Stage(_scored(best_segments, "segments_kmeans"), OF_BASETABLE, 0),
    "industries": Stage(_scored(score_industries, "industry"), OF_BASETABLE, 0),
    "best industries": Stage(_scored(best_industries, "industry"), OF_BASETABLE, 0),
    # segments: those before, those of now
    "moves": Stage(_moved, {"basetable": 1, "segments": 2}, 0),
}


@pytest.fixture(scope="module")
def models(spark: SparkSession, walked: Path, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """What the walk trained, from a copy: to load a model writes beside it."""
    folder: Path = tmp_path_factory.mktemp("models")
    shutil.copy(walked / "mlflow.db", folder)
    shutil.copytree(walked / "mlartifacts", folder / "mlartifacts")
    runs = open_runs(load_settings("local").storage, folder)
    return {name: load_model(runs, f"{name}/1") for name in ("segments_kmeans", "industry")}


@pytest.fixture
def given(job: Job, models: Models) -> Given:
    _, basetable, features = read_basetable(job)
    return Given(job, basetable, features, models)


@pytest.mark.parametrize("name", STAGES)
def test_stages_scan_no_more_than_they_need_and_no_other_dates(given: Given, started: Started, name: str) -> None:
    stage = STAGES[name]
    last = stage.start(given)
    plans = [*started.plans, *([] if last is None else [Plan(last)])]
    for plan in plans:
        plan.require_none_of(*SLOW)
        plan.require_files_left_out()
    scans: Counter[str] = sum((Counter(plan.tables) for plan in plans), Counter())
    assert dict(scans) == stage.scans
    assert sum(plan.exchanges for plan in plans) == stage.exchanges


def test_who_was_seen_later_is_computed_once(spark: SparkSession, read: Read, owners: DataFrame) -> None:
    """By token and by account it is one exchange; which one serves twice is told before Spark adapts a plan."""
    with setting(spark, "spark.sql.adaptive.enabled", "false", "a look at what serves twice"):
        plan = Plan(seen_from(read("activity"), read("tokens"), owners, QUARTER_AGO, 3))
    assert plan.tables == {"activity": 1, "tokens": 1}
    assert plan.count("ReusedExchange") == 1
    plan.require_none_of(*SLOW)
    plan.require_files_left_out()
