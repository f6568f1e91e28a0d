"""Tables -> one self-contained HTML file per as-of date, its tables as Delta and CSV."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from segmentation.arguments import add_as_of, given_path
from segmentation.errors import InputProblem
from segmentation.jobs.report_tables import read_inputs
from segmentation.jobs.rows import replace_date
from segmentation.reports.blocks import Report
from segmentation.reports.content import FILES, Findings, build, find
from segmentation.reports.csv import csv_bytes
from segmentation.reports.inputs import Inputs
from segmentation.reports.page import render
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import ACCOUNT_ACTIONS, REPORT_CHANGES, SEGMENT_INDUSTRIES
from segmentation.stores.files import whole


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_as_of(parser)
    parser.add_argument("--to", type=given_path, metavar="FOLDER",
                        help="where the HTML file goes, a Volume on Databricks (default: DIR/reports)")  # fmt: skip


def publish_report(job: Job) -> None:
    """Read what is published as of a date, store what the report adds, write the page and its CSV files."""
    if job.args.to is None and job.settings.storage.catalog:
        raise InputProblem("with tables in a catalog, say where the report goes: --to FOLDER, such as one of a Volume")
    folder = job.args.to or job.data_dir / "reports"
    with job.stage("report: tables read"):
        inputs, note = read_inputs(job)
    findings = find(inputs)
    if job.args.force or job.tables.note(ACCOUNT_ACTIONS) != note:
        with job.stage("report: its tables stored"):
            _store(job, inputs, findings, note)
    report = build(inputs, findings)
    with job.stage("report: written"):
        page = _write(folder, report)
    if job.settings.privacy.hash_ids:
        job.say("account ids in the report are keyed hashes")
    job.show(f"report as of {inputs.as_of}: {page.absolute()}")
    job.show(f"its tables: {_csv_folder(folder, report).absolute()}, and Delta tables "
             f"{SEGMENT_INDUSTRIES.name}, {ACCOUNT_ACTIONS.name}, {REPORT_CHANGES.name}")  # fmt: skip


def _store(job: Job, inputs: Inputs, findings: Findings, note: str) -> None:
    residuals = findings.residuals.assign(method=inputs.method)
    changes = findings.changes.assign(previous_as_of=inputs.previous)
    replace_date(job, inputs.as_of, (SEGMENT_INDUSTRIES, residuals, None), (REPORT_CHANGES, changes, None),
                 (ACCOUNT_ACTIONS, findings.actions, note))  # fmt: skip
    job.publish()


def _csv_folder(folder: Path, report: Report) -> Path:
    return folder / str(report.as_of)


def _write(folder: Path, report: Report) -> Path:
    """The CSV files, then the page that speaks of them; each is whole or not there."""
    page = folder / f"report-{report.as_of}.html"
    tables: dict[str, pd.DataFrame] = report.tables()
    target = _csv_folder(folder, report)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, frame in tables.items():
            _replace(target / f"{name}.csv", csv_bytes(frame))
        for name in FILES - tables.keys():  # a list that has become empty since
            (target / f"{name}.csv").unlink(missing_ok=True)
        _replace(page, render(report).encode("utf-8"))
    except OSError as problem:
        raise InputProblem(f"the report cannot be written to {folder}: {problem.strerror}; name another --to") from None
    return page


def _replace(path: Path, content: bytes) -> None:
    with whole(path) as beside:
        beside.write_bytes(content)


JOB = JobSpec("report", "one HTML page for people who never open a terminal", _arguments, publish_report)
