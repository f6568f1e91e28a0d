"""rows in = kept + quarantined + dropped: counted from what was stored, held against what the files hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.events.rules import FLAGGED
from segmentation.schemas import DROPPED, KEPT, QUARANTINED
from segmentation.shown import FILES_TOLD, listed


class BalanceError(RuntimeError):
    """Rows went missing or appeared from nowhere; the message names the file and both counts."""


@dataclass(frozen=True)
class FileCounts:
    """Stored rows of one file, by disposition."""

    kept: int
    quarantined: int
    dropped: int

    @property
    def total(self) -> int:
        """All rows stored from the file."""
        return self.kept + self.quarantined + self.dropped


def row_balance(events: DataFrame) -> DataFrame:
    """The table `row_balance` of the given events, which are read once."""
    at = ["batch_id", "file_id", "event_month"]
    rows = F.sum("rows").alias("rows")
    # first the few combinations of flags, then each flag by itself
    combined = events.groupBy(*at, "disposition", "rule", "flags").agg(F.count(F.lit(1)).alias("rows"))
    decided = F.array(F.struct("disposition", "rule"))
    flagged = F.transform("flags", lambda flag: F.struct(F.lit(FLAGGED).alias("disposition"), flag.alias("rule")))
    counted = F.when(F.col("flags").isNull(), decided).otherwise(F.concat(decided, flagged))
    return combined.select(*at, "rows", F.inline(counted)).groupBy(*at, "disposition", "rule").agg(rows)


def count_by_file(balance: Iterable[Mapping[str, object]]) -> dict[str, FileCounts]:
    """Stored rows per file id, from rows of `row_balance`."""
    sums: dict[str, dict[str, int]] = {}
    for row in balance:
        if row["disposition"] != FLAGGED:
            of_file = sums.setdefault(str(row["file_id"]), {KEPT: 0, QUARANTINED: 0, DROPPED: 0})
            of_file[str(row["disposition"])] += int(str(row["rows"]))
    return {file_id: FileCounts(**counts) for file_id, counts in sums.items()}


def audit(expected: Mapping[str, tuple[str, int]], stored: Mapping[str, FileCounts]) -> None:
    """Hold the stored rows against `expected`, file id to (path, rows counted from the bytes).

    Raises BalanceError naming the first files that do not agree, and how many more there are.
    """
    wrong = []
    for file_id, (path, rows) in expected.items():
        have = stored[file_id].total if file_id in stored else 0
        if have != rows:
            wrong.append(f"{path} holds {rows:,} rows, {have:,} were stored")
    if wrong:
        raise BalanceError(f"the row balance does not close: {listed(wrong, FILES_TOLD, '; ')}")


def balance_lines(balance: Sequence[Mapping[str, object]]) -> list[str]:
    """The balance of a batch as text: totals by disposition, then by rule, rules that only flagged last."""
    totals: dict[tuple[str, str], int] = {}
    for row in balance:
        at = (str(row["disposition"]), str(row["rule"] or ""))
        totals[at] = totals.get(at, 0) + int(str(row["rows"]))
    kinds = (KEPT, QUARANTINED, DROPPED)
    sums = {kind: sum(n for (d, _), n in totals.items() if d == kind) for kind in kinds}
    lines = [f"rows in {sum(sums.values()):,} = " + " + ".join(f"{kind} {sums[kind]:,}" for kind in kinds)]
    for kind in (QUARANTINED, DROPPED, FLAGGED):
        for (_, rule), rows in sorted((i for i in totals.items() if i[0][0] == kind), key=lambda i: (-i[1], i[0])):
            lines.append(f"  {kind:<12}{rule:<24}{rows:>12,}")
    return lines
