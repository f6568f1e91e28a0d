"""Section `changes`: what is different since the report before."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import pandas as pd

from segmentation.reports.blocks import Block, Column, Heading, Points, Section, Text, table
from segmentation.reports.charts import inhabited, movement, named, number_of
from segmentation.reports.drawn import chart
from segmentation.reports.inputs import Inputs
from segmentation.reports.movement import moved_accounts, moved_of_all
from segmentation.segments.matching import BORN, ENDED, MERGED, SPLIT
from segmentation.segments.placing import lead_method
from segmentation.shown import counted, listed


def changes_section(inputs: Inputs, changes: pd.DataFrame) -> Section:
    """Who moved, which segments came and went, figures beside figures. `changes`: table report_changes."""
    if inputs.previous is None:
        first = Text(f"This is the first report: nothing was segmented before {inputs.as_of}.")
        return Section("changes", "What changed", "Since the report before.", (first,))
    lead = f"Since {inputs.previous}, the date of the report before."
    blocks: list[Block] = [Points(tuple(_told(inputs)))]
    pairs = moved_accounts(inputs)
    title = f"Where accounts were on {inputs.previous}, and where they are now"
    said = (
        "A row per segment before, a column per segment now; the number counts accounts. Those on the diagonal stayed. "
        f"{counted(len(pairs), 'account')} stood in both{_ways(pairs)}."
    )
    blocks += chart(movement(pairs, inputs.names), "movement", title, said)
    elsewhere = pairs[pairs["previous_segment"] != pairs["segment"]].reset_index(drop=True)
    if len(elsewhere):
        columns = (
            Column("account_id", "Account"),
            Column("before", "Segment before", "wide"),
            Column("now", "Segment now", "wide"),
        )
        before, now = (
            [named(one, inputs.names) for one in elsewhere[name]] for name in ("previous_segment", "segment")
        )
        rows = elsewhere.assign(before=before, now=now)[["account_id", "before", "now"]]
        blocks += [Heading("Accounts in another segment"),
                   table("moved", "Accounts that changed their segment", rows, columns, inputs.shown)]  # fmt: skip
    blocks += [Heading("Figures beside figures"), _figures(changes)]
    return Section("changes", "What changed", lead, tuple(blocks))


def _ways(pairs: pd.DataFrame) -> str:
    """Whoever cannot see the squares is told of the largest."""
    moved = pairs[pairs["previous_segment"] != pairs["segment"]]
    ways = moved.value_counts(["previous_segment", "segment"]).reset_index(name="accounts")
    ways = ways.sort_values(["accounts", "previous_segment", "segment"], ascending=[False, True, True])
    rows = ways[["accounts", "previous_segment", "segment"]].to_numpy()
    said = [f"{accounts:,} from {number_of(before)} to {number_of(now)}" for accounts, before, now in rows]
    return f"; of them went {listed(said)}" if said else ""


def _told(inputs: Inputs) -> list[str]:
    pairs = moved_accounts(inputs)
    now = {str(one) for one in inputs.rows("basetable")["account_id"]}
    before = {str(one) for one in inputs.before["basetable"]["account_id"]} if "basetable" in inputs.before else now
    said = [
        f"{moved_of_all(pairs)} changed segment."
        if len(pairs)
        else f"Who moved is not known: nobody was segmented by {inputs.method} at both dates."
    ]
    if now != before:
        new, gone = len(now - before), len(before - now)
        said.append(
            f"{counted(new, 'account')} {'is' if new == 1 else 'are'} new, {gone:,} {'is' if gone == 1 else 'are'} "
            "not there any more."
        )
    said += _why_moved(inputs)
    earlier = inputs.of_method("segment_summaries", earlier=True)
    known = set(inhabited(earlier)["segment"]) if len(earlier) else set()
    summaries = inputs.of_method("segment_summaries")
    living = set(inhabited(summaries)["segment"]) if len(summaries) else set()
    for row in summaries.sort_values("segment").to_dict("records"):
        came = _came(row, inputs.names, known, living)
        if came:
            said.append(f"Segment {_named(row['segment'], inputs.names)} {came}.")
    return said


def _came(row: Mapping[Any, Any], names: Mapping[int, str], known: Set[int], living: Set[int]) -> str | None:
    """Where a segment came from, or that it went; None for one that was there before and is much the same.

    `known`: the segments of the report before. Others were those of a training of the same date that was done again.
    `living`: those of now. One that lives on was not taken in, however many of its accounts went over.
    """
    change = row["change"] if row["accounts"] else ENDED
    before = [int(one) for one in row["previous"] if one in known]
    others = [one for one in before if one != row["segment"]]
    came_from = " and ".join(f"segment {_named(one, names)}" for one in others)
    ended_first = sorted(others, key=lambda one: one in living)
    taken = " and ".join(f"{'accounts of ' * (one in living)}segment {_named(one, names)}" for one in ended_first)
    if change == ENDED:
        return "is no more" if row["segment"] in known else None
    if change == MERGED and row["segment"] in before:
        return f"took in {taken}" if others else None
    if change not in (BORN, SPLIT, MERGED):
        return None
    if change == BORN or not others:
        return "is new"
    how = f"at least half of it comes from {came_from}" if change == SPLIT else f"it was made of {taken}"
    return f"is new: {how}"


def _named(segment: int, names: Mapping[int, str]) -> str:
    return f"{segment} ({names[segment]})" if segment in names else str(segment)


def _why_moved(inputs: Inputs) -> list[str]:
    """Customers apart from retraining, by the leading method of those whose model can be applied to both dates."""
    if not inputs.has("segment_moves"):
        return []
    moves = inputs.rows("segment_moves")
    moves = moves[moves["previous_as_of"] == inputs.previous]
    found = set(moves["method"])
    method = inputs.method if inputs.method in found else lead_method(found, inputs.methods)
    if method is None:  # they were counted from another date
        return []
    rows = moves[moves["method"] == method]
    customers = int((rows["same_model"] != rows["previous_segment"]).sum())
    retraining = int((rows["segment"] != rows["same_model"]).sum())
    return [
        f"By the method {method}, whose model can be applied to both dates, {customers:,} of "
        f"{counted(len(rows), 'account')} moved because their usage changed, and {retraining:,} because the "
        "model was trained anew."
    ]


def _figures(changes: pd.DataFrame) -> Block:
    rows = changes.assign(difference=changes["now"] - changes["before"])
    columns = (
        Column("topic", "About"),
        Column("item", "Figure", "wide"),
        Column("before", "Before", "plain"),
        Column("now", "Now", "plain"),
        Column("difference", "Difference", "change"),
    )
    return table("changes", "Then and now", rows[[column.name for column in columns]], columns)
