"""What is said of new rows that nothing holds against those that were read before, under the same path above all."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from pyspark.sql import functions as F

from segmentation.events.erasure import ERASED
from segmentation.events.layout import columns_of, format_of, types_of
from segmentation.jobs.plans import rules_of_stored
from segmentation.runtime import Job
from segmentation.schemas import LEDGER, READ
from segmentation.settings import SourceSettings
from segmentation.shown import listed
from segmentation.stores.inspection import RawFile

_COPIES = "rows that are there already are dropped as copies"
_ALL_NEW = (
    "no row of it is told to be a copy of one that is there, so those that it repeats count twice; if it repeats any, "
    "give the new lines alone next time, and begin in another data directory to be rid of them"
)
_BY_OTHERS = (
    "was read before by another source: rows of two sources are never copies, so those that it repeats count twice; "
    "begin in another data directory to be rid of them"
)
#: why a file is refused where equal rows may rightly be
REWRITTEN = (
    "rewritten: it was read before with other content; give the new lines alone, as a new file (the old ones would be "
    "counted twice)"
)


def tell_rewritten(job: Job, new: Sequence[RawFile], source: SourceSettings, known: Collection[str]) -> None:
    """What becomes of rows of new files that lie, or may lie, where others were read before; `known`: their paths.

    And that rows which were stored without the event id of today are never overtaken, and those with another revision
    are compared by that one.
    """
    # elsewhere rows that come twice are found as copies, whatever their path
    if source.duplicates == "keep":
        _tell_redacted(job, new, known)
    files = [file for file in new if str(file.path) in known]
    paths = [str(file.path) for file in files]
    with_others = _tell_other_versions(job, source, paths)
    if not files:
        return
    earlier = job.tables.read(LEDGER).where(F.col("path").isin(paths) & (F.col("status") == READ))
    before: dict[str, set[tuple[object, ...]]] = {}
    for path, layout in earlier.where(F.col("source") == source.name).select("path", "layout").distinct().collect():
        before.setdefault(path, set()).add(_hashed_with(layout, source))
    for file, path in zip(files, paths, strict=True):
        has_ids = source.event_id is not None and path in before and path not in with_others
        are_found = has_ids or _hashed_with(file.layout, source) in before.get(path, ())
        what = f"content: {_COPIES}{_but_for_older(file)}" if are_found else f"columns: {_ALL_NEW}"
        job.say(f"{file.path} was read before with other {what}" if path in before else f"{file.path} {_BY_OTHERS}")


def _tell_redacted(job: Job, files: Sequence[RawFile], paths: Collection[str]) -> None:
    """Which of the files may have been read before, under a path of which `forget` has taken out a name."""
    redacted = [re.compile(re.escape(one).replace(ERASED, "[^/]+")) for one in paths if ERASED in one]
    told = [str(file.path) for file in files if any(one.fullmatch(str(file.path)) for one in redacted)]
    if told:
        job.say(
            f"{listed(told)}: files were read before of whose names `forget` has erased a part; if one of these is "
            "among them, its rows that came then count twice"
        )


def _tell_other_versions(job: Job, source: SourceSettings, paths: Sequence[str]) -> set[str | None]:
    """Those of the paths whose rows are known to have another event id than today, or none; None for any others."""
    if source.event_id is None:
        return set()
    stored = [(path, one.source) for path, one in rules_of_stored(job, source.name, paths) if one is not None]
    with_others = {path for path, one in stored if one.event_id != source.event_id}
    anew = "ingest all of the source's files into another data directory"
    if with_others:
        job.say(
            f"rows of {source.name!r} that were read before event_id was {source.event_id} have no such id, so a "
            f"correction is counted beside the row that it corrects: to have them told apart, {anew}"
        )
    if any(one.event_id == source.event_id and one.revision != source.revision for _, one in stored):
        job.say(
            f"rows of {source.name!r} that were read by another revision (today's is {source.revision or 'none'}) keep "
            f"it, so that the wrong one of two versions of an event may stay: to have them compared alike, {anew}"
        )
    return with_others


def _hashed_with(layout: str | None, source: SourceSettings) -> tuple[object, ...]:
    """What a row is hashed with: the names of the columns, of Parquet their types as well."""
    return (*columns_of(layout, source.delimiter), *sorted(types_of(layout or "").items()))


def _but_for_older(file: RawFile) -> str:
    """Earlier releases hashed the carriage return at the end of a line as well, and not where Parquet's nulls stood."""
    is_parquet = format_of(file.layout) == "parquet"
    what = "with nulls from Parquet" if is_parquet else "from lines ending in CRLF"
    is_concerned = is_parquet or (file.header or "").endswith("\r")
    return f" (but not those that an earlier release read {what}: compare `kept`)" if is_concerned else ""
