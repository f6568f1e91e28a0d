"""What a report adds to the tables: residuals, actions, changes."""

from __future__ import annotations

from math import comb

import pandas as pd
import pytest

from segmentation.reports.actions import account_actions
from segmentation.reports.movement import moved_accounts, report_changes
from segmentation.reports.residuals import segment_industries
from tests.reports import frames


def pairs(counts: dict[tuple[int, str], int]) -> pd.DataFrame:
    rows = [key for key, count in counts.items() for _ in range(count)]
    return pd.DataFrame(rows, columns=["segment", "industry"])


def test_residuals_are_those_of_a_hand_computation() -> None:
    found = segment_industries(pairs({(0, "Labels"): 30, (0, "Signs"): 10, (1, "Labels"): 20, (1, "Signs"): 40}))
    cell = found[(found["segment"] == 0) & (found["industry"] == "Labels")].iloc[0]
    # expected 40 * 50 / 100; residual (30 - 20) / sqrt(20 * (1 - 40/100) * (1 - 50/100))
    assert (cell["accounts"], cell["expected"]) == (30, 20.0)
    assert cell["residual"] == pytest.approx(10 / 6**0.5)
    # in a table of two by two all four residuals are equal in size, and so are p and q
    assert found["residual"].abs().to_numpy() == pytest.approx(4 * [10 / 6**0.5])
    # half of the accounts are Labels, so both tails of the hypergeometric distribution are alike
    tail = sum(comb(50, count) * comb(50, 40 - count) for count in range(30, 41)) / comb(100, 40)
    assert found["p_value"].to_numpy() == pytest.approx(4 * [2 * tail])
    assert found["q_value"].to_numpy() == pytest.approx(found["p_value"].to_numpy())


def test_rare_cells_are_tested_exactly_and_for_their_number() -> None:
    found = segment_industries(pairs({(0, "A"): 3, (1, "B"): 3, (2, "C"): 3}))
    # three of three in one of C(9, 3) ways, or any other such way: 1/84 from this side, none on the other
    assert found["p_value"].min() == pytest.approx(1 / 84)
    assert found["q_value"].min() == pytest.approx(3 / 84)  # nine tests, of which three are as small
    assert len(found) == 9


def test_one_industry_alone_has_no_residual() -> None:
    found = segment_industries(pairs({(0, "A"): 3, (1, "A"): 2}))
    assert found["residual"].isna().all()
    assert found["q_value"].isna().all()
    assert segment_industries(pairs({})).empty


def test_every_action_has_its_order_and_its_why() -> None:
    found = account_actions(frames.inputs())
    told = {action: list(own["account_id"]) for action, own in found.groupby("action")}
    # without a churn model, whoever is fading
    hostile = frames.HOSTILE
    assert told == {"fill": ["A5"], "review": [hostile], "check label": ["A4"], "reach out": [hostile, "A4"]}
    why = found.set_index(["action", "account_id"])["why"]
    assert why["fill", "A5"] == "high rows; low errors"
    assert why["review", hostile] == "no single feature speaks for Signs"
    assert why["check label", "A4"].replace("\xa0", " ") == "its usage looks like Labels (90 %), not like Signs (2 %)"
    assert why["reach out", "A4"] == "used more than lightly, and silent now; last seen 50 days ago"
    assert found[found["action"] == "reach out"]["priority"].tolist() == [1, 2]


def test_what_a_newer_basetable_has_settled_is_nothing_to_do() -> None:
    """A5 has a label by now, A4 another one, and whoever was to be looked at is gone."""
    now = frames.tables()
    rows = now["basetable"].set_index("account_id")
    rows.loc["A5", "industry"], rows.loc["A4", "industry"] = "Signs", "Labels"
    now["basetable"] = rows.drop(index=frames.HOSTILE).reset_index()
    assert set(account_actions(frames.inputs(now))["action"]) == {"reach out"}


def test_reaching_out_follows_what_is_at_stake() -> None:
    now = frames.tables() | {"churn_scores": frames.churn(), "account_values": frames.values()}
    found = account_actions(frames.inputs(now))
    leaving = found[found["action"] == "reach out"]
    # 0.6 x 1000, then 0.9 x 100, then no value; A5 is likelier, but not active any more
    assert leaving["account_id"].tolist() == ["A2", "A4", frames.HOSTILE]
    assert leaving["expected_value"].tolist()[:2] == [1000.0, 100.0]


def test_a_loss_that_is_nearly_sure_is_not_put_last_for_being_so() -> None:
    """A customer worth 90,000 that has been silent for weeks is expected to bring 450, having gone most likely."""
    worth = frames.values().assign(
        lifetime_value=[10.0, 1000.0, 10.0, 450.0, 5.0, 0.0], alive=[1.0, 0.8, 1.0, 0.005, 1.0, 0.0]
    )
    now = frames.tables() | {"churn_scores": frames.churn(), "account_values": worth}
    found = account_actions(frames.inputs(now))
    leaving = found[found["action"] == "reach out"]
    assert leaving["account_id"].tolist() == ["A4", "A2", frames.HOSTILE]
    assert leaving["at_stake"].tolist() == pytest.approx([0.9 * 90_000, 0.6 * 1250, 0.0])
    assert leaving["expected_value"].tolist() == [450.0, 1000.0, 0.0]


def test_who_has_begun_to_fall_silent_is_listed_beside_a_forecast_too() -> None:
    """Where few accounts leave, a model that is right about the average gives no active one a half."""
    calm = frames.churn().assign(probability=[0.1, 0.2, 0.2, 0.3, 0.99, 0.25])
    now = frames.tables() | {"churn_scores": calm, "account_values": frames.values()}
    found = account_actions(frames.inputs(now))
    leaving = found[found["action"] == "reach out"]
    assert leaving["account_id"].tolist() == ["A4", frames.HOSTILE]  # 0.3 x 100, and no value
    assert leaving["probability"].tolist() == [0.3, 0.25]
    assert leaving["why"].tolist() == [
        f"used more than lightly, and silent now; last seen {days} days ago" for days in (50, 70)
    ]
    # one that is likely to leave as well is listed once
    likely = account_actions(frames.inputs(now, reach_out=0.3))
    leaving = likely[likely["action"] == "reach out"].set_index("account_id")
    assert list(leaving.index) == ["A4", frames.HOSTILE]
    assert leaving.loc["A4", "why"] == "active so far, and likely to be silent for 3 months; last seen 50 days ago"


def test_no_table_no_action() -> None:
    now = {name: rows for name, rows in frames.tables().items() if name in ("basetable", "segments")}
    assert account_actions(frames.inputs(now)).empty


def test_changes_stand_beside_what_was() -> None:
    found = report_changes(frames.inputs(before=frames.earlier())).set_index("item")
    assert found.loc["accounts with usage"].tolist() == ["accounts", 5.0, 6.0]
    assert found.loc["accounts with a known industry"].tolist() == ["accounts", 0.0, 4.0]
    assert found.loc["0 Heavy use: accounts"].tolist() == ["segments", 4.0, 3.0]
    assert found.loc["Labels: AUC", "before":"now"].isna().tolist() == [True, False]
    assert report_changes(frames.inputs())["before"].isna().all()


def test_forecasts_for_more_or_fewer_months_are_not_held_against_each_other() -> None:
    forecast = {"churn_scores": frames.churn(), "account_values": frames.values()}
    before = frames.earlier() | {name: rows.assign(as_of=frames.BEFORE) for name, rows in forecast.items()}
    items = ("active accounts", "of them expected to fall silent", "expected value of the accounts that have one")
    found = {}
    for silent, worth in ((3, 12), (6, 12), (3, 24), (None, None)):
        inputs = frames.inputs(
            frames.tables() | forecast, before, previous_horizon_months=silent, previous_value_months=worth
        )
        rows = report_changes(inputs).set_index("item")
        found[silent, worth] = [
            None if pd.isna(one) else float(round(one, 6)) for one in rows.loc[list(items), "before"]
        ]
        assert rows.loc[list(items), "now"].tolist() == pytest.approx([5.0, 2.5, 1125.0])
    assert found == {
        (3, 12): [5.0, 2.5, 1125.0],
        (6, 12): [5.0, None, 1125.0],
        (3, 24): [5.0, 2.5, None],
        (None, None): [5.0, None, None],
    }


def test_a_kind_of_use_that_nobody_has_any_more_is_none_of_them() -> None:
    before = frames.earlier()
    before["account_rfm"] = before["account_rfm"].assign(label="quiet and heavy")
    found = report_changes(frames.inputs(before=before)).set_index("item")
    assert found.loc["use: quiet and heavy", "before":"now"].tolist() == [6.0, 0.0]
    assert found.loc["use: fading", "before":"now"].tolist() == [0.0, 2.0]
    assert "use: quiet and heavy" not in set(report_changes(frames.inputs())["item"])


def test_a_segment_that_ended_or_was_born_had_no_account_at_the_other_date() -> None:
    before = frames.earlier()
    there = before["segment_summaries"]
    old = there.iloc[[0]].assign(segment=2, name="Old", accounts=1)
    before["segment_summaries"] = pd.concat([there.iloc[[0]].assign(name="Busy"), old])
    now = frames.tables()
    ended = old.assign(change="ended", accounts=0)
    now["segment_summaries"] = pd.concat([now["segment_summaries"], ended])
    found = report_changes(frames.inputs(now, before))
    rows = found[found["topic"] == "segments"][["item", "before", "now"]]
    assert rows.to_numpy().tolist() == [
        ["segments", 2.0, 2.0],
        ["0 Heavy use: accounts", 4.0, 3.0],  # called Busy before
        ["1 Light use: accounts", 0.0, 3.0],
        ["2 Old: accounts", 1.0, 0.0],
    ]
    # of another method's segments nothing is known
    before["segment_summaries"] = before["segment_summaries"].assign(method="kmeans")
    unknown = report_changes(frames.inputs(now, before)).set_index("item")
    assert pd.isna(unknown.loc["1 Light use: accounts", "before"])


def test_moves_are_counted_over_accounts_of_both_dates() -> None:
    found = moved_accounts(frames.inputs(before=frames.earlier()))
    moved = found[found["previous_segment"] != found["segment"]]
    assert dict(zip(moved["account_id"], moved["previous_segment"], strict=True)) == {"A4": 0, frames.HOSTILE: -1}
    assert len(found) == 6
    assert moved_accounts(frames.inputs()).empty
