"""What somebody should do next, account by account: fill in, look at, check a label, reach out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import pandas as pd

from segmentation.industries.filling import REVIEW
from segmentation.outlook.value import value_if_staying
from segmentation.reports.inputs import Inputs
from segmentation.reports.standing import standing
from segmentation.segments.rfm import FADING
from segmentation.shown import counted, is_missing, months_ahead, shown_share

CHECK, REACH_OUT = "check label", "reach out"
COLUMNS = (
    "account_id", "action", "priority", "industry", "suggested", "probability", "expected_value", "at_stake", "why",
)  # fmt: skip


def account_actions(inputs: Inputs) -> pd.DataFrame:
    """Table account_actions less as_of, ordered by action and priority, and `at_stake`, which is not stored.

    fill, review: rows of industry_fill, the surest first. check label: rows of industry_suspects in their order; of
    both only those whose label in the basetable, which may be newer, is what it was. reach out: active accounts with a
    probability of falling silent of `reach_out` or more, and those whose use is `fading`, by what is at stake as
    far as it is known: what the account is worth if it stays, times the probability that it does not.
    """
    parts = [_industries(inputs), _labels(inputs), _leaving(inputs)]
    known = [part for part in parts if not part.empty]
    if not known:
        return pd.DataFrame(columns=list(COLUMNS))
    whole = pd.concat([part.astype(object) for part in known], ignore_index=True).reindex(columns=list(COLUMNS))
    whole["priority"] = whole.groupby("action").cumcount() + 1
    return whole


def _industries(inputs: Inputs) -> pd.DataFrame:
    if not inputs.has("industry_fill"):
        return pd.DataFrame()
    rows = open_fills(inputs.now)
    rows = rows.sort_values(["decision", "probability", "account_id"], ascending=[True, False, True])
    why = [_reasons(given, industry) for given, industry in zip(rows["reasons"], rows["industry"], strict=True)]
    return pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "action": rows["decision"],
            "industry": rows["industry"],
            "suggested": rows["second"],
            "probability": rows["probability"],
            "why": why,
        }
    )


def open_fills(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The rows of industry_fill of one date whose account has no label in the basetable, which may be newer.

    Of a model that the gate refused none is filled in: somebody has to look at each.
    """
    fill, basetable = frames["industry_fill"], frames["basetable"]
    rows = fill[fill["account_id"].isin(basetable.loc[basetable["industry"].isna(), "account_id"])]
    models = frames.get("industry_models")
    refused = models is not None and not models.empty and standing(models).is_refused
    return rows.assign(decision=REVIEW) if refused else rows


def _known_as(inputs: Inputs) -> pd.Series:
    """The labels of the basetable by account_id, missing where there is none."""
    return inputs.rows("basetable").set_index("account_id")["industry"]


def _reasons(reasons: Sequence[str] | None, industry: str) -> str:
    if reasons is None:
        return "reasons were not computed for this model"
    return "; ".join(reasons) or f"no single feature speaks for {industry}"


def _labels(inputs: Inputs) -> pd.DataFrame:
    if not inputs.has("industry_suspects"):
        return pd.DataFrame()
    rows = inputs.rows("industry_suspects")
    rows = rows[rows["account_id"].map(_known_as(inputs)) == rows["industry"]]
    rows = rows.sort_values(["margin", "account_id"], ascending=[False, True])
    why = [
        f"its usage looks like {suggested} ({shown_share(theirs)}), not like {label} ({shown_share(own)})"
        for suggested, theirs, label, own in zip(
            rows["suggested"], rows["suggested_probability"], rows["industry"], rows["probability"], strict=True
        )
    ]
    return pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "action": CHECK,
            "industry": rows["industry"],
            "suggested": rows["suggested"],
            "probability": rows["probability"],
            "why": why,
        }
    )


def likely_to_leave(inputs: Inputs) -> pd.DataFrame:
    """account_id and probability of active accounts that the churn model gives `reach_out` or more; none without one.

    With a model that is right about the average these may be few or none: where one account in twenty falls silent,
    hardly anybody who is active reaches a half.
    """
    if not inputs.has("churn_scores"):
        return pd.DataFrame({"account_id": pd.Series(dtype=object), "probability": pd.Series(dtype=float)})
    scores = inputs.rows("churn_scores")
    likely = scores["active"].astype(bool) & (scores["probability"] >= inputs.reach_out)
    return scores.loc[likely, ["account_id", "probability"]]


def _leaving(inputs: Inputs) -> pd.DataFrame:
    likely = likely_to_leave(inputs)
    why = f"active so far, and likely to be silent for {months_ahead(inputs.horizon_months)}"
    parts = [likely.assign(why=why), _fading(inputs, set(likely["account_id"]))]
    rows = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    worth = pd.DataFrame({"lifetime_value": [], "alive": []}, dtype=float)
    if inputs.has("account_values"):
        worth = inputs.rows("account_values").set_index("account_id")
    expected = rows["account_id"].map(worth["lifetime_value"].astype(float))
    rows = rows.assign(action=REACH_OUT, expected_value=expected)
    chance = rows["probability"].astype(float).fillna(1.0)
    at_stake = rows["account_id"].map(value_if_staying(worth)).astype(float) * chance
    rows = rows.assign(at_stake=at_stake, order=at_stake.fillna(0.0), chance=chance, why=_with_days(inputs, rows))
    return rows.sort_values(["order", "chance", "account_id"], ascending=[False, False, True])


def _fading(inputs: Inputs, listed: Set[str]) -> pd.DataFrame:
    """Those who have begun to fall silent, by plain counting, and are not listed yet."""
    if not inputs.has("account_rfm"):
        return pd.DataFrame(columns=["account_id", "probability", "why"])
    rfm, known = inputs.rows("account_rfm"), pd.Series(dtype=float)
    if inputs.has("churn_scores"):
        known = inputs.rows("churn_scores").set_index("account_id")["probability"]
    rows = rfm.loc[(rfm["label"] == FADING) & ~rfm["account_id"].isin(listed), ["account_id"]]
    return rows.assign(probability=rows["account_id"].map(known), why="used more than lightly, and silent now")


def _with_days(inputs: Inputs, rows: pd.DataFrame) -> list[str]:
    """The reason per account, with the days since its last log row where they are known."""
    if not inputs.has("account_rfm"):
        return list(rows["why"])
    days = rows["account_id"].map(inputs.rows("account_rfm").set_index("account_id")["recency_days"].astype(float))
    return [
        why if is_missing(one) else f"{why}; last seen {counted(round(one), 'day')} ago"
        for why, one in zip(rows["why"], days, strict=True)
    ]
