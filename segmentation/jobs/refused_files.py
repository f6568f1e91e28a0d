"""Files that are not taken in: why not, and their entries in the ledger."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from segmentation.events.erasure import ERASED
from segmentation.events.refusals import Entry, last_by_path, rule_of
from segmentation.failures import unreadable_file
from segmentation.local_rows import local_rows
from segmentation.runtime import Job
from segmentation.schemas import LEDGER, REFUSED
from segmentation.settings import SourceSettings
from segmentation.stores.inspection import BEING_WRITTEN, UNREADABLE, RawFile


def damaged_file(problem: Exception, files: Sequence[RawFile]) -> Path | None:
    """The one of the files of which Spark says that it can make no sense; None where it speaks of none of them."""
    path = unreadable_file(problem)
    return next((file.path for file in files if str(file.path.absolute()) == path), None)


def refused_now(file: RawFile, damaged: Collection[Path], changed: Collection[Path]) -> RawFile:
    """The file, refused for what became of it in an earlier try."""
    why = UNREADABLE if file.path in damaged else BEING_WRITTEN if file.path in changed else None
    return replace(file, rows=0, refusal=file.refusal or why) if why else file


def record_refused(job: Job, refused: Sequence[RawFile], source: SourceSettings) -> None:
    """An entry in the ledger for every refused file, unless the last of its path says the same.

    Of the reason the rule alone is compared: of the rest, `forget` may have taken names out, as of the path; such an
    entry speaks for every path. Where identifiers are hashed the rule is all that is stored: the first line of a file
    without a header is a row, and the reason may quote it.
    """
    hashed, last = job.settings.privacy.hash_ids, dict[str, Entry]()
    if refused and job.tables.exists(LEDGER):
        last = last_by_path(Entry(*row) for row in job.tables.read(LEDGER).select(*Entry._fields).collect())
    said = {(one.path, one.file_id, rule_of(one.reason)) for one in last.values() if one.status == REFUSED}
    redacted = {(file_id, rule) for path, file_id, rule in said if ERASED in path}
    now = job.now.replace(tzinfo=dt.UTC)
    rows: list[tuple[object, ...]] = []
    for file in refused:
        rule = rule_of(file.refusal)
        if (file.location, file.file_id, rule) in said or (file.file_id, rule) in redacted:
            continue
        stored, layout = (rule, None) if hashed else (file.refusal, file.layout)
        batch_id = hashlib.sha256(f"{file.file_id}{stored}{file.location}{now}".encode()).hexdigest()[:16]
        rows.append(
            (batch_id, file.file_id, file.location, source.name, REFUSED, stored, file.bytes, 0, 0, 0, 0, None, None,
             layout, now)
        )  # fmt: skip
    if rows:
        job.tables.append(local_rows(rows, LEDGER.columns), LEDGER)
