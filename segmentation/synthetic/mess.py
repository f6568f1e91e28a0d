"""The mess of a real log, put into genuine rows in stated shares, each kind on rows of its own, and counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from segmentation.settings import SyntheticSettings
from segmentation.synthetic.names import NameTables
from segmentation.synthetic.plan import genuine_rows
from segmentation.synthetic.rows import BAD_TIMES, OUTDATED_QUARTERS, Rows

#: kinds of mess; every row is exactly one of these or good
KINDS = ("duplicate", "bad_timestamp", "missing_field", "unknown_event", "outdated", "second_account")
MISSING_FIELDS = ("token", "account", "event_name")
_COPY_DELAY_MS = 600_000


def add_mess(
    rng: np.random.Generator, settings: SyntheticSettings, names: NameTables, rows: Rows, first: int
) -> tuple[Rows, Counter[str]]:
    """The rows of a chunk with mess, in order of arrival, and the number of rows per kind and kind of kind.

    `first` genuine rows stand in earlier chunks: shares are taken of the running total, so that they hold exactly
    over a drop and not only on average.
    """
    wanted = {kind: _running(settings, kind, first, len(rows.time)) for kind in KINDS[:-1]}
    own = rng.permutation(np.flatnonzero(~rows.strayed))
    cuts = np.cumsum([len(wanted[kind]) for kind in KINDS[1:-1]])
    bad, missing, unknown, outdated, good = np.split(own, cuts)
    for kind, part in zip(KINDS[1:-1], (bad, missing, unknown, outdated), strict=True):
        wanted[kind] = wanted[kind][: len(part)]  # a chunk of a few rows may have fewer than all kinds would take
    messy = _broken(rows, bad, wanted["bad_timestamp"], missing, wanted["missing_field"])
    messy.name[unknown] = rng.integers(names.known, len(names.names), len(unknown))
    messy.state[outdated] = 1
    messy.version[outdated] -= OUTDATED_QUARTERS
    copies = rng.choice(good, len(wanted["duplicate"])) if len(good) else good
    counts = Counter({kind: len(serials) for kind, serials in wanted.items()})
    counts["duplicate"] = len(copies)
    counts["second_account"] = int(rows.strayed.sum())
    counts["good"] = len(good)
    counts["rows"] = len(rows.time) + len(copies)
    for kind, parts in (("bad_timestamp", BAD_TIMES), ("missing_field", MISSING_FIELDS)):
        counts.update(f"{kind}.{parts[serial % len(parts)]}" for serial in wanted[kind].tolist())
    return _arrived(rng, messy, copies), counts


def _running(settings: SyntheticSettings, kind: str, first: int, size: int) -> NDArray[np.int64]:
    """Serial numbers, within the drop, of the rows of this kind that fall to this chunk."""
    share = getattr(settings, f"{kind}_share") * settings.rows / max(1, genuine_rows(settings))
    start, end = round(first * share), round((first + size) * share)
    return np.arange(start, end)


def _broken(
    rows: Rows,
    bad: NDArray[np.int64],
    bad_serials: NDArray[np.int64],
    missing: NDArray[np.int64],
    missing_serials: NDArray[np.int64],
) -> Rows:
    """A copy of the rows with unreadable times and empty fields at these positions."""
    broken = replace(
        rows,
        **{name: getattr(rows, name).copy() for name in ("bad_time", "token", "account", "name", "state", "version")},
        duration=rows.duration.copy(),
    )
    broken.bad_time[bad] = bad_serials % len(BAD_TIMES) + 1
    # Without a time two rows of a token could be equal by accident; a duration of their own keeps them apart.
    broken.duration[bad] = 1.0 + bad_serials / 1000
    for number, column in enumerate((broken.token, broken.account, broken.name)):
        column[missing[missing_serials % len(MISSING_FIELDS) == number]] = -1
    return broken


def _arrived(rng: np.random.Generator, rows: Rows, copies: NDArray[np.int64]) -> Rows:
    """All rows and the copies, in the order in which they reach the log; a copy comes within ten minutes."""
    delay = rng.integers(0, _COPY_DELAY_MS, len(copies))
    arrival = np.concatenate([rows.arrival, rows.arrival[copies] + delay])
    positions = np.concatenate([np.arange(len(rows.time)), copies])
    return rows.take(positions[np.argsort(arrival, kind="stable")])
