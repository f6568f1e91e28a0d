"""Back to the model that was champion before: score with it again what readers see, in one command.

A training job without news leaves it at that; with news (or --force) it trains a challenger, which the gate holds
against the model gone back to.
"""

from __future__ import annotations

import argparse
import datetime as dt

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.industries.gate import OVERRULED, REFUSED
from segmentation.jobs.freshness import promote_published, published_models, read_basetable, training_note
from segmentation.jobs.industry_models import store_overruled
from segmentation.jobs.industry_tables import store_kept
from segmentation.jobs.kept_models import require_columns
from segmentation.jobs.rows import table_rows
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import INDUSTRY_SCORES, SEGMENT_MOVES, SEGMENT_PROFILES, SEGMENT_SUMMARIES, SEGMENTS
from segmentation.segments.describing import resized
from segmentation.segments.evolution import with_ended
from segmentation.segments.scoring import score_segments
from segmentation.stores.registry import (
    GATE,
    champion,
    champions,
    find_version,
    promote,
    tag_version,
    trained_for,
)
from segmentation.stores.run_tables import read_table
from segmentation.stores.runs import INDUSTRY_MODEL, Runs, load_model, open_runs, segments_model
from segmentation.table import of_date

ROLLED_BACK = "rolled_back"


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="registered name: industry, segments_kmeans, ..."
    )
    parser.add_argument("--to", type=int, metavar="VERSION", help="this version (default: the champion before)")


def rollback(job: Job) -> None:
    """Make an earlier version champion again and publish what it says; gives up nothing.

    A rerun finishes what a killed one began. Given again after it ended, the command goes back by one more; with `--to`
    it changes nothing.
    """
    name = job.args.model
    if name != INDUSTRY_MODEL and not name.startswith(segments_model("")):
        raise InputProblem(f"--model {name}: give {INDUSTRY_MODEL}, or {segments_model('')} and a method")
    table = INDUSTRY_SCORES if name == INDUSTRY_MODEL else SEGMENTS
    as_of, models = published_models(job, table)
    runs = open_runs(job.settings.storage, job.data_dir)
    registered = runs.prefix + name
    published = next((model for model in models if model.rpartition("/")[0] == registered), None)
    if published is None:
        known = ", ".join(model.rpartition("/")[0].removeprefix(runs.prefix) for model in models) or "none"
        raise InputProblem(f"no published row as of {as_of} comes from a model {name!r}; there is {known}")
    if _finished(job, runs, registered, published):
        return
    target = _target(runs, registered, job.args.to)
    if target == published:
        # the first model is published even where the gate refused it, as nobody else could answer
        overruled = _overrule(job, runs, target)
        if overruled and name == INDUSTRY_MODEL:
            store_overruled(job, runs, as_of, target)
            job.publish()
        promote_published(job, table, as_of)
        done = "champion from now on" if overruled else "nothing to do"
        job.show(f"{target} is what {table.name} comes from already: {done}")
        return
    as_of, note = _speaks_for(job, runs, target, as_of)
    with job.stage(f"scored by {target}"):
        _store(job, runs, target, as_of, note)
        job.publish()
    if find_version(runs, published):  # somebody may have deleted it, which is a reason to go back
        tag_version(runs, published, ROLLED_BACK, f"{job.now:%Y-%m-%d}: to {target}")
    promote_published(job, table, as_of)
    job.show(f"{name}: back from {published} to {target}; {table.name} as of {as_of} comes from it now")


def _finished(job: Job, runs: Runs, name: str, published: str) -> bool:
    """Whether a rollback had published and was killed before the alias followed: then that is all there was to do."""
    alias, past = champion(runs, name), champions(runs, name)
    promote(runs, [published])
    if alias is None or alias == published:
        return False
    then, now = alias.rpartition("/")[2], published.rpartition("/")[2]
    if now not in past or (then in past and past.index(then) < past.index(now)):
        return False  # a training job was killed there: its model is champion now, and may be gone back from
    if job.args.to not in (None, int(now)):
        return False  # another one is asked for now
    job.show(f"finished what a killed rollback had begun: champion is {published}")
    return True


def _target(runs: Runs, name: str, version: int | None) -> str:
    """`name/version` to go back to. Raises InputProblem when there is no such version."""
    past = champions(runs, name)
    if version is None:
        earlier = [number for number in past[:-1] if find_version(runs, f"{name}/{number}")]
        if not earlier:
            first = f"{name}/{past[-1]} is the first champion" if past else f"no version of {name} was champion yet"
            raise InputProblem(f"{first}: there is nothing to go back to; --to VERSION takes any registered version")
        return f"{name}/{earlier[-1]}"
    target = f"{name}/{version}"
    if find_version(runs, target) is None:
        raise InputProblem(f"there is no version {version} of {name}; champions were {', '.join(past) or 'none'}")
    return target


def _speaks_for(job: Job, runs: Runs, target: str, as_of: dt.date) -> tuple[dt.date, str | None]:
    """The date to publish, and the note of its rows: `as_of`, the latest published, or a later one of the target's own.

    That one has no rows where the gate refused the target and the champion could not answer in its place.
    """
    later = trained_for(runs, target) if job.args.model == INDUSTRY_MODEL else None
    if later is None or later <= as_of:
        return as_of, job.tables.note(INDUSTRY_SCORES)
    return later, training_note(job, later, "industry", task="industry")


def _store(job: Job, runs: Runs, target: str, as_of: dt.date, note: str | None) -> None:
    """The tables of the model as the target gives them; the gate, where it had refused it, is overruled."""
    job.as_of = as_of
    _, basetable, _ = read_basetable(job)
    if job.args.model == INDUSTRY_MODEL:
        store_kept(job, runs, target, basetable, as_of, note)
    else:
        _store_segments(job, runs, target, basetable, as_of)
    _overrule(job, runs, target)


def _overrule(job: Job, runs: Runs, target: str) -> bool:
    """Whether the gate had refused the version; then it is overruled."""
    found = find_version(runs, target)
    if found is None or found.tags.get(GATE) != REFUSED:
        return False
    job.say(f"the gate had refused {target}: overruled by this command")
    tag_version(runs, target, GATE, OVERRULED)
    return True


def _store_segments(job: Job, runs: Runs, target: str, basetable: DataFrame, as_of: dt.date) -> None:
    """Segments, summaries and profiles of one method. Moves speak of a retraining that is taken back: none are left."""
    require_columns(target, basetable, as_of)
    method, tables = job.args.model.removeprefix(segments_model("")), job.tables
    where = f"{of_date(as_of)} AND method = '{method}'"
    scored = score_segments(load_model(runs, target), basetable, method)
    # the rule for outliers is no part of a method's model: flagged is who is flagged now
    published = tables.read(SEGMENTS).where(F.col("as_of") == F.lit(as_of)).where("outlier")
    flagged = published.select("account_id", F.lit(True).alias("flagged")).distinct()
    rows = scored.join(flagged, on="account_id", how="left").select(
        *(F.col(name) for name in scored.columns if name != "outlier"),
        F.coalesce("flagged", F.lit(False)).alias("outlier"),
        F.lit(target).alias("model"),
    )
    trained = trained_for(runs, target)
    sizes: dict[int, int] = dict(rows.groupBy("segment").count().collect())
    summaries = resized(
        read_table(runs, target, f"{method}_segments", SEGMENT_SUMMARIES),
        sizes,
        is_earlier=trained is not None and trained < as_of,
    )
    profile = read_table(runs, target, f"{method}_profile", SEGMENT_PROFILES)
    replaced = tables.read(SEGMENT_SUMMARIES).where(where).toPandas()
    kept = [
        (SEGMENT_SUMMARIES, with_ended(summaries, replaced, lambda _: "the model that had found it was taken back")),
        (SEGMENT_PROFILES, profile[profile["segment"].isin(list(sizes))]),
        (SEGMENT_MOVES, pd.DataFrame(columns=SEGMENT_MOVES.columns.names)),
    ]
    for table, part in kept:
        tables.replace(table_rows(part, table, as_of=as_of, method=method), table, where=where, note=tables.note(table))
    tables.replace(rows, SEGMENTS, where=where, note=tables.note(SEGMENTS))
    job.say("profiles and medians are those of its training; the consensus still holds the other model's votes")


JOB = JobSpec(
    "rollback", "go back to the model that was champion before, and score with it", _arguments, rollback, tracks=True
)
