"""basetable -> an industry with its probability for every account, the model in MLflow, what it is worth."""

from __future__ import annotations

import argparse

from pyspark.sql import functions as F

from segmentation.basetable.labels import require_classes
from segmentation.industries.training import train_industry as train
from segmentation.jobs.freshness import LINEAGE, promote_published, read_basetable, training_note
from segmentation.runtime import Job, JobSpec, add_as_of
from segmentation.schemas import INDUSTRY_METRICS, INDUSTRY_SCORES
from segmentation.stores.runs import log_industry, open_runs


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_as_of(parser)


def train_industry(job: Job) -> None:
    """Train the models of the settings, log the runs, store every account's probabilities and the metrics."""
    as_of, basetable, features = read_basetable(job)
    note = training_note(job, as_of, "industry")
    if not job.args.force and job.tables.note(INDUSTRY_SCORES) == note:
        job.show(f"industries as of {as_of}: nothing has changed, kept as they are")
        promote_published(job, INDUSTRY_SCORES, as_of)
        return
    require_classes(basetable)
    settings = job.settings
    with job.stage(f"industry: {', '.join(settings.industry.models)} trained"):
        result = train(basetable, features, settings.industry, settings.models)
    with job.stage("industry: logged and stored"):
        model = log_industry(
            open_runs(settings.storage, job.data_dir), result, settings, job.tables.versions(LINEAGE), as_of
        )
        only = f"as_of = DATE '{as_of}'"
        metrics = result.metrics.assign(as_of=as_of, model=model).replace({float("nan"): None})
        rows = metrics[[field.name for field in INDUSTRY_METRICS.columns]].astype(object)
        frame = job.spark.createDataFrame(rows.where(rows.notna(), None).values.tolist(), INDUSTRY_METRICS.columns)
        job.tables.replace(frame, INDUSTRY_METRICS, where=only)
        job.tables.replace(result.scores.withColumn("model", F.lit(model)), INDUSTRY_SCORES, where=only, note=note)
        job.publish()
        promote_published(job, INDUSTRY_SCORES, as_of)
    job.show(f"industry: {result.model_name}, {result.reason}")
    for industry, why in result.excluded.items():
        job.show(f"  left out: {industry} ({why})")


JOB = JobSpec("industry", "fill in the industry of every account, with a probability", _arguments, train_industry)
