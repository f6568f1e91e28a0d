"""Raw drop -> events (every row, with its disposition), tokens, event_names, ledger, row balance.

Plan, one commit of rows, count, one publication; a run that was killed in between is finished by the next.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pyspark.sql import Row
from pyspark.sql import functions as F

from segmentation.arguments import given_path
from segmentation.errors import InputProblem
from segmentation.events.balance import balance_lines
from segmentation.events.drift import drift_lines
from segmentation.events.rule_set import TIMES, RuleSet
from segmentation.failures import Exit, is_passing
from segmentation.jobs.batches import FileChanged, carry_out
from segmentation.jobs.plans import Plan, give_up, make_plan, require_same_key, unfinished_plans
from segmentation.jobs.refused_files import damaged_file, record_refused, refused_now
from segmentation.jobs.rewritten import REWRITTEN, tell_rewritten
from segmentation.jobs.source_faults import naming_the_key, stopped_sql
from segmentation.jobs.stored_categories import require_columns
from segmentation.jobs.trial import try_out
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import LEDGER, READ
from segmentation.settings import SourceSettings
from segmentation.shown import FILES_TOLD, listed
from segmentation.stores.conf import ConfError, load_categories, load_source
from segmentation.stores.drops import list_drop, passed_over
from segmentation.stores.inspection import RawFile
from segmentation.stores.secrets import key_fingerprint, read_key

#: how often a drop is looked through again because a file changed while it was read
TRIES = 3


def add_ingest_arguments(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """--source, --input and --format."""
    parser.add_argument("--source", required=required, metavar="NAME", help="a file in conf/sources, or a path to one")
    parser.add_argument(
        "--input", required=required, type=given_path, metavar="PATH", help="a log file, or a folder of them"
    )
    parser.add_argument(
        "--format", choices=("csv", "jsonl", "parquet"), help="of the files, where the source's differs"
    )


def _arguments(parser: argparse.ArgumentParser) -> None:
    add_ingest_arguments(parser, required=False)
    parser.add_argument(
        "--resume", action="store_true", help="only finish what a killed ingest left; needs no --source and --input"
    )


def ingest_or_resume(job: Job) -> Exit:
    """Finish what was left unfinished, then bring the new files (unless --resume asks for no more)."""
    if job.args.resume:
        if not finish(job):
            job.show("nothing to resume: no ingest was left unfinished")
        return Exit.OK
    if job.args.source is None or job.args.input is None:
        raise ConfError("give --source and --input, or --resume alone")
    return ingest(job)


def ingest(job: Job) -> Exit:
    """Bring every file that is not in the ledger yet; PARTIAL when some could not be taken in.

    Files that change while they are read are refused at the last try, so that they do not keep out the others; at the
    next one those that look whole and are not, such as Parquet with a damaged page.
    """
    source = source_of(job)
    rules, changed, damaged = rules_of(job, source), set[Path](), set[Path]()
    tries = TRIES
    while True:
        with job.stage(f"looked through {job.args.input}"):
            known = ((row["bytes"], row["file_id"]) for row in _taken_in(job))
            found = list_drop(job.args.input, source, known)
        found = [refused_now(file, damaged, changed if tries == 1 else ()) for file in found]
        if others := passed_over(job.args.input, source):
            job.say(f"passed over, as they are hidden or do not end like {source.format} files: {others}")
        if finish(job):
            require_columns(job, rules.categories)
        new, refused = _sort_out(job, found, source)
        new, unfit = try_out(job, new, rules)
        refused += unfit
        try:
            with naming_the_key(job.args.source, source):
                _bring(job, new, refused, rules)
            break
        except FileChanged as problem:
            tries -= 1
            if not tries:
                raise
            changed |= problem.paths
            job.say(f"{problem}; looking again")
        except Exception as problem:
            file = damaged_file(problem, new)
            if file is None:
                raise
            damaged.add(file)  # which is no try: there is a file less each time
            job.say(f"{file} cannot be read; looking again for the others")
    _tell(job, found, new, refused)
    return Exit.PARTIAL if refused else Exit.OK


def _tell(job: Job, found: Sequence[RawFile], new: Sequence[RawFile], refused: Sequence[RawFile]) -> None:
    if not new and not refused:
        job.show(f"nothing to ingest: all {len(found)} files are in the ledger")
    if refused:
        lines = [f"refused: {file.location}: {file.refusal}" for file in refused]
        job.show(listed(lines, FILES_TOLD, "\n", f"\nrefused: {{}} more (see {LEDGER.name})"))


def source_of(job: Job) -> SourceSettings:
    """The source that --source and --format name; ConfError says what is wrong with it."""
    return load_source(job.args.source, job.args.format)


def rules_of(job: Job, source: SourceSettings) -> RuleSet:
    """The rules by which files of a source are read today."""
    key, categories = read_key(job.settings.privacy), load_categories(source)
    require_columns(job, categories)
    return RuleSet(
        source=source,
        categories=categories,
        ingest=job.settings.ingest,
        max_names=job.settings.features.max_names_per_category,
        key_fingerprint=key_fingerprint(key) if key else None,
        times=TIMES,
    )


def finish(job: Job) -> bool:
    """Carry out what an earlier run planned and did not finish; whether there was anything.

    Raises InputProblem when the tables were made under another key for identifiers.
    """
    require_same_key(job)
    left = unfinished_plans(job)
    for plan in left:
        job.say(f"an earlier ingest did not finish: batch {plan.batch_id} of {len(plan.files)} files is taken up")
        try:
            _carry_out(job, plan)
        except Exception as problem:
            if _may_pass(job, problem, plan):
                raise
            said = stopped_sql(str(problem), plan.rules.source) or problem
            if getattr(job.args, "resume", False):
                raise InputProblem(f"{said}: the plan is given up, ingest again with --source and --input") from None
            job.say(f"{said}: its plan is given up")
            continue
        job.publish()
    return bool(left)


def _bring(job: Job, new: Sequence[RawFile], refused: Sequence[RawFile], rules: RuleSet) -> None:
    if new:
        _carry_out(job, make_plan(job, new, rules))
    record_refused(job, refused, rules.source)
    job.publish()


def _carry_out(job: Job, plan: Plan) -> None:
    try:
        balance = carry_out(job, plan)
    except Exception as problem:
        # tried again as it is, the plan would fail again: it must not block what comes
        if not _may_pass(job, problem, plan):
            job.tables.refresh()
            give_up(job, plan, problem)
            job.tables.take_back_unfinished()
            job.publish()
        raise
    drifted = drift_lines([file.columns for file in plan.files], plan.rules.source, plan.rules.keep_new)
    job.show("\n".join([*balance_lines(balance), *drifted]))


def _may_pass(job: Job, problem: Exception, plan: Plan) -> bool:
    """Whether the plan, tried again as it is, may do."""
    return is_passing(problem, job.data_dir) and damaged_file(problem, plan.files) is None


def _taken_in(job: Job) -> list[Row]:
    """What the ledger says of every file that was read."""
    if not job.tables.exists(LEDGER):
        return []
    return job.tables.read(LEDGER).where(F.col("status") == READ).select("file_id", "path", "bytes").collect()


def _sort_out(job: Job, found: Sequence[RawFile], source: SourceSettings) -> tuple[list[RawFile], list[RawFile]]:
    """(files whose content, packed or not, is in no ledger entry, of equal ones the first; files not taken in)."""
    entries = _taken_in(job)  # again, as a batch may have been finished since
    known, paths = {row["file_id"] for row in entries}, {row["path"] for row in entries}
    good, refused = list[RawFile](), list[RawFile]()
    for file in found:
        is_new = not {file.file_id, file.unpacked_id} & known
        if source.duplicates == "keep" and is_new and str(file.path) in paths and file.refusal is None:
            # rows may rightly be equal here, so nothing tells those that came before from new ones
            refused.append(replace(file, rows=0, refusal=REWRITTEN))
        else:
            (good if file.refusal is None else refused).append(file)
    # a log is packed after it was read, or lies beside its packed copy; only its own hash is in the ledger
    there = known | {file.file_id for file in good}
    unread = [file for file in good if file.file_id not in known and file.unpacked_id not in there]
    new = {file.file_id: file for file in reversed(unread)}
    if len(new) < len(good):
        job.say(f"{len(good) - len(new)} of {len(found)} files hold what is already there, skipped")
    if new:
        tell_rewritten(job, list(new.values()), source, paths)
    return sorted(new.values(), key=lambda file: file.path), refused


JOB = JobSpec("ingest", "bring raw logs into the table events, every row accounted for", _arguments, ingest_or_resume)
