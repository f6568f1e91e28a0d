"""Which basetable a training job speaks for, and whether anything changed since it last did."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.basetable.imputation import basetable_features
from segmentation.code_digest import code_digest
from segmentation.errors import InputProblem
from segmentation.features.feature import Feature
from segmentation.jobs.built import built_of, is_behind
from segmentation.jobs.stored_categories import stored_categories
from segmentation.models.catalogue import MODELS, Task
from segmentation.runtime import Job
from segmentation.schemas import (
    ACCOUNT_VALUES,
    ACCOUNTS,
    ACTIVITY,
    BASETABLE,
    CHURN_SCORES,
    EVENTS,
    INDUSTRY_SCORES,
    SEGMENTS,
    TOKENS,
)
from segmentation.stores.registry import RUN, promote
from segmentation.stores.runs import open_runs
from segmentation.table import Table

#: the tables behind a basetable, whose versions every model run keeps
LINEAGE = (EVENTS, ACTIVITY, ACCOUNTS, BASETABLE)
#: the tables that are read beside a basetable and may be of an earlier one; each stands for all that its command wrote
BESIDE = (SEGMENTS, INDUSTRY_SCORES, CHURN_SCORES, ACCOUNT_VALUES)
#: where the code is that decides what a section's training gives, beside the models' own; the basetable's is known by
#: its build, but churn makes features of earlier dates anew
_CODE = {
    "segments": ("segmentation.segments",),
    "industry": ("segmentation.industries",),
    "outlook": ("segmentation.outlook", "segmentation.features", "segmentation.basetable"),
}


def read_basetable(job: Job) -> tuple[dt.date, DataFrame, tuple[Feature, ...]]:
    """The as_of (of the settings, else the latest stored), its basetable, and the features in it."""
    stored, dates = job.tables.read(BASETABLE), job.tables.dates(BASETABLE)
    if not dates:
        raise InputProblem("no account is left in the basetable: run `segmentation basetable`")
    as_of = job.as_of or job.settings.basetable.as_of or dates[-1]
    if as_of not in dates:
        known = ", ".join(map(str, dates))
        raise InputProblem(
            f"no basetable as of {as_of} (there is {known}): run `segmentation basetable --as-of {as_of}`"
        )
    declared = basetable_features(stored_categories(job), job.settings.basetable.imputation)
    return as_of, stored.where(F.col("as_of") == F.lit(as_of)), declared


def tell_if_behind(job: Job, as_of: dt.date, features: Sequence[Feature]) -> None:
    """Say so where today's tables, settings and code would not build the basetable that `read_basetable` gave."""
    if is_behind(job, as_of, features):
        job.say(
            f"the basetable as of {as_of} would be built otherwise today (other tables, settings or code): "
            f"`segmentation basetable --as-of {as_of}` does so"
        )


def training_note(job: Job, as_of: dt.date, *sections: str, task: Task) -> str:
    """What a training run depends on, its code among it; equal notes mean equal results.

    Of the models' numbers it holds those of the task's models alone: a new grid for industries leaves segments be.
    """
    models = {one.name for one in MODELS if one.task == task}
    settings = job.settings.model_dump(mode="json", include={**dict.fromkeys(sections, True), "models": models})
    built = built_of(job, as_of)
    # basetables of other dates are no matter; where nothing tells of this one, the table as a whole is taken
    made = {"built": built.at} if built and built.at else {"built": job.tables.version(BASETABLE)}
    code = code_digest(["segmentation.models", *(one for section in sections for one in _CODE.get(section, ()))])
    return json.dumps({"as_of": str(as_of), "code": code, **made, **settings}, sort_keys=True)


def is_outdated(job: Job, table: Table, as_of: dt.date) -> bool:
    """Whether one of `BESIDE` comes from an earlier build of that basetable, by `training_note`.

    Values are forecast from the cube, not from a basetable: they are outdated when it is another one, in the eyes of
    their own command. False where nothing tells: the note speaks of the date trained last.
    """
    noted = json.loads(job.tables.note(table) or "{}")
    if noted.get("as_of") != str(as_of):
        return False
    if table is ACCOUNT_VALUES:
        return any(noted.get(name) != now for name, now in job.tables.versions([ACTIVITY, TOKENS]).items())
    built = built_of(job, as_of)
    return built is not None and built.at not in (None, noted.get("built"))


def published_models(job: Job, table: Table, as_of: dt.date | None = None) -> tuple[dt.date, list[str]]:
    """The as_of, else the latest, and the registered models that its rows name: what readers take for that day's."""
    named = job.tables.read(table).select("as_of", "model").distinct().collect()
    date: dt.date = as_of or max(row["as_of"] for row in named)
    return date, sorted(r["model"] for r in named if r["as_of"] == date and not r["model"].startswith(RUN))


def promote_published(job: Job, table: Table, as_of: dt.date) -> None:
    """Make the models behind the latest rows of a published table the champions: the alias follows what readers see.

    A run that was killed between the two is made good by the next one. Training for an `as_of` before the latest
    moves no alias, and says so.
    """
    latest, models = published_models(job, table)
    for model in promote(open_runs(job.settings.storage, job.data_dir), models):
        job.say(f"model {model} is not in MLflow any more: --force trains it again")
    if latest > as_of:
        job.say(
            f"the champion stays {', '.join(models)}, by which {table.name} speaks for {latest}, later than {as_of}"
        )
