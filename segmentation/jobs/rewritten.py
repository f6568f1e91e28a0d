"""Files that lie where another content was read from before: what is said of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from pyspark.sql import functions as F

from segmentation.events.erasure import ERASED
from segmentation.events.layout import columns_of, format_of, types_of
from segmentation.jobs.plans import rules_of_stored
from segmentation.runtime import Job
from segmentation.schemas import LEDGER, READ
from segmentation.settings import SourceSettings
from segmentation.stores.inspection import RawFile

_COPIES = "rows that are there already are dropped as copies"
_ALL_NEW = (
    "no row of it is told to be a copy of one that is there, so those that it repeats count twice; if it repeats any, "
    "give the new lines alone next time, and begin in another data directory to be rid of them"
)
_WITHOUT_IDS = (
    "have no such id, so a correction is counted beside the row that it corrects: to have them told apart, ingest all "
    "of the source's files into another data directory"
)
#: why a file is refused where equal rows may rightly be
REWRITTEN = (
    "rewritten: it was read before with other content; give the new lines alone, as a new file (the old ones would be "
    "counted twice)"
)


def tell_rewritten(job: Job, files: Sequence[RawFile], source: SourceSettings) -> None:
    """What becomes of rows that stand in a file which was read before with other content.

    Rows that were stored without the event id of today are never overtaken by others of theirs: of that, too.
    """
    has_ids = source.event_id is not None
    if has_ids and _had_others(job, source):
        has_ids = False
        job.say(f"rows of {source.name!r} that were read before event_id was {source.event_id} {_WITHOUT_IDS}")
    if not files:
        return
    earlier = job.tables.read(LEDGER).where(F.col("path").isin([str(file.path) for file in files]))
    before: dict[str, set[tuple[object, ...]]] = {}
    for path, layout in earlier.where(F.col("status") == READ).select("path", "layout").distinct().collect():
        before.setdefault(path, set()).add(_hashed_with(layout, source))
    for file in files:
        are_found = has_ids or _hashed_with(file.layout, source) in before[str(file.path)]
        what = f"content: {_COPIES}{_but_for_older(file)}" if are_found else f"columns: {_ALL_NEW}"
        job.say(f"{file.path} was read before with other {what}")


def was_read(path: Path, paths: Collection[str]) -> bool:
    """Whether it is one of the paths, of some of which `forget` has taken out names."""
    redacted = (re.escape(one).replace(ERASED, ".+") for one in paths if ERASED in one)
    return str(path) in paths or any(re.fullmatch(one, str(path)) for one in redacted)


def _had_others(job: Job, source: SourceSettings) -> bool:
    """Whether stored rows of the source are known to have another event id than it has today, or none."""
    return any(one is not None and one.source.event_id != source.event_id for one in rules_of_stored(job, source.name))


def _hashed_with(layout: str | None, source: SourceSettings) -> tuple[object, ...]:
    """What a row is hashed with: the names of the columns, of Parquet their types as well."""
    return (*columns_of(layout, source.delimiter), *sorted(types_of(layout or "").items()))


def _but_for_older(file: RawFile) -> str:
    """Earlier releases hashed the carriage return at the end of a line as well, and not where Parquet's nulls stood."""
    is_parquet = format_of(file.layout) == "parquet"
    what = "with nulls from Parquet" if is_parquet else "from lines ending in CRLF"
    is_concerned = is_parquet or (file.header or "").endswith("\r")
    return f" (but not those that an earlier release read {what}: compare `kept`)" if is_concerned else ""
