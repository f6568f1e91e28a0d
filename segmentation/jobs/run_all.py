"""The whole path on anybody's logs: ingest -> basetable -> segments -> industry, then a one-screen summary."""

from __future__ import annotations

import argparse

from segmentation.failures import Exit
from segmentation.jobs.build_basetable import add_basetable_arguments, build
from segmentation.jobs.ingest_events import add_ingest_arguments, ingest
from segmentation.jobs.summary import show_summary
from segmentation.jobs.train_industry import train_industry
from segmentation.jobs.train_segments import train_segments
from segmentation.models.catalogue import find_model
from segmentation.runtime import Job, JobSpec, add_as_of


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_ingest_arguments(parser)
    add_basetable_arguments(parser)
    add_as_of(parser)


def _run(job: Job) -> Exit:
    for method in job.settings.segments.methods:  # a misspelt one is told before hours of work
        find_model(method, "segments")
    for model in job.settings.industry.models:
        find_model(model, "industry")
    ingested = ingest(job)
    for step in (build, train_segments, train_industry):
        step(job)
    show_summary(job)
    return ingested


JOB = JobSpec("run", "walk the whole path: ingest, basetable, segments, industry", _arguments, _run, tracks=True)
