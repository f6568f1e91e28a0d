"""basetable -> audit, an industry with its probability for every account, what that is worth; the model in MLflow."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from segmentation.arguments import add_as_of
from segmentation.basetable.labels import require_classes
from segmentation.errors import CannotAnswer
from segmentation.features.feature import Feature
from segmentation.industries.audit import Audit, audit, require_clean
from segmentation.industries.audit_exhibits import gather
from segmentation.industries.gate import Decision, judge
from segmentation.industries.result import IndustryResult, Recipe
from segmentation.industries.training import train_industry as train
from segmentation.jobs.freshness import (
    LINEAGE,
    promote_published,
    published_models,
    read_basetable,
    tell_if_behind,
    training_note,
)
from segmentation.jobs.industry_models import Refusal, store_unanswered
from segmentation.jobs.industry_tables import store_kept, store_trained
from segmentation.jobs.kept_models import label_asked
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import ACTIVITY, INDUSTRY_SCORES, TOKEN_FEATURES, TOKENS
from segmentation.stores.industry_runs import log_industry, log_stopped
from segmentation.stores.registry import (
    CHALLENGER,
    LABEL,
    UNPUBLISHED,
    champion,
    find_version,
    recipe,
    tag_version,
    version_of,
)
from segmentation.stores.runs import INDUSTRY_MODEL, Runs, open_runs


@dataclass(frozen=True)
class _Outcome:
    """What became of a new model, of which the gate has decided."""

    model: str
    decision: Decision
    #: champion when the training began, and now
    before: str | None
    now: str | None
    #: why the champion could not be published in its place; None where it was not asked to, or could
    unanswered: str | None


@dataclass(frozen=True)
class _Champion:
    """The model in use, and how it was made: of models of earlier releases less was kept."""

    model: str
    made_by: Recipe | None
    knows_fixed: bool = False
    class_weight_cap: float | None = None


def train_industry(job: Job) -> None:
    """Audit, train, hold the new model against the champion, publish what the better founded one says."""
    as_of, basetable, features = read_basetable(job)
    tell_if_behind(job, as_of, features)
    note = training_note(job, as_of, "industry", task="industry")
    if not job.args.force and job.tables.note(INDUSTRY_SCORES) == note:
        promote_published(job, INDUSTRY_SCORES, as_of)
        _, models = published_models(job, INDUSTRY_SCORES, as_of)
        job.show(f"industries as of {as_of}: nothing has changed, kept as they are, by {', '.join(models)}")
        return
    require_classes(basetable)
    settings, runs = job.settings, open_runs(job.settings.storage, job.data_dir)
    current = _champion(job, runs)
    tried = hashlib.sha256(f"{note} beside {current.model if current else None}".encode()).hexdigest()
    if not job.args.force and _ended_unpublished(job, runs, as_of, tried):
        return
    with job.stage("industry: leakage audit"):
        found = _audited(job, runs, basetable, features, as_of)
    also = current.made_by if current else None
    with job.stage(f"industry: {', '.join(settings.industry.models)} trained"):
        result = train(basetable, features, settings.industry, settings.models, also=also)
    decision = _judged(job, result, current)
    unanswered = None
    with job.stage("industry: logged and stored"):
        model = log_industry(runs, result, settings, job.tables.versions(LINEAGE), as_of, found, decision)
        if (label := label_asked(job, as_of)) is not None:
            tag_version(runs, model, LABEL, label)
        refusal = None if decision.promote else Refusal(model, decision.refusals)
        if refusal is None or current is None:
            store_trained(job, runs, result, model, as_of, note, refusal)
        else:
            unanswered = _stored_kept(job, runs, current.model, basetable, as_of, note, refusal)
            if unanswered:
                tag_version(runs, model, UNPUBLISHED, tried)
        job.publish()
        if job.tables.exists(INDUSTRY_SCORES):
            promote_published(job, INDUSTRY_SCORES, as_of)
    now = champion(runs, runs.prefix + INDUSTRY_MODEL)
    _show(job, result, _Outcome(model, decision, current.model if current else None, now, unanswered))


def _audited(job: Job, runs: Runs, basetable: DataFrame, features: Sequence[Feature], as_of: dt.date) -> Audit:
    """The audit's findings. Raises InputProblem for a fatal one, behind a failed run that holds all of them."""
    tables, settings = job.tables, job.settings
    measured, cube, tokens = tables.read(TOKEN_FEATURES), tables.read(ACTIVITY), tables.read(TOKENS)
    exhibits = gather(basetable, measured, cube, tokens, as_of, features)
    found = audit(exhibits, features, settings.industry.audit, settings.industry.seed)
    for finding in found.findings:
        job.say(f"audit: {finding.what} ({finding.fix})")
    if found.fatal:
        log_stopped(runs, found, settings, tables.versions(LINEAGE), as_of)
    require_clean(found)
    return found


def _champion(job: Job, runs: Runs) -> _Champion | None:
    """The champion, and its recipe as far as that was kept."""
    model = champion(runs, runs.prefix + INDUSTRY_MODEL)
    if model is None:
        return None
    kept, models = recipe(runs, model), job.settings.models
    if kept is None:
        return _Champion(model, None)
    name, fixed, cap = kept["model"], kept.get("fixed"), kept.get("class_weight_cap")
    as_today = name in models and models[name].params == fixed
    return _Champion(model, Recipe(name, kept["params"], None if as_today else fixed), fixed is not None, cap)


def _ended_unpublished(job: Job, runs: Runs, as_of: dt.date, tried: str) -> bool:
    """Whether the same training was refused before with nothing to publish, which no table notes; says so."""
    model = version_of(runs, runs.prefix + INDUSTRY_MODEL, CHALLENGER)
    found = find_version(runs, model) if model else None
    if model is None or found is None or found.tags.get(UNPUBLISHED) != tried:
        return False
    job.show(f"industries as of {as_of}: nothing has changed since the gate refused {model}; nothing is published")
    job.show(f"  give more labels, or {_overrule(job, model)}")
    return True


def _overrule(job: Job, model: str) -> str:
    number = model.rpartition("/")[2]
    return f"overrule the gate with `{job.command(f'rollback --model {INDUSTRY_MODEL} --to {number}')}`"


def _judged(job: Job, result: IndustryResult, current: _Champion | None) -> Decision:
    """The gate's decision: the champion's recipe stands for it, fitted on the same folds."""
    settings = job.settings.industry
    losses = result.losses_of(current.made_by) if current and current.made_by else None
    if current:
        for line in _stand_in(current, losses is not None, settings.class_weight_cap):
            job.say(line)
    rival = None if losses is None else replace(result.evidence, losses=losses)
    return judge(result.evidence, rival, settings.gate, settings.bootstrap, settings.seed)


def _stand_in(current: _Champion, tried: bool, cap: float) -> list[str]:
    """What is not as it was when the champion was trained, or that nothing stands for it."""
    alone = "the new model is judged by itself alone"
    if current.made_by is None:
        return [f"nothing says how the champion {current.model} was made: {alone}"]
    if not tried:
        return [f"the champion {current.model} ({current.made_by}) cannot be trained again today: {alone}"]
    told = [] if current.knows_fixed else ["kept without its fixed parameters"]
    if (its := current.class_weight_cap) not in (None, cap):
        told.append(f"trained with class_weight_cap {its:g}")
    return [f"the champion {current.model} was {one}: it is judged with today's" for one in told]


def _stored_kept(
    job: Job, runs: Runs, model: str, basetable: DataFrame, as_of: dt.date, note: str | None, refusal: Refusal
) -> str | None:
    """Store what the champion says; where it cannot answer for the basetable, why: then the tables stay as they are."""
    try:
        store_kept(job, runs, model, basetable, as_of, note, refusal)
    except CannotAnswer as problem:
        store_unanswered(job, runs, as_of, refusal)
        return str(problem)
    return None


def _show(job: Job, result: IndustryResult, outcome: _Outcome) -> None:
    job.show(f"industry: {result.model_name}, {result.reason}")
    for industry, why in result.excluded.items():
        job.show(f"  left out: {industry} ({why})")
    for line in result.notes:
        job.show(f"  {line}")
    for line in _told(job, outcome):
        job.show(f"  {line}")


def _told(job: Job, outcome: _Outcome) -> list[str]:
    model, before, now = outcome.model, outcome.before, outcome.now
    if outcome.decision.promote:
        if now == model:
            return [f"{model} is champion" + (f", after {before}" if before else "")]
        stays = f"the champion stays {now}" if now else "nobody is champion"
        return [f"{model} passed the gate; {stays}, because {INDUSTRY_SCORES.name} speaks for a later date"]
    told = [f"REFUSED by the gate: {model} stays challenger", *(f"  {reason}" for reason in outcome.decision.reasons)]
    if outcome.unanswered:
        return [
            *told,
            f"nothing is published, the tables stay as they are: {outcome.unanswered}",
            f"or give more labels and train again, or {_overrule(job, model)}",
        ]
    if before:
        return [*told, f"what is published comes from the champion {before}, and is worth what it was when trained"]
    return [
        *told,
        "there is no champion, so its scores are published all the same: do not act on them unseen",
        f"give more labels and train again, or {_overrule(job, model)}",
    ]


JOB = JobSpec(
    "industry", "fill in the industry of every account, with a probability", add_as_of, train_industry, tracks=True
)
