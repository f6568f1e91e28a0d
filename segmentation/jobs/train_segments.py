"""basetable -> segments of every method, their models in MLflow."""

from __future__ import annotations

import argparse
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.jobs.freshness import LINEAGE, promote_published, read_basetable, training_note
from segmentation.runtime import Job, JobSpec, add_as_of
from segmentation.schemas import SEGMENTS
from segmentation.segments.training import train_segments as train
from segmentation.stores.runs import log_segments, open_runs


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_as_of(parser)


def train_segments(job: Job) -> None:
    """Train every method of the settings, log the runs, store every account's segment."""
    as_of, basetable, features = read_basetable(job)
    note = training_note(job, as_of, "segments")
    if not job.args.force and job.tables.note(SEGMENTS) == note:
        job.show(f"segments as of {as_of}: nothing has changed, kept as they are")
        promote_published(job, SEGMENTS, as_of)
        return
    settings = job.settings
    with job.stage(f"segments: {', '.join(settings.segments.methods)} trained"):
        results = train(basetable, features, settings.segments, settings.models)
    with job.stage("segments: logged and stored"):
        models = log_segments(
            open_runs(settings.storage, job.data_dir), results, settings, job.tables.versions(LINEAGE), as_of
        )
        rows = [result.assignments.withColumn("model", F.lit(models[result.method])) for result in results]
        stored: DataFrame = reduce(DataFrame.unionByName, rows)
        job.tables.replace(stored, SEGMENTS, where=f"as_of = DATE '{as_of}'", note=note)
        job.publish()
        promote_published(job, SEGMENTS, as_of)
    for result in results:
        job.show(f"{result.method}: {result.k} segments, {result.reason}")


JOB = JobSpec("segments", "find segments of similar accounts", _arguments, train_segments)
