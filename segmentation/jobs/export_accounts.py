"""Published tables -> one row per account as CSV and Parquet, for tools outside the house."""

from __future__ import annotations

import argparse
import datetime as dt
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arguments import given_path
from segmentation.errors import InputProblem
from segmentation.jobs.freshness import BESIDE, is_outdated, read_basetable
from segmentation.jobs.industry_models import decided_fills, standing_of
from segmentation.reports.export import COLUMNS, export_rows, tables_of
from segmentation.reports.standing import outdated
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import ACCOUNT_RFM, BASETABLE, INDUSTRY_FILL, INDUSTRY_SCORES, SEGMENTS
from segmentation.segments.placing import lead_method
from segmentation.shown import counted
from segmentation.stores.exports import CSV, PARQUET, write_files
from segmentation.stores.made_by import made_by
from segmentation.table import Table

BOTH = "both"
#: without these an export says nothing; columns of the other tables are left empty where there are none
_NEEDED = (SEGMENTS, ACCOUNT_RFM)
#: table -> the one of the same command whose note tells what both were made from
_WRITTEN_WITH = {ACCOUNT_RFM.name: SEGMENTS.name, INDUSTRY_FILL.name: INDUSTRY_SCORES.name}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=given_path, required=True, metavar="DIR", help="the folder for the files")
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        type=dt.date.fromisoformat,
        help="first day of a month (default: the latest basetable)",
    )
    parser.add_argument("--format", choices=(CSV, PARQUET, BOTH), help="default: export.format of the settings")


def export_accounts(job: Job) -> None:
    """Write the files and say what is in them, what is not, and that they are copies."""
    columns = job.settings.export.columns
    tables = tables_of(columns)
    as_of, basetable, _ = read_basetable(job)
    parts, empty = {BASETABLE.name: basetable}, list[Table]()
    for table in tables[1:]:
        rows = _rows(job, table, as_of)
        if rows is None:
            empty.append(table)
        else:
            parts[table.name] = rows
    kind = job.args.format or job.settings.export.format
    formats = (CSV, PARQUET) if kind == BOTH else (kind,)
    with job.stage("files written"):
        paths, count, changed = write_files(export_rows(parts, columns), job.args.to, f"accounts-{as_of}", formats)
    job.show(f"exported {counted(count, 'account')} as of {as_of}: {', '.join(map(str, paths))}")
    for line in _remarks(job, as_of, columns, empty, changed):
        job.show(f"  {line}")


def _rows(job: Job, table: Table, as_of: dt.date) -> DataFrame | None:
    """The table's rows of as_of, one per account; None where there are none and the export can do without.

    InputProblem where it cannot.
    """
    if not job.tables.exists(table):
        return job.tables.read(table) if table in _NEEDED else None  # which says how to make it
    dates = job.tables.dates(table)
    if as_of not in dates:
        if table not in _NEEDED:
            return None
        known, command = ", ".join(map(str, dates)), made_by(table.name)
        raise InputProblem(
            f"{table.name} does not speak for {as_of} (it does for {known}): run `segmentation {command} --as-of "
            f"{as_of}`, or export as of another date"
        )
    if table is INDUSTRY_FILL:
        return decided_fills(job, as_of)
    rows = job.tables.read(table).where(F.col("as_of") == F.lit(as_of))
    return _of_one_method(job, rows) if table is SEGMENTS else rows


def _of_one_method(job: Job, segments: DataFrame) -> DataFrame:
    """The consensus where there is one, else the first method of the settings that has segments, else by name."""
    found = sorted(row["method"] for row in segments.select("method").distinct().collect())
    lead = lead_method(found, job.settings.segments.methods)
    return segments.where(F.col("method") == F.lit(lead))


def _remarks(job: Job, as_of: dt.date, columns: Sequence[str], empty: Sequence[Table], changed: int) -> list[str]:
    lines = []
    for table in empty:
        names = ", ".join(name for name in columns if COLUMNS[name].table is table)
        lines.append(f"left empty: {names} (run `segmentation {made_by(table.name)} --as-of {as_of}` for them)")
    used = {COLUMNS[name].table.name for name in columns}
    if SEGMENTS.name in used and SEGMENTS not in empty:
        lines.append(_of_the_method(job, as_of))
    if INDUSTRY_FILL.name in used:
        lines += _of_the_gate(job, as_of)
    beside = {_WRITTEN_WITH.get(table, table) for table in used}
    lines += [outdated(one.name, as_of) for one in BESIDE if one.name in beside and is_outdated(job, one, as_of)]
    if changed:
        lines.append(f"{counted(changed, 'text')} that could be read as a formula: made harmless by an apostrophe")
    if job.settings.privacy.hash_ids and "account_id" in columns:
        lines.append("account_id is the keyed hash of the id: match it by hashing yours with the same key")
    return [*lines, "these files are copies: `segmentation forget` does not reach them"]


def _of_the_method(job: Job, as_of: dt.date) -> str:
    """Whose segments they are, and whether those of the date before were another's."""
    found: dict[dt.date, list[str]] = {}
    for date, method in job.tables.read(SEGMENTS).select("as_of", "method").distinct().collect():
        found.setdefault(date, []).append(method)
    lead = {date: lead_method(methods, job.settings.segments.methods) for date, methods in found.items()}
    said, before = f"segments are those of {lead[as_of]}", max((date for date in lead if date < as_of), default=as_of)
    if lead[before] == lead[as_of]:
        return said
    return f"{said}, as of {before} they were those of {lead[before]}: the same number is another segment"


def _of_the_gate(job: Job, as_of: dt.date) -> list[str]:
    """What somebody must know before acting on the industries of this date."""
    behind = standing_of(job, as_of)
    return [f"industries: {behind.warning}"] if behind and behind.warning else []


JOB = JobSpec(
    "export", "accounts with segment and industry, as files for other tools", _arguments, export_accounts, writes=False
)
