"""Section `industries`: can usage tell them, what speaks for them, what can be filled in, what should be looked at."""

from __future__ import annotations

from typing import Any

import pandas as pd

from segmentation.industries.cards import NOT_FROM_USAGE, PREDICTABLE, PROMISING, TOO_FEW
from segmentation.industries.filling import ALL, FILL, REVIEW
from segmentation.reports.actions import CHECK, open_fills
from segmentation.reports.blocks import (
    Block,
    Card,
    Cards,
    Chart,
    Column,
    Details,
    Fact,
    Facts,
    Heading,
    Section,
    Text,
    table,
)
from segmentation.reports.drawn import chart
from segmentation.reports.industry_charts import are_shares, coverage_curve, drivers, drivers_said, learnability
from segmentation.reports.inputs import Inputs
from segmentation.reports.standing import NOT_CHECKED, Standing, outdated
from segmentation.shown import NOTHING, counted, is_missing, shown_goal, shown_int, shown_least, shown_share

NONE_OF_REFUSED = "none while the gate refuses the model"
LEAD = "Which industry an account belongs to, as far as its usage says so, and how often that is right."
#: the better verdicts first
VERDICTS = (PREDICTABLE, PROMISING, NOT_FROM_USAGE, TOO_FEW)
SPEAKS = "Bars to the right speak for the industry, bars to the left against it; a longer bar weighs more."
#: of trees, which say how much a feature tells and not in which direction
WEIGHS = "A longer bar weighs more. The model is made of trees: a feature may speak for the industry or against it."
#: of labels that usage contradicts: what was measured is in industries/suspects.py
DOUBTED = "A list to look through, not to correct by: most of these labels may be right."
#: thresholds that the page shows
THRESHOLDS = 20


def industries_section(inputs: Inputs, actions: pd.DataFrame) -> Section:
    """All about industries; `actions` is table account_actions."""
    warned = _warned(inputs)
    if not inputs.has("industry_cards"):
        command = f"`segmentation industry --as-of {inputs.as_of}`"
        how = f"Nothing is said of industries as of {inputs.as_of}: {command} trains a model, or says what it lacks."
        return Section("industries", "Industries", LEAD, warned or (Text(how, is_missing=True),))
    cards = ordered_cards(inputs)
    said = [f"{name}: {(cards['verdict'] == name).sum()}" for name in VERDICTS if (cards["verdict"] == name).any()]
    counts = actions["action"].value_counts() if len(actions) else pd.Series(dtype=int)
    facts = Facts(
        (
            Fact("to fill in", shown_int(counts.get(FILL, 0)), _promise(inputs)),
            Fact("to look at", shown_int(counts.get(REVIEW, 0)), "the first guess is too unsure to be filled in"),
            Fact("labels to check", shown_int(counts.get(CHECK, 0)), "usage contradicts them; most may be right")
            if inputs.labels_checked
            else Fact("labels to check", NOTHING, f"not checked: {NOT_CHECKED}"),
        )
    )
    blocks: list[Block] = [*warned, facts]
    if inputs.standing and inputs.standing.origin:
        blocks.append(Text(inputs.standing.origin))
    blocks.append(Text("Of the industries, usage makes " + "; ".join(said) + "."))
    blocks += _learnable(inputs)
    blocks.append(_told_apart(cards))
    worth = cards[cards["verdict"].isin(VERDICTS[:2])].to_dict("records")
    if worth:
        cards_shown = tuple(_card(inputs, row, place) for place, row in enumerate(worth))
        blocks.append(Cards("What speaks for each", _how_to_read(inputs), cards_shown))
    blocks += _coverage(inputs)
    blocks += _lists(inputs, actions)
    return Section("industries", "Industries", LEAD, tuple(blocks))


def _warned(inputs: Inputs) -> tuple[Block, ...]:
    """What to know before acting on the industries, and why the gate refused a model."""
    return (
        *(Text(outdated(one, inputs.as_of), is_missing=True) for one in inputs.outdated if one == "industry_scores"),
        *_by_the_gate(inputs.standing),
    )


def _by_the_gate(standing: Standing | None) -> tuple[Block, ...]:
    if standing is None or standing.warning is None:
        return ()
    said = Text(standing.warning, is_missing=True)
    why = "; ".join(standing.reasons)
    return (said, Details("Why the gate refused it", f"{why[:1].upper()}{why[1:]}.")) if why else (said,)


def _promise(inputs: Inputs) -> str:
    if inputs.is_refused:
        return NONE_OF_REFUSED
    return (
        f"where {shown_goal(inputs.right_at_least)} or more were right of labelled accounts that the model had not seen"
    )


def ordered_cards(inputs: Inputs) -> pd.DataFrame:
    """Rows of industry_cards with today's `fillable`, the better verdict and the higher AUC first."""
    rows = _fillable_now(inputs)
    rank = rows["verdict"].map({name: place for place, name in enumerate(VERDICTS)}).fillna(len(VERDICTS))
    ordered = rows.assign(rank=rank).sort_values(["rank", "auc", "industry"], ascending=[True, False, True])
    return ordered.drop(columns="rank").reset_index(drop=True)


def _fillable_now(inputs: Inputs) -> pd.DataFrame:
    """Rows of industry_cards, `labelled` as in today's basetable, `fillable` less those labelled since or refused."""
    rows = inputs.rows("industry_cards")
    known = rows["industry"].map(inputs.rows("basetable")["industry"].value_counts())
    rows = rows.assign(labelled=known.fillna(0).astype(int))
    if not inputs.has("industry_fill"):
        return rows
    fill = open_fills(inputs.now)
    counts = rows["industry"].map(fill.loc[fill["decision"] == FILL, "industry"].value_counts())
    rows = rows.assign(fillable=counts.fillna(0).astype(int))
    return rows.assign(threshold=None, precision=None, precision_low=None) if inputs.is_refused else rows


def _learnable(inputs: Inputs) -> list[Block]:
    if not inputs.has("industry_metrics"):
        return []
    title = "How well usage tells each industry from the rest"
    said = (
        "Per industry the AUC on accounts that the model had not seen, with its 95 % interval, in brackets how many "
        "accounts of that industry they were; beside it the AUC on the accounts it learned from (a cross), which "
        "always looks better, and on test accounts (a triangle), which the brackets leave out. Left of the short "
        "upright bar, labels dealt out by chance come as well. The figures are in the table of section How "
        "far to trust it."
    )
    return [*chart(learnability(inputs.rows("industry_metrics")), "learnability", title, said)]


def _told_apart(cards: pd.DataFrame) -> Block:
    columns = (
        Column("industry", "Industry", "wide"),
        Column("verdict", "Verdict", "wide"),
        Column("labelled", "Known", "int"),
        Column("auc", "AUC", "number"),
        Column("auc_low", "From", "number"),
        Column("auc_high", "To", "number"),
        Column("threshold", "Filled in from", "share"),
        Column("precision", "Of such right", "share"),
        Column("precision_low", "At least", "least"),
        Column("fillable", "Fillable", "int"),
    )
    caption = "Every industry: can usage tell it, and how many accounts can be filled in"
    return table("industry_cards", caption, cards, columns)


def _card(inputs: Inputs, row: dict[Any, Any], place: int) -> Card:
    industry, reason = str(row["industry"]), str(row["reason"])
    known = f"{counted(row['labelled'], 'account')} {'is' if row['labelled'] == 1 else 'are'} known to be {industry}"
    can = (
        "No account can be filled in."
        if is_missing(row["threshold"])
        else f"{counted(row['fillable'], 'account')} can be filled in: from {shown_share(row['threshold'])} on, "
        f"{shown_share(row['precision'])} were right (at least {shown_least(row['precision_low'])})."
    )
    said = f"{known}. {reason[:1].upper()}{reason[1:]}. {can}"
    return Card(industry, str(row["verdict"]), said, _drivers(inputs, industry, place))


def _drivers(inputs: Inputs, industry: str, place: int) -> tuple[Chart, ...]:
    if not inputs.has("industry_drivers"):
        return ()
    rows, title = inputs.rows("industry_drivers"), f"What speaks for and against {industry}"
    # no table has them: whoever cannot see the bars is told of each
    said = f"{_how_to_read(inputs)} The longest first: {drivers_said(rows, industry, inputs.words)}."
    return chart(drivers(rows, industry, inputs.words), f"drivers-{place}", title, said, False)


def _how_to_read(inputs: Inputs) -> str:
    shares = inputs.has("industry_drivers") and are_shares(inputs.rows("industry_drivers"))
    return WEIGHS if shares else SPEAKS


def _coverage(inputs: Inputs) -> list[Block]:
    if not inputs.has("industry_coverage"):
        return []
    rows = inputs.rows("industry_coverage")
    figure = coverage_curve(rows, ALL, inputs.right_at_least)
    title = "Filling in: how many, against how often right"
    said = (
        "From left to right accounts are filled in more freely. The line is the share of fills that are right, on "
        "labelled accounts that the model had not seen; the dashed line is at "
        f"{shown_goal(inputs.right_at_least)}: an industry is filled in only where its own lower bound reaches that."
    )
    first = rows.assign(others=rows["industry"] != ALL)
    told = first.sort_values(["others", "industry", "threshold"], ascending=[True, True, False], ignore_index=True)
    columns = (
        Column("industry", "Industry"),
        Column("threshold", "From probability", "number"),
        Column("filled", "Labelled accounts filled", "int"),
        Column("precision", "Right", "share"),
        Column("low", "Lower bound", "least"),
        Column("coverage", "Coverage", "share"),
    )
    caption = "What each threshold would give"
    return [
        Heading("What filling in would give"),
        *chart(figure, "coverage", title, said),
        table("coverage", caption, told[[column.name for column in columns]], columns, THRESHOLDS),
    ]


def _lists(inputs: Inputs, actions: pd.DataFrame) -> list[Block]:
    first = (Column("priority", "No.", "int"), Column("account_id", "Account"))
    guessed = (
        *first,
        Column("industry", "First guess"),
        Column("probability", "Probability", "share"),
        Column("second", "Second guess"),
        Column("why", "Why", "wide"),
    )
    doubted = (
        *first,
        Column("industry", "Label"),
        Column("suggested", "Looks like"),
        Column("probability", "Probability of the label", "share"),
        Column("why", "Why", "wide"),
    )
    lists = (
        (FILL, "fill", "Fill in", "Accounts whose industry can be filled in, the surest first", guessed),
        (REVIEW, "review", "Look at", "Accounts for somebody who knows them, the surest guess first", guessed),
        (CHECK, "check", "Check the label", "Accounts whose usage contradicts their label", doubted),
    )
    blocks: list[Block] = []
    for action, name, heading, caption, columns in lists:
        rows = actions[actions["action"] == action] if len(actions) else actions
        if action != CHECK:  # as in industry_fill; what the export calls suggested is the first guess
            rows = rows.rename(columns={"suggested": "second"})
        blocks.append(Heading(heading))
        if action == CHECK and not inputs.labels_checked:
            blocks.append(Text(f"Labels were not checked: {NOT_CHECKED}."))
        elif rows.empty:
            blocks.append(Text("No account is on this list."))
        else:
            blocks += [Text(DOUBTED)] if action == CHECK else []
            blocks.append(table(name, caption, rows[[one.name for one in columns]], columns, inputs.shown))
    return blocks
