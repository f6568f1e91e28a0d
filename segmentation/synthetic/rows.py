"""Log rows as arrays of numbers, and the words that the numbers stand for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from segmentation.synthetic import profiles as P
from segmentation.synthetic.world import World

_WORD = pa.dictionary(pa.int32(), pa.string())
COLUMNS = pa.schema(
    [
        ("event_time", pa.string()),
        ("token", _WORD),
        ("account", _WORD),
        ("event_name", _WORD),
        ("product", _WORD),
        ("version", _WORD),
        ("os", _WORD),
        ("user_state", _WORD),
        ("duration_s", pa.float64()),
        ("value", pa.float64()),
        ("status", _WORD),
    ]
)
BAD_TIMES = ("zero", "words", "year_12021", "empty")
#: outdated users run a version so many quarters older
OUTDATED_QUARTERS = 16
_OLDEST_LAG = 4


@dataclass(frozen=True)
class Words:
    """The dictionaries behind the numbers of `Rows`; `first_quarter` is that of the oldest version."""

    token: pa.Array
    account: pa.Array
    name: pa.Array
    version: pa.Array
    first_quarter: int

    @classmethod
    def build(cls, world: World, names: Sequence[str]) -> Words:
        """The words of a world; versions reach back far enough for outdated users."""
        first = _quarter(world.months[0]) - _OLDEST_LAG - OUTDATED_QUARTERS
        quarters = range(first, _quarter(world.months[-1]) + 1)
        return cls(
            token=pa.array(world.tokens.name.tolist()),
            account=pa.array(world.account.tolist()),
            name=pa.array(names),
            version=pa.array([f"{quarter // 4 % 100:02d}.{quarter % 4 + 1}" for quarter in quarters]),
            first_quarter=first,
        )


def version_of(words: Words, month: dt.date, lag: NDArray[np.int64]) -> NDArray[np.int16]:
    """Position of the version that a token `lag` quarters behind runs in that month."""
    return (_quarter(month) - words.first_quarter - lag).astype(np.int16)


def _quarter(month: dt.date) -> int:
    return month.year * 4 + (month.month - 1) // 3


@dataclass(frozen=True)
class Rows:
    """One entry per log row. Words are positions in their dictionary, -1 where the field is empty.

    `time` and `arrival` are milliseconds since 1970 (UTC); `bad_time` is 0 or 1 + the position in BAD_TIMES;
    `strayed` marks rows under the token's second account; amounts are not a number where the row has none.
    """

    time: NDArray[np.int64]
    arrival: NDArray[np.int64]
    bad_time: NDArray[np.int8]
    token: NDArray[np.int32]
    account: NDArray[np.int32]
    strayed: NDArray[np.bool_]
    name: NDArray[np.int32]
    product: NDArray[np.int8]
    version: NDArray[np.int16]
    system: NDArray[np.int8]
    state: NDArray[np.int8]
    duration: NDArray[np.float64]
    value: NDArray[np.float64]
    status: NDArray[np.int8]

    def take(self, positions: NDArray[np.int64]) -> Rows:
        """The rows at these positions, in this order."""
        return Rows(**{field.name: getattr(self, field.name)[positions] for field in fields(self)})

    def table(self, words: Words) -> pa.Table:
        """The rows as the log shows them, with the columns of COLUMNS."""
        columns = [
            _time_text(self.time, self.bad_time),
            _worded(self.token, words.token),
            _worded(self.account, words.account),
            _worded(self.name, words.name),
            _worded(self.product, pa.array(P.PRODUCTS)),
            _worded(self.version, words.version),
            _worded(self.system, pa.array(P.SYSTEMS)),
            _worded(self.state, pa.array(P.USER_STATES)),
            pa.array(self.duration, mask=np.isnan(self.duration)),
            pa.array(self.value, mask=np.isnan(self.value)),
            _worded(self.status, pa.array(P.STATUSES)),
        ]
        return pa.Table.from_arrays(columns, schema=COLUMNS)


def _worded(positions: NDArray[np.signedinteger], words: pa.Array) -> pa.DictionaryArray:
    indices = pa.array(positions.astype(np.int32), mask=positions < 0)
    return pa.DictionaryArray.from_arrays(indices, words)


def _time_text(time: NDArray[np.int64], bad: NDArray[np.int8]) -> pa.Array:
    """yyyy-MM-dd HH:mm:ss.SSS; the few bad ones replaced by what BAD_TIMES names."""
    text = pc.cast(pa.array(time, type=pa.timestamp("ms")), pa.string())
    rows = np.flatnonzero(bad)
    if not len(rows):
        return text
    good = text.take(pa.array(rows)).to_pylist()
    wrong = [_bad_time(int(kind), was) for kind, was in zip(bad[rows], good, strict=True)]
    return pc.replace_with_mask(text, pa.array(bad > 0), pa.array(wrong, type=pa.string()))


def _bad_time(kind: int, was: str) -> str | None:
    return {"zero": "0000-00-00 00:00:00", "words": "not a date", "year_12021": f"12021{was[4:]}"}.get(
        BAD_TIMES[kind - 1]
    )
