"""What the report says of the model behind its industries, and of what was not computed."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from segmentation.reports.content import find
from segmentation.reports.industries_section import ordered_cards
from segmentation.reports.standing import standing
from tests.reports import frames
from tests.reports.test_page import made, text_of

pytestmark = pytest.mark.slow

FILLED = "The industry of 1 account can be filled in now; 1 account needs a look"
WHY = ["no AUC out of fold", "12 test accounts in 1 industry"]


def row(**changed: Any) -> pd.DataFrame:
    """The row of industry_models of a model that was trained for the date, and passed."""
    whole = {
        "as_of": frames.NOW, "model": "main.logs.industry/3", "trained_for": frames.NOW, "gate": "passed",
        "trained_at": pd.Timestamp("2026-01-02 08:00"), "refused": None, "reasons": [], "labels_checked": True,
    }  # fmt: skip
    return pd.DataFrame([whole | changed])


CHAMPION: dict[str, Any] = {"model": "industry/1", "trained_for": frames.BEFORE, "labels_checked": False}


def test_a_model_that_passed_is_named_and_nothing_is_warned_of() -> None:
    report = made(frames.inputs(frames.tables() | {"industry_models": row()}))
    said = "come from the model industry/3, trained on 2026-01-02 for 2026-01-01, which passed the gate."
    assert said in text_of(report, "industries")
    assert "refused" not in text_of(report, "industries") + text_of(report, "summary")


@pytest.mark.parametrize(
    ("changed", "warning"),
    [
        ({"refused": "main.logs.industry/3", "reasons": WHY, "gate": "refused"},
         "The gate refused the industry model industry/3. Its guesses are shown only because there is no other model"),
        ({"refused": "industry/4", "reasons": WHY, **CHAMPION},
         "The gate refused the industry model trained last, industry/4. What is said of industries comes from the "
         "model industry/1, trained for 2025-12-01, and is worth what it was then."),
        ({"gate": "overruled"}, "The gate had refused the model industry/3, trained for 2026-01-01, from which"),
        (CHAMPION, "comes from the model industry/1, trained for 2025-12-01, and is worth what it was then."),
    ],
)  # fmt: skip
def test_what_the_gate_said_stands_before_what_to_do(changed: dict[str, Any], warning: str) -> None:
    report = made(frames.inputs(frames.tables() | {"industry_models": row(**changed)}))
    summary, section = text_of(report, "summary"), text_of(report, "industries")
    assert warning in summary
    refused = changed.get("gate") == "refused"
    todo = "Nothing is filled in while the gate refuses the model; 2 accounts need a look" if refused else FILLED
    assert summary.index(warning) < summary.index(todo)
    assert ("can be filled in now" in summary) != refused
    assert warning in section
    assert ("No AUC out of fold; 12 test accounts in 1 industry." in section) == ("reasons" in changed)


def test_of_a_refused_model_nothing_is_filled_in_until_somebody_overrules_the_gate() -> None:
    fills = {}
    for gate, refused in (("refused", "main.logs.industry/3"), ("overruled", None), ("passed", "industry/4")):
        inputs = frames.inputs(frames.tables() | {"industry_models": row(gate=gate, refused=refused)})
        found = find(inputs)
        changes = found.changes.set_index("item")["now"]
        cards = ordered_cards(inputs)
        listed = [sum(found.actions["action"] == action) for action in ("fill", "review")]
        assert [changes["accounts to fill"], changes["accounts to review"]] == listed
        assert cards["fillable"].sum() == listed[0]
        fills[gate] = (listed, bool(cards["threshold"].notna().any()))
    assert fills == {"refused": ([0, 2], False), "overruled": ([1, 1], True), "passed": ([1, 1], True)}


def test_what_a_refused_model_would_have_filled_in_the_time_before_is_none() -> None:
    before = frames.earlier() | {
        "industry_fill": frames.tables()["industry_fill"].assign(as_of=frames.BEFORE, account_id=["A1", "A2"]),
        "industry_models": row(as_of=frames.BEFORE, refused="main.logs.industry/3", gate="refused"),
    }
    changes = find(frames.inputs(before=before)).changes.set_index("item")["before"]
    assert (changes["accounts to fill"], changes["accounts to review"]) == (0, 2)


def test_a_refusal_that_left_no_industries_is_no_missing_training() -> None:
    gone = ("industry_cards", "industry_fill", "industry_suspects", "industry_metrics")
    now = {name: rows for name, rows in frames.tables().items() if name not in gone}
    nobody = row(model=None, trained_for=None, trained_at=None, gate=None, refused="industry/2", reasons=WHY)
    report = made(frames.inputs(now | {"industry_models": nobody}))
    summary, section = text_of(report, "summary"), text_of(report, "industries")
    said = "The gate refused the industry model trained last, industry/2, and no other could answer for 2026-01-01"
    assert said in summary
    assert said in section
    assert "no industry model for this date" not in summary
    assert "segmentation industry" not in section
    assert summary.count("the gate refused the industry model") == 2
    assert standing(nobody).origin is None


def test_what_was_not_computed_is_told_from_what_came_to_nothing() -> None:
    now = frames.tables() | {"industry_models": row(refused="industry/4", **CHAMPION)}
    now["industry_fill"] = now["industry_fill"].assign(reasons=None)
    del now["industry_suspects"]
    report = made(frames.inputs(now))
    assert report.tables()["review"]["why"].tolist() == ["reasons were not computed for this model"]
    assert "1 account needs a look, and labels were not checked." in text_of(report, "summary")
    assert "Labels were not checked: the model was kept from an earlier training" in text_of(report, "industries")

    nothing = made(frames.inputs(now | {"industry_models": row()}))
    assert "and 0 labels should be checked." in text_of(nothing, "summary")
    assert "were not checked" not in text_of(nothing, "industries")
