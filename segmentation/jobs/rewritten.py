"""Files that lie where another content was read from before: what is said of them."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import functions as F

from segmentation.events.layout import columns_of, format_of, types_of
from segmentation.runtime import Job
from segmentation.schemas import LEDGER, READ
from segmentation.settings import SourceSettings
from segmentation.stores.inspection import RawFile

_COPIES = "rows that are there already are dropped as copies"
_ALL_NEW = (
    "no row of it is told to be a copy of one that is there, so those that it repeats count twice; if it repeats any, "
    "give the new lines alone next time, and begin in another data directory to be rid of them"
)
#: why a file is refused where equal rows may rightly be
REWRITTEN = (
    "rewritten: it was read before with other content; give the new lines alone, as a new file (the old ones would be "
    "counted twice)"
)


def tell_rewritten(job: Job, files: Sequence[RawFile], source: SourceSettings) -> None:
    """What becomes of rows that stand in a file which was read before with other content."""
    if not files:
        return
    earlier = job.tables.read(LEDGER).where(F.col("path").isin([str(file.path) for file in files]))
    before: dict[str, set[tuple[object, ...]]] = {}
    for path, layout in earlier.where(F.col("status") == READ).select("path", "layout").distinct().collect():
        before.setdefault(path, set()).add(_hashed_with(layout, source))
    for file in files:
        are_found = source.event_id is not None or _hashed_with(file.layout, source) in before[str(file.path)]
        what = f"content: {_COPIES}{_but_for_older(file)}" if are_found else f"columns: {_ALL_NEW}"
        job.say(f"{file.path} was read before with other {what}")


def _hashed_with(layout: str | None, source: SourceSettings) -> tuple[object, ...]:
    """What a row is hashed with: the names of the columns, of Parquet their types as well."""
    return (*columns_of(layout, source.delimiter), *sorted(types_of(layout or "").items()))


def _but_for_older(file: RawFile) -> str:
    """Earlier releases hashed the carriage return at the end of a line as well, and not where Parquet's nulls stood."""
    is_parquet = format_of(file.layout) == "parquet"
    what = "with nulls from Parquet" if is_parquet else "from lines ending in CRLF"
    is_concerned = is_parquet or (file.header or "").endswith("\r")
    return f" (but not those that an earlier release read {what}: compare `kept`)" if is_concerned else ""
