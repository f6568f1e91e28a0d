"""The whole path on anybody's logs: ingest -> basetable -> segments -> industry, then a one-screen summary."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from segmentation.arguments import add_as_of
from segmentation.errors import LackingData
from segmentation.failures import Exit
from segmentation.jobs.build_basetable import add_basetable_arguments, build
from segmentation.jobs.ingest_events import add_ingest_arguments, ingest, source_of
from segmentation.jobs.summary import show_summary
from segmentation.jobs.train_industry import train_industry
from segmentation.jobs.train_segments import train_segments
from segmentation.models.catalogue import Task, find_model
from segmentation.models.support import check_models
from segmentation.runtime import Job, JobSpec


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_ingest_arguments(parser)
    add_basetable_arguments(parser)
    add_as_of(parser)


def _run(job: Job) -> Exit:
    source_of(job)  # what is wrong with it is told before Spark starts
    _check_models(job)
    ingested = ingest(job)
    build(job)
    train_segments(job)
    try:
        train_industry(job)
    except LackingData as problem:  # labels, which not every vendor has; what there is has to be told all the same
        show_summary(job, problem)
        if ingested is Exit.OK:
            raise
    else:
        show_summary(job)
    return ingested  # refused files are a fault, what the data lack is none


def _check_models(job: Job) -> None:
    """What is wrong with the models is told before hours of work, and a misspelt name before Spark starts."""
    settings = job.settings
    asked: tuple[tuple[Task, Sequence[str]], ...] = (
        ("segments", settings.segments.methods), ("industry", settings.industry.models),
    )  # fmt: skip
    for task, names in asked:
        for name in names:
            find_model(name, task)
    _ = job.spark  # estimators need a session
    for task, names in asked:
        check_models(names, task, settings.models)


JOB = JobSpec("run", "walk the whole path: ingest, basetable, segments, industry", _arguments, _run, tracks=True)
