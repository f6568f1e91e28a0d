"""Section `trust`: how far to trust each figure. Section `glossary`: the words."""

from __future__ import annotations

import pandas as pd

from segmentation.industries.cards import FALSE_DISCOVERIES, NOT_FROM_USAGE, PREDICTABLE, PROMISING, TOO_FEW
from segmentation.reports.blocks import Block, Column, Heading, Points, Section, Terms, table
from segmentation.reports.inputs import Inputs
from segmentation.reports.segments_section import FAIR
from segmentation.segments.rfm import FADING, SILENT_DAYS
from segmentation.shown import counted, interval, shown_goal, shown_share

SLICES = {
    "train": "accounts it learned from",
    "cv": "unseen accounts, in turn",
    "test": "accounts held back",
}
#: metric -> what the page calls it
METRICS = {
    "auc": "AUC against the rest",
    "macro_auc": "AUC, mean over industries",
    "accuracy": "first choice right",
    "top2_accuracy": "first or second choice right",
    "mcc": "Matthews correlation",
    "pr_auc": "average precision",
    "macro_pr_auc": "average precision, mean over industries",
    "log_loss": "log-loss (less is better)",
    "brier": "Brier score (less is better)",
}


def trust_section(inputs: Inputs) -> Section:
    """Every metric on seen and unseen accounts, with its interval and its baseline."""
    blocks: list[Block] = [Points(tuple(_caveats(inputs)))]
    if inputs.has("industry_metrics"):
        blocks += [Heading("Industries"), _industries(inputs.rows("industry_metrics"))]
    if inputs.has("churn_metrics"):
        blocks += [Heading("Falling silent"), _churn(inputs.rows("churn_metrics"))]
    lead = "A figure without its baseline says nothing, and one from the accounts a model learned from says too much."
    return Section("trust", "How far to trust it", lead, tuple(blocks))


def _caveats(inputs: Inputs) -> list[str]:
    said = []
    accuracy = _accuracy_said(inputs)
    if accuracy:
        said.append(accuracy)
    said += [
        "Read `unseen accounts`, not `accounts it learned from`: by the gap a model flatters itself.",
        "An interval says where the true figure lies, as far as so many accounts can tell: 95 of 100 such intervals "
        "hold it. Those of `unseen accounts, in turn` are wider than their accounts alone ask for, as the models asked "
        "in turn have learned from much the same accounts.",
        "Segments are a way to look at accounts, not a law: a doubtful one may be drawn otherwise next time.",
        "All of it is said from usage alone. What accounts do elsewhere nobody here knows.",
    ]
    if inputs.hashed_ids:
        said.append("Account ids are keyed hashes: whoever holds the key can tell which account is meant.")
    return said


def _accuracy_said(inputs: Inputs) -> str | None:
    """How often the first choice is right on unseen accounts, beside always saying the most frequent industry."""
    if not inputs.has("industry_metrics"):
        return None
    rows = inputs.rows("industry_metrics")
    found = rows[(rows["metric"] == "accuracy") & (rows["slice"] == "cv") & rows["value"].notna()]
    if found.empty:
        return None
    row, unknown = found.iloc[0], _of_unknown_industries(inputs)
    return (
        f"The first choice is right for {shown_share(row['value'])} of accounts not seen before "
        "whose industry the model knows "
        f"({interval(row['low'], row['high'])}); always naming the most frequent industry, for "
        f"{shown_share(row['majority'])}."
    ) + (f" {counted(unknown, 'labelled account')} of industries with too few labels left out." if unknown else "")


def _of_unknown_industries(inputs: Inputs) -> int:
    """Accounts labelled as one of the industries that are too small to be learned, when the model was trained."""
    if not inputs.has("industry_cards"):
        return 0
    cards = inputs.rows("industry_cards")
    return int(cards.loc[cards["verdict"] == TOO_FEW, "labelled"].sum())


def _industries(rows: pd.DataFrame) -> Block:
    known = rows[rows["metric"].isin(METRICS)].copy()
    known["order"] = known["metric"].map({name: place for place, name in enumerate(METRICS)})
    known["part"] = known["slice"].map({name: place for place, name in enumerate(SLICES)})
    known["industry"] = known["industry"].fillna("all")
    known = known.sort_values(["order", "industry", "part"], ignore_index=True)
    told = known.assign(metric=known["metric"].map(METRICS), slice=known["slice"].map(SLICES))
    columns = (
        Column("metric", "Figure", "wide"),
        Column("industry", "Industry"),
        Column("slice", "Measured on"),
        Column("value", "Value", "number"),
        Column("low", "From", "number"),
        Column("high", "To", "number"),
        Column("majority", "Always the shares", "number"),
        Column("random", "At random", "number"),
        Column("support", "Accounts", "int"),
        Column("reason", "Remark", "wide"),
    )
    caption = "Industry model: every figure with its 95 % interval, beside two ways to answer without a model"
    return table("industry_metrics", caption, told[[column.name for column in columns]], columns)


def _churn(rows: pd.DataFrame) -> Block:
    order = {"auc": 0, "pr_auc": 1, "log_loss": 2, "brier": 3}
    known = rows.assign(order=rows["metric"].map(order).fillna(len(order)))
    known = known.sort_values(["population", "order", "slice"], ignore_index=True)
    part = {"train": "months it learned from", "test": "later months"}
    told = known.assign(metric=known["metric"].replace(METRICS).str.replace(" against the rest", ""),
                        slice=known["slice"].replace(part))  # fmt: skip
    columns = (
        Column("population", "Accounts"),
        Column("metric", "Figure", "wide"),
        Column("slice", "Measured on"),
        Column("value", "Value", "number"),
        Column("low", "From", "number"),
        Column("high", "To", "number"),
        Column("base_rate", "Same for everybody", "number"),
        Column("recency", "Days since last seen alone", "number"),
        Column("accounts", "Number", "int"),
        Column("churned", "Fell silent", "int"),
        Column("reason", "Remark", "wide"),
    )
    caption = "Forecast of falling silent, beside two ways to answer without a model"
    return table("churn_metrics", caption, told[[column.name for column in columns]], columns)


GLOSSARY = (
    ("Account", "A customer: what is segmented and what carries an industry. It may have many licences."),
    ("As of", "The date a report speaks for. Nothing that happened on or after it has been used."),
    ("AUC", "Take one account of the industry and one of the rest: how often the model ranks the right one higher. "
            "0.5 is guessing, 1 is never wrong."),
    ("Average precision", "How pure the top of a list stays as one goes down; guessing gives the industry's share."),
    ("Baseline", "What the same figure would be without a model: always answering the shares, or drawing by them."),
    ("Beyond chance, q", "Of all findings with at most this q, about that share is there by luck alone. It tells that "
                         "accounts differ, not why: a share or rate of few rows varies more where use is low."),
    ("Coverage", "The share of accounts that would be filled in, and rightly."),
    (FADING.capitalize(), f"Seen within twelve months, but not in the last {SILENT_DAYS} days of the logs, and used "
             "more than lightly: the fifths in which its active days and its log rows of a year stand, 1 for the least "
             "and 5 for the most, are above 2 in the mean."),
    ("Fill in", "Write the industry into an account that has none, because such guesses were right often enough."),
    ("g (Hedges)", "A difference in standard deviations: 0.2 is small, 0.8 is large."),
    ("Gate", "The check that a newly trained industry model must pass before its guesses take the place of those of "
             "the model in use."),
    ("Interval", "Where the true figure lies, as far as so many accounts can tell."),
    ("Label", "The industry that the accounts file names."),
    ("Matthews correlation", "How far first choices and labels agree beyond chance: 0 not at all, 1 always."),
    (NOT_FROM_USAGE.capitalize(), "All of its AUC's interval lies below the bar of a predictable industry, even if it "
            "is told better than chance; or it is not told better than chance, and no learning curve showed its AUC "
            "rising beyond noise."),
    ("Outlying account", "An account unlike all others. It may be in a segment all the same: look before acting on "
            "it."),
    ("Precision", "The share of fills that are right."),
    (PREDICTABLE.capitalize(), f"Usage tells this industry from the rest better than chance (q at most "
            f"{shown_goal(FALSE_DISCOVERIES)}), and the lower end of its AUC's interval reaches the bar of the "
            "settings (predictable_auc). It does not mean that single accounts can be filled in."),
    (PROMISING.capitalize(), "Not shown to be predictable, but the upper end of its AUC's interval reaches the bar, "
            "and it is told better than chance or its AUC rose with the accounts that were learned from."),
    ("Reach out", "Call or write: the account is likely to fall silent, or has begun to."),
    ("Residual", "How far a count is from what chance would give, in standard deviations; beyond 2 or 3 it is rare."),
    ("Segment", "Accounts that use the product alike. Its id and name survive when models are trained anew; where "
                "the name does not fit any more, the segment's card says so."),
    ("Set aside", "A row that is broken (quarantined): kept with its reason, not counted, can be mended."),
    ("Stability", "How well a segment is found again when accounts are drawn anew: 1 always, "
                  f"below {FAIR:g} doubtful."),
    (TOO_FEW.capitalize(), "Not judged: too few accounts have this label, or too few in the parts that are learned "
            "from and measured on; its reason says which."),
    ("Value, expected", "What an account is likely to bring in the months ahead, in the unit of the logs' value."),
    ("Was", "What became of a segment since the report before: kept; merged, when it took in another or was made of "
            "several; split, when half of it or more comes from another; born, when it is new; first, when there was "
            "none before."),
)  # fmt: skip


def glossary_section() -> Section:
    """The words of the report."""
    lead = "What the words mean here."
    return Section("glossary", "Glossary", lead, (Terms(GLOSSARY),))
