"""Section `joint`: segments against industries. Section `outlook`: who may leave, and what they are worth."""

from __future__ import annotations

from typing import Any

import pandas as pd

from segmentation.reports.actions import REACH_OUT
from segmentation.reports.blocks import Block, Column, Fact, Facts, Heading, Section, Text, table
from segmentation.reports.drawn import chart
from segmentation.reports.industry_charts import LEVEL, residual_map
from segmentation.reports.inputs import Inputs
from segmentation.shown import NOTHING, counted, interval, is_missing, months_ahead, shown_goal, shown_int

AT_STAKE = (
    "The expected value counts in that an account may be gone already. Value at stake is what it would be if the "
    "account surely were a customer still, times its probability of falling silent (without a forecast of that: 1)."
)
#: no table has the check on months held back
CHECKED = "how it did on months held back is told by its MLflow run"


def joint_section(inputs: Inputs, residuals: pd.DataFrame) -> Section:
    """Which industries stand in which segments more often than by chance; `residuals`: table segment_industries."""
    lead = "Segments are found without looking at industries. Do some industries gather in some of them all the same?"
    if residuals.empty:
        missing = Text("No account in a segment has a known industry: give an accounts file with labels.", True)
        return Section("joint", "Segments and industries", lead, (missing,))
    beyond = residuals[residuals["q_value"] <= LEVEL].sort_values("residual", ascending=False)
    names = inputs.names
    are = "is" if len(beyond) == 1 else "are"
    said = f"Of {counted(len(residuals), 'pair')}, {len(beyond):,} {are} beyond chance (q at most {LEVEL})."
    if residuals["q_value"].isna().all():
        said = "All accounts with a known industry are in one segment or of one industry: there is nothing to compare."
    if len(beyond) and beyond["residual"].iloc[0] > 0:
        most = beyond.iloc[0]
        said += (
            f" The strongest surplus: {most['industry']} in segment {most['segment']} "
            f"({names.get(most['segment'], '')}), "
            f"{counted(most['accounts'], 'account')} where {most['expected']:.1f} would be expected."
        )
    title = "Segments against industries"
    told = (
        "A row per segment, a column per industry, known labels only. The number says by how many standard "
        "deviations there are more (+) or fewer (-) accounts than if segment and industry had nothing to do with each "
        "other; a star marks what is beyond chance, all pairs considered."
    )
    rows = residuals.assign(name=residuals["segment"].map(names))
    columns = (
        Column("segment", "Id", "int"),
        Column("name", "Segment", "wide"),
        Column("industry", "Industry"),
        Column("accounts", "Accounts", "int"),
        Column("expected", "Expected", "tenth"),
        Column("residual", "Standard deviations", "signed"),
        Column("q_value", "q", "chance"),
    )
    order = rows.sort_values(["residual", "segment", "industry"], ascending=[False, True, True], ignore_index=True)
    cells = table("segment_industries", "Every pair, the most surprising surplus first", order, columns)
    blocks: tuple[Block, ...] = (Text(said), *chart(residual_map(residuals, names), "residuals", title, told), cells)
    return Section("joint", "Segments and industries", lead, blocks)


def outlook_section(inputs: Inputs, actions: pd.DataFrame) -> Section:
    """Churn and value where they were forecast; else how to get them."""
    lead = "Who may fall silent, and what is at stake."
    blocks: list[Block] = []
    facts: list[Fact] = []
    if inputs.has("churn_scores"):
        facts += _churn_facts(inputs)
    else:
        blocks.append(_no_forecast(inputs, "churn"))
    if inputs.has("account_values"):
        facts.append(_value_fact(inputs))
    else:
        blocks.append(_no_forecast(inputs, "value"))
    leaving = actions[actions["action"] == REACH_OUT] if len(actions) else actions
    facts.append(Fact("to reach out to", shown_int(len(leaving)), _rule(inputs)))
    blocks.insert(0, Facts(tuple(facts)))
    blocks.append(Heading("Reach out"))
    if leaving.empty:
        blocks.append(Text("No account is on this list."))
        return Section("outlook", "Who may leave", lead, tuple(blocks))
    columns = (
        Column("priority", "No.", "int"),
        Column("account_id", "Account"),
        Column("probability", "Probability of falling silent", "share"),
        Column("lifetime_value", "Expected value", "int"),
        Column("at_stake", "Value at stake", "int"),
        Column("why", "Why", "wide"),
    )
    # by the name that it has in the export: in account_values, expected_value is what one day is worth
    rows = leaving.rename(columns={"expected_value": "lifetime_value"})[[column.name for column in columns]]
    caption = "Accounts to reach out to, the most at stake first"
    if inputs.has("account_values"):
        blocks.append(Text(AT_STAKE))
    blocks.append(table("reach_out", caption, rows, columns, inputs.shown))
    return Section("outlook", "Who may leave", lead, tuple(blocks))


def _no_forecast(inputs: Inputs, what: str) -> Text:
    """It may have been tried, and been refused: of that no table knows."""
    command = f"`segmentation {what} --as-of {inputs.as_of}`"
    return Text(
        f"There is no forecast of {what} as of {inputs.as_of}: {command} makes it, or says what it lacks.", True
    )


def _value_fact(inputs: Inputs) -> Fact:
    values = inputs.rows("account_values")["lifetime_value"].astype(float)
    known = int(values.notna().sum())
    note = f"forecast for {months_ahead(inputs.value_months)}, in the unit of the logs' value"
    if not known:
        return Fact("expected value", NOTHING, "no value could be forecast; its MLflow run says why")
    accounts = len(inputs.rows("basetable"))
    some = f"{known:,} of {counted(accounts, 'account')}; the others have none"
    who = "all accounts" if known == accounts else some
    return Fact("expected value", shown_int(values.sum()), f"{note}, of {who}; {CHECKED}")


def _rule(inputs: Inputs) -> str:
    begun = "used more than lightly, and silent now"
    if inputs.has("churn_scores"):
        return f"active, and a probability of {shown_goal(inputs.reach_out)} or more; or {begun}"
    return f"by plain counting: {begun}; no model stands behind it"


def _churn_facts(inputs: Inputs) -> list[Fact]:
    scores = inputs.rows("churn_scores")
    active = scores[scores["active"].astype(bool)]
    months = months_ahead(inputs.horizon_months)
    note = f"of {counted(len(active), 'active account')}, the sum of their probabilities over {months}"
    facts = [Fact("expected to fall silent", shown_int(active["probability"].sum()), note)]
    if inputs.has("churn_metrics"):
        rows = inputs.rows("churn_metrics")
        of = rows[(rows["population"] == "active") & (rows["slice"] == "test") & (rows["metric"] == "auc")]
        facts += [_auc_fact(row) for row in of.to_dict("records")]
    return facts


def _auc_fact(row: dict[Any, Any]) -> Fact:
    """How well the forecast ranked active accounts on later months, or why nobody knows."""
    if is_missing(row["value"]):
        return Fact("AUC of the forecast", NOTHING, f"not known: {row['reason']}")
    note = f"{interval(row['low'], row['high'])} on later months; days since last seen alone {row['recency']:.2f}"
    return Fact("AUC of the forecast", f"{row['value']:.2f}", f"{note}; {row['reason']}" if row["reason"] else note)
