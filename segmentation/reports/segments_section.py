"""Section `segments`: the map, the sizes, each segment with what sets it apart, how accounts use the product."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from segmentation.reports.blocks import Block, Card, Cards, Column, Details, Fact, Facts, Heading, Section, Text, table
from segmentation.reports.charts import inhabited, profile_bars, profile_said, segment_map, segment_sizes, thinned
from segmentation.reports.drawn import chart
from segmentation.reports.inputs import Inputs
from segmentation.shown import NOTHING, counted, is_missing, shown_below, shown_share

APART = (
    "Bars to the right: more than the other accounts, to the left: less, in standard deviations; the line across the "
    "end of a bar is its 95 % interval. A hatched bar says something that the segment was not built from."
)
TESTED = (
    "Only of what it was not built from is a difference a test (q): that the accounts differ, not why. A share or rate "
    "of few rows varies more where use is low."
)
#: of a sentence, what only a statistician reads: `(g = 1.95, 1.79 to 2.10, q < 0.001)`
_FIGURES = re.compile(r" \([gq] [=<][^)]*\)")
#: mean Jaccard similarity over resamples -> how far to trust a segment (Hennig 2007)
SURE, FAIR = 0.85, 0.6
DOUBTFUL = "doubtful"
COLUMNS = (
    Column("segment", "Id", "int"),
    Column("name", "Segment", "wide"),
    Column("accounts", "Accounts", "int"),
    Column("share", "Share", "share"),
    Column("stability", "Stability", "below"),
    Column("trust", "Trust"),
    Column("rows_year", "Rows a year", "int"),
    Column("active_days", "Active days a year", "int"),
    Column("recency_days", "Days silent", "int"),
    Column("change", "Was"),
)


def segments_section(inputs: Inputs) -> Section:
    """Everything about the segments of one method."""
    living = living_segments(inputs)
    told = f"The method `{inputs.method}`" if inputs.method != "consensus" else "The agreement of several methods"
    outlying = int(inputs.of_method("segments")["outlier"].sum())
    facts = Facts(
        (
            Fact("segments", f"{len(living):,}", f"{told} finds them, without looking at industries"),
            Fact(
                "weakest stability",
                _weakest(living),
                f"1: always found again in resampled data; below {FAIR:g}: doubtful",
            ),
            Fact("outlying accounts", f"{outlying:,}", "unlike all others: look before acting on their segment"),
        )
    )
    blocks: list[Block] = [facts]
    if nowhere := in_no_segment(inputs):
        blocks.append(Text(f"{nowhere}: they are too unlike the others, and in no figure of a segment."))
    blocks += [*_map(inputs), Heading("Sizes")]
    blocks += chart(segment_sizes(living), "segment-sizes", "Accounts per segment", _sizes_said(living), False)
    blocks.append(table("segments", "The segments: use is that of the account in the middle (median)", living, COLUMNS))
    cards = tuple(_card(inputs, row) for row in living.to_dict("records"))
    blocks.append(Cards("What sets each segment apart", f"{APART} {TESTED}", cards))
    blocks += _use(inputs)
    lead = "Accounts that use the product alike. Click a column's heading to sort a table."
    return Section("segments", "Segments", lead, tuple(blocks))


def in_no_segment(inputs: Inputs) -> str | None:
    """How many accounts a method such as HDBSCAN puts nowhere, in words; None where all are in a segment."""
    nowhere = int((inputs.of_method("segments")["segment"] < 0).sum())
    return f"{counted(nowhere, 'account')} {'is' if nowhere == 1 else 'are'} in no segment" if nowhere else None


def living_segments(inputs: Inputs) -> pd.DataFrame:
    """Rows of segment_summaries that have accounts, with `outliers` and `trust` (in words), by id."""
    rows = inputs.of_method("segment_summaries")
    living = inhabited(rows).sort_values("segment", ignore_index=True)
    placed = inputs.of_method("segments")
    outliers = placed[placed["outlier"].astype(bool)].groupby("segment").size()
    return living.assign(
        outliers=living["segment"].map(outliers).fillna(0).astype(int),
        trust=[_trust(value) for value in living["stability"]],
    )


def _trust(stability: float) -> str:
    if is_missing(stability):
        return "not measured"
    return "firm" if stability >= SURE else "fair" if stability >= FAIR else DOUBTFUL


def _weakest(living: pd.DataFrame) -> str:
    known = living["stability"].dropna()
    return shown_below(known.min()) if len(known) else NOTHING


def _sizes_said(living: pd.DataFrame) -> str:
    return "; ".join(f"{row['name']}: {row['accounts']:,}" for row in living.to_dict("records"))


def _map(inputs: Inputs) -> list[Block]:
    if not inputs.has("account_positions"):
        return [Text("There is no map: `segmentation segments --force` writes the accounts' places.", is_missing=True)]
    placed = inputs.of_method("segments")[["account_id", "segment"]]
    at = inputs.rows("account_positions").merge(placed, on="account_id").sort_values("account_id")
    title, shown = "Accounts on a map of usage", len(thinned(at))
    some = f"{shown:,} of" if shown < len(placed) else "All"
    held = at["segment"].unique()
    grey = ", grey for those in none" if (held < 0).any() else ""
    said = (
        f"{some} {counted(len(placed), 'account')} as dots, one mark and colour for each of "
        f"{counted((held >= 0).sum(), 'segment')}{grey}. Accounts that lie close together use the product alike. The "
        "two directions are those in which accounts differ most (principal components); they show part of the "
        "differences only, so that segments may overlap here."
    )
    return [*chart(segment_map(at, inputs.names), "segment-map", title, said)]


def _card(inputs: Inputs, row: dict[Any, Any]) -> Card:
    number, name, sentence = int(row["segment"]), str(row["name"]), str(row["sentence"])
    profiles, title = inputs.of_method("segment_profiles"), f"How far from the others: {number} {name}"
    # no table has them: whoever cannot see the bars is told of each
    said = f"{APART} The longest first: {profile_said(profiles, number, inputs.words)}."
    drawn = chart(profile_bars(profiles, number, inputs.words), f"profile-{number}", title, said, False)
    badge = f"{row['trust']} · {shown_share(row['share'])}"
    return Card(f"{number}  {name}", badge, _FIGURES.sub("", sentence), (*drawn, Details("With its figures", sentence)))


def _use(inputs: Inputs) -> list[Block]:
    if not inputs.has("account_rfm"):
        return []
    placed = inputs.of_method("segments")[["account_id", "segment"]]
    rows = inputs.rows("account_rfm").merge(placed, on="account_id")
    counts = pd.crosstab(rows["label"], rows["segment"])
    counts.columns = [f"segment {one}" if int(str(one)) >= 0 else "no segment" for one in counts.columns]
    whole = counts.assign(accounts=counts.sum(axis=1)).reset_index()
    whole = whole.sort_values(["accounts", "label"], ascending=[False, True], ignore_index=True)
    columns = (Column("label", "Use"), Column("accounts", "Accounts", "int"), *(
        Column(str(name), f"In {name}", "int") for name in counts.columns
    ))  # fmt: skip
    said = "How recent and how heavy use is, by plain counting: no model, so nothing to mistrust but the logs."
    return [Heading("How accounts use it"), Text(said), table("use", "Accounts by use and segment", whole, columns)]
