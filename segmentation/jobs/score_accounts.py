"""A basetable of any date -> what today's champion models say of its accounts, in `account_scores`."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arguments import add_as_of
from segmentation.checkpoint import settled
from segmentation.errors import CannotAnswer, InputProblem
from segmentation.features.feature import Feature
from segmentation.industries.gate import REFUSED
from segmentation.industries.scoring import best_industries
from segmentation.jobs.freshness import read_basetable
from segmentation.jobs.kept_models import require_columns
from segmentation.models.columns import filled_columns
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import ACCOUNT_SCORES, BASETABLE
from segmentation.segments.scoring import best_segments
from segmentation.segments.space import hold_out
from segmentation.stores.registry import CHALLENGER, GATE, champion, find_version, version_of
from segmentation.stores.run_database import has_runs
from segmentation.stores.runs import INDUSTRY_MODEL, Runs, load_model, open_runs, segments_model
from segmentation.table import of_date

_NOBODY = "no model is champion yet, so nobody can score: run `segmentation segments` and `segmentation industry`"


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_as_of(parser)
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME",
        help="registered name: industry, segments_kmeans, ...; may be repeated (default: all that have a champion)",
    )
    parser.add_argument(
        "--ignore-new-columns",
        action="store_true",
        help="score although the basetable has features that the model was not trained on",
    )


def score_accounts(job: Job) -> None:
    """Score every account of the basetable by the champions; rows that are there already are updated."""
    if not has_runs(job.settings.storage, job.data_dir):
        raise InputProblem(_NOBODY)
    runs = open_runs(job.settings.storage, job.data_dir)
    champions = _champions(job, runs)
    as_of, basetable, features = read_basetable(job)
    version = job.tables.version(BASETABLE)
    accounts, before = basetable.count(), _scored(job, as_of)
    done = {name: {model: (accounts, version)} for name, model in champions.items()}
    todo = {name: champions[name] for name in champions if job.args.force or before.get(name) != done[name]}
    kept = [champions[name] for name in champions if name not in todo]
    if kept:
        job.show(f"scores as of {as_of}: nothing has changed, kept as they are, by {', '.join(kept)}")
    if not todo:
        return
    todo = _able(job, basetable, features, as_of, todo, bool(kept))
    if not todo:
        return
    with job.stage(f"scored by {', '.join(todo.values())}"):
        rows = reduce(DataFrame.unionByName, (_answers(runs, basetable, name, model) for name, model in todo.items()))
        stamped = rows.withColumns(
            {
                "basetable_version": F.lit(version).cast("long"),
                "scored_at": F.to_timestamp(F.lit(job.now.isoformat(sep=" "))),
            }
        )
        names = ", ".join(f"'{name}'" for name in todo)
        where = f"old.{of_date(as_of)} AND old.model_name IN ({names})"
        job.tables.upsert(stamped, ACCOUNT_SCORES, where=where)
        job.publish()
    for name, model in todo.items():
        known = sum(count for count, _ in before.get(name, {}).values())
        told = f", in place of {known:,} scores that were there" if known else ""
        job.show(f"scores as of {as_of}: {accounts:,} accounts by {model}{told}")


def _champions(job: Job, runs: Runs) -> dict[str, str]:
    """Name -> `name/version`. Raises InputProblem for a name that nobody is champion of, or when there is none.

    Without --model one that the gate refused is left out, and told of.
    """
    possible = [INDUSTRY_MODEL, *map(segments_model, job.settings.segments.methods)]
    found, refused = {}, []
    for name in job.args.model or possible:
        model = champion(runs, runs.prefix + name)
        if model is not None:
            found[name] = model
        elif job.args.model:
            raise InputProblem(_without_champion(job, runs, name, possible))
        elif _refused(runs, name):
            refused.append(_without_champion(job, runs, name, possible))
    if not found:
        raise InputProblem("; ".join(refused) or _NOBODY)
    for line in refused:
        job.say(line)
    return found


def _without_champion(job: Job, runs: Runs, name: str, possible: Sequence[str]) -> str:
    if name not in possible:
        return f"--model {name}: there is no such model; give one of {', '.join(possible)}"
    if refused := _refused(runs, name):
        overrule = job.command(f"rollback --model {name} --to {refused.rpartition('/')[2]}")
        return (
            f"{name} has no champion: the gate refused {refused}; look at its reasons in MLflow, then train anew or "
            f"overrule it with `{overrule}`"
        )
    command = "industry" if name == INDUSTRY_MODEL else "segments"
    told = "" if name == INDUSTRY_MODEL else " (ward, hdbscan and the consensus keep no model that could score)"
    return f"{name} has no champion{told}: run `segmentation {command}` first"


def _refused(runs: Runs, name: str) -> str | None:
    """The challenger, where the gate refused it: one that passed is a challenger, too, until it is champion."""
    latest = version_of(runs, runs.prefix + name, CHALLENGER)
    version = find_version(runs, latest) if latest else None
    return latest if version is not None and version.tags.get(GATE) == REFUSED else None


def _scored(job: Job, as_of: dt.date) -> dict[str, dict[str, tuple[int, int]]]:
    """Model name -> model -> how many accounts of as_of it scored, and of which version of the basetable."""
    if not job.tables.exists(ACCOUNT_SCORES):
        return {}
    rows = job.tables.read(ACCOUNT_SCORES).where(F.col("as_of") == F.lit(as_of))
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for row in rows.groupBy("model_name", "model", "basetable_version").count().collect():
        found.setdefault(row["model_name"], {})[row["model"]] = (row["count"], row["basetable_version"])
    return found


def _able(
    job: Job,
    basetable: DataFrame,
    features: Sequence[Feature],
    as_of: dt.date,
    champions: Mapping[str, str],
    has_answers: bool,
) -> dict[str, str]:
    """The champions that can answer for the basetable; raises InputProblem naming the columns that one differs by.

    Without --model, as long as another can answer, or has (`has_answers`), one that cannot is left out, and told of.
    """
    used, _ = hold_out(features, job.settings.segments.space.held_out)
    held_out = {feature.name for feature in features} - {feature.name for feature in used}
    filled, able, problems = filled_columns(basetable), dict[str, str](), list[CannotAnswer]()
    for name, model in champions.items():
        unread = filled if job.args.ignore_new_columns else set() if name == INDUSTRY_MODEL else held_out
        try:
            require_columns(model, basetable, as_of, filled, unread)
            able[name] = model
        except CannotAnswer as problem:
            problems.append(problem)
    if problems and (job.args.model or not (able or has_answers)):
        raise problems[0]
    for one in problems:
        job.say(f"left out: {one}")
    return able


def _answers(runs: Runs, basetable: DataFrame, name: str, model: str) -> DataFrame:
    loaded = load_model(runs, model)
    answers = best_industries(loaded, basetable) if name == INDUSTRY_MODEL else best_segments(loaded, basetable)
    # a merge reads its source twice
    return settled(answers.withColumns({"model_name": F.lit(name), "model": F.lit(model)}))


JOB = JobSpec("score", "score the accounts of any date by the champion models", _arguments, score_accounts, tracks=True)
