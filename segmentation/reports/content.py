"""Tables in, a report of plain values out."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from segmentation.industries.cards import PREDICTABLE
from segmentation.industries.filling import FILL, REVIEW
from segmentation.reports.actions import CHECK, REACH_OUT, account_actions, likely_to_leave
from segmentation.reports.blocks import Block, Fact, Facts, Points, Report, Section
from segmentation.reports.changes_section import changes_section
from segmentation.reports.data_section import data_section
from segmentation.reports.industries_section import NONE_OF_REFUSED, industries_section
from segmentation.reports.inputs import Inputs
from segmentation.reports.joint_section import joint_section, outlook_section
from segmentation.reports.movement import moved_accounts, moved_of_all, report_changes
from segmentation.reports.residuals import segment_industries
from segmentation.reports.segments_section import DOUBTFUL, in_no_segment, living_segments, segments_section
from segmentation.reports.standing import outdated
from segmentation.reports.trust_section import glossary_section, trust_section
from segmentation.shown import NOTHING, counted, shown_goal, shown_int, shown_share

#: every table that a report may have, and so every CSV file that it may write or take away
FILES = frozenset(
    {
        "row_rules", "categories", "segments", "use", "industry_cards", "coverage", "fill", "review", "check",
        "segment_industries", "reach_out", "moved", "changes", "industry_metrics", "churn_metrics",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """The tables that a report adds, each less its as_of: what it says is stored as it is said."""

    #: table segment_industries less method
    residuals: pd.DataFrame
    #: table account_actions
    actions: pd.DataFrame
    #: table report_changes less previous_as_of
    changes: pd.DataFrame


def find(inputs: Inputs) -> Findings:
    """The three tables of a report."""
    placed = inputs.of_method("segments")[["account_id", "segment"]]
    pairs = placed[placed["segment"] >= 0].merge(inputs.rows("basetable")[["account_id", "industry"]], on="account_id")
    return Findings(
        segment_industries(pairs.dropna(subset=["industry"])), account_actions(inputs), report_changes(inputs)
    )


def build(inputs: Inputs, findings: Findings) -> Report:
    """The whole report; needs at least the basetable and segments of the date."""
    sections = (
        summary_section(inputs, findings),
        data_section(inputs),
        segments_section(inputs),
        industries_section(inputs, findings.actions),
        joint_section(inputs, findings.residuals),
        outlook_section(inputs, findings.actions),
        changes_section(inputs, findings.changes),
        trust_section(inputs),
        glossary_section(),
    )
    return Report("Customer segments and industries", inputs.as_of, inputs.published, sections)


def summary_section(inputs: Inputs, findings: Findings) -> Section:
    """What is new and what to do, in a few sentences made of figures."""
    counts = findings.actions["action"].value_counts() if len(findings.actions) else pd.Series(dtype=int)
    basetable, living = inputs.rows("basetable"), living_segments(inputs)
    labelled = int(basetable["industry"].notna().sum())
    why_not = "the gate refused the industry model" if inputs.standing else "no industry model for this date"
    to_fill, to_review = (
        Fact(label, shown_int(counts.get(action, 0)), note)
        if inputs.has("industry_cards")
        else Fact(label, NOTHING, why_not)
        for label, action, note in (
            ("to fill in", FILL, NONE_OF_REFUSED if inputs.is_refused else "industries sure enough to be written down"),
            ("to look at", REVIEW, "accounts without an industry, for a person to judge"),
        )
    )
    facts = (
        Fact("accounts", shown_int(len(basetable)), f"{f'{labelled:,}' if labelled else 'none'} with a known industry"),
        Fact("segments", shown_int(len(living)), "of accounts that use the product alike"),
        to_fill,
        to_review,
        Fact("to reach out to", shown_int(counts.get(REACH_OUT, 0)), "accounts that may fall silent, or have begun to"),
    )
    blocks: tuple[Block, ...] = (Points(tuple(_sentences(inputs, living, counts))), Facts(facts))
    return Section("summary", "In short", "What is new, and what to do.", blocks)


def _placed(living: pd.DataFrame) -> str:
    largest = living.sort_values(["accounts", "segment"], ascending=[False, True]).iloc[0]
    placed, most = living["accounts"].sum(), largest["accounts"]
    return (
        f"{counted(placed, 'account')} {'falls' if placed == 1 else 'fall'} into {counted(len(living), 'segment')}; "
        f"the largest, {largest['name']}, has {most:,} of them ({shown_share(most / placed)})."
    )


def _sentences(inputs: Inputs, living: pd.DataFrame, counts: pd.Series) -> list[str]:
    said = [_placed(living)] if len(living) else []
    if nowhere := in_no_segment(inputs):
        said.append(f"{nowhere}.")
    doubtful = int((living["trust"] == DOUBTFUL).sum())
    if doubtful:
        are, them = ("is", "it") if doubtful == 1 else ("are", "them")
        said.append(f"{doubtful} of these segments {are} doubtful: do not build a campaign on {them} alone.")
    pairs = moved_accounts(inputs)
    if len(pairs):
        said.append(f"Since {inputs.previous}, {moved_of_all(pairs)} changed segment.")
    said += [outdated(table, inputs.as_of) for table in inputs.outdated]
    said += _of_industries(inputs, counts)
    return [*said, _of_leaving(inputs, int(counts.get(REACH_OUT, 0)))]


def _of_industries(inputs: Inputs, counts: pd.Series) -> list[str]:
    """What the gate said comes before what there is to do."""
    said = [inputs.standing.warning] if inputs.standing and inputs.standing.warning else []
    if not inputs.has("industry_cards"):
        return said
    cards = inputs.rows("industry_cards")
    told = cards.loc[cards["verdict"] == PREDICTABLE, "industry"].sort_values()
    named = f": {', '.join(told)}" if len(told) else ""
    said.append(f"Usage tells {len(told)} of {len(cards)} industries from the rest{named}.")
    check = counted(counts.get(CHECK, 0), "label")
    to_check = f"{check} should be checked" if inputs.labels_checked else "labels were not checked"
    if inputs.rows("basetable")["industry"].notna().all():
        return [*said, f"Every account has an industry already; {to_check}."]
    fill, review = counts.get(FILL, 0), counts.get(REVIEW, 0)
    can = f"The industry of {counted(fill, 'account')} can be filled in now"
    filled = can if fill else _none_to_fill(inputs)
    look = f"{counted(review, 'account')} {'needs' if review == 1 else 'need'} a look"
    return [*said, f"{filled}; {look}, and {to_check}."]


def _none_to_fill(inputs: Inputs) -> str:
    if inputs.is_refused:
        return "Nothing is filled in while the gate refuses the model"
    if inputs.has("industry_fill") and (inputs.rows("industry_fill")["decision"] == FILL).any():
        return "All accounts that could be filled in have an industry by now"
    return "No industry is sure enough to be filled in"


def _of_leaving(inputs: Inputs, reach: int) -> str:
    """Of the accounts to reach out to: the active ones of the churn model, and those that are fading."""
    likely = len(likely_to_leave(inputs))
    begun, how = reach - likely, f"likely to fall silent ({shown_goal(inputs.reach_out)} or more)"
    if likely and begun:
        are, have = "is" if likely == 1 else "are", "has" if begun == 1 else "have"
        return f"{counted(reach, 'account')} should hear from you: {likely:,} {are} {how}, {begun:,} {have} begun to."
    if reach:
        who, are, have = ("it", "is", "has") if reach == 1 else ("they", "are", "have")
        return f"{counted(reach, 'account')} should hear from you: {who} " + (
            f"{are} {how}." if likely else f"{have} begun to fall silent."
        )
    if inputs.has("churn_scores"):
        return (
            f"No active account is {how}, and of those used in the last twelve months none has begun to after more "
            "than light use."
        )
    return (
        "Of the accounts used in the last twelve months, none has fallen silent after more than light use; what will "
        "be was not forecast."
    )
