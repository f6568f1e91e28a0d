"""Write generated usage logs, the accounts file and the planted truth: settings -> DIR/raw."""

from __future__ import annotations

import argparse

from segmentation.arguments import given_path
from segmentation.runtime import Job, JobSpec
from segmentation.stores.conf import load_categories
from segmentation.synthetic.drop import write_drop


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=given_path, metavar="DIR", help="where to write (default: raw below --data-dir)"
    )


def _generate(job: Job) -> None:
    names = {category.name: category.names for category in load_categories()}
    out = job.args.output or job.data_dir / "raw"
    with job.stage("generated logs"):
        summary = write_drop(job.settings.synthetic, names, out, job.say)
    job.show(str(summary))


JOB = JobSpec("generate", "write generated usage logs with a planted truth", _arguments, _generate)
