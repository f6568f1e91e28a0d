"""Files that could not be taken in, as the ledger tells: what is last known of each, and which of them still wait."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from segmentation.schemas import READ, REFUSED


class Entry(NamedTuple):
    """What an entry of the ledger says of this; the fields are columns of it."""

    path: str
    file_id: str
    status: str
    reason: str | None
    ingested_at: dt.datetime


def rule_of(reason: str | None) -> str:
    """The rule by which a file was refused: what stands before the colon of the reason."""
    return (reason or "").partition(":")[0]


def last_by_path(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The last entry of every path: what lay there before has been replaced."""
    in_order = sorted(entries, key=lambda one: (one.ingested_at, one.status == REFUSED, str(one.reason)))
    return {one.path: one for one in in_order}


def waiting(entries: Iterable[Entry]) -> list[Entry]:
    """The refused files that wait, by path: the last of their path, their content never read under any other."""
    known = list(entries)
    read = {one.file_id for one in known if one.status == READ}
    last = last_by_path(known)
    return [last[path] for path in sorted(last) if last[path].status == REFUSED and last[path].file_id not in read]
