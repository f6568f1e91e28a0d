from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segmentation.industries.cards import Card, Found, _gain, cards, verdict, with_thresholds
from segmentation.industries.evaluation import Slice, evaluate
from segmentation.industries.filling import COLUMNS

BAR = 0.65


@pytest.mark.parametrize(
    ("found", "expected", "reason"),
    [
        (
            Found(0.80, 0.65, 0.90, 0.05, None),
            "predictable",
            "AUC 0.800 (0.650 to 0.900): all of it at 0.65 or above, better than chance (q = 0.050)",
        ),
        (
            Found(0.80, 0.649, 0.90, 0.01, None),
            "promising with more accounts",
            "AUC 0.800 (0.649 to 0.900): it may or may not reach 0.65, better than chance (q = 0.010)",
        ),
        (
            Found(0.80, 0.70, 0.90, 0.06, 0.0),  # cannot well be, but chance has the last word
            "not from usage",
            "AUC 0.800 (0.700 to 0.900): not told from chance (q = 0.060); more accounts did not raise it beyond noise",
        ),
        (
            Found(0.55, 0.40, 0.70, 0.30, 0.15),
            "promising with more accounts",
            "AUC 0.550 (0.400 to 0.700): it may or may not reach 0.65, not told from chance (q = 0.300); more accounts "
            "raised the AUC by 0.150",
        ),
        (
            Found(0.55, 0.40, 0.70, 0.30, 0.14),
            "not from usage",
            "AUC 0.550 (0.400 to 0.700): not told from chance (q = 0.300); more accounts did not raise it beyond noise",
        ),
        (
            Found(0.60, 0.56, 0.649, 0.001, None),
            "not from usage",
            "AUC 0.600 (0.560 to 0.649): all of it below 0.65, better than chance (q = 0.001)",
        ),
    ],
)
def test_the_verdict_follows_the_rule_and_says_why(found: Found, expected: str, reason: str) -> None:
    assert verdict(found, BAR) == (expected, reason)


def example() -> pd.DataFrame:
    """Food is told by its score, Toys by nothing; Wine is left out."""
    random = np.random.default_rng(3)
    actual = np.repeat([0, 1, 2], [60, 60, 120])
    score = np.column_stack([2.0 * (actual == 0), np.zeros(240), np.zeros(240)]) + random.normal(0, 1, (240, 3))
    given = np.exp(score)
    part = Slice("cv", actual, given / given.sum(axis=1, keepdims=True))
    metrics = evaluate(part, ("Food", "Toys", "Print"), np.array([0.25, 0.25, 0.5]), resamples=100, seed=1)
    other = metrics.assign(slice="train", value=1.0, low=1.0, high=1.0)
    curve = pd.DataFrame({"share": [0.3, 1.0], "accounts": [18, 60], "industry": "Food", "auc": [0.7, 0.9]})
    coverage = pd.DataFrame([("Food", 0.8, 30, 0.95, 0.91, 0.475)], columns=COLUMNS)
    decisions = pd.DataFrame({"decision": ["fill", "fill", "review"], "industry": ["Food", "Food", "Toys"]})
    return cards(
        pd.concat([other, metrics]),
        {"Toys": 75, "Food": 75, "Print": 150, "Wine": 4},
        {"Wine": "4 labelled accounts, fewer than 20"},
        curve,
        coverage,
        {"Food": 0.8, "Toys": None, "all": 0.9},
        decisions,
        BAR,
    )


def test_every_industry_of_the_accounts_file_has_a_card() -> None:
    table = example()
    assert list(table.columns) == list(Card.__dataclass_fields__)
    assert table["industry"].tolist() == ["Print", "Food", "Toys", "Wine"]
    food, toys, wine = (table.set_index("industry").loc[name] for name in ("Food", "Toys", "Wine"))
    assert food["verdict"] == "predictable"
    assert 0.65 <= food["auc_low"] < food["auc"] < food["auc_high"] < 1.0
    assert food["prevalence"] == 0.25 < food["pr_auc_low"]
    assert food["gain"] == pytest.approx(0.2)
    assert food[["threshold", "precision", "precision_low", "coverage", "fillable"]].tolist() == [
        0.8,
        0.95,
        0.91,
        0.475,
        2,
    ]
    assert toys["verdict"] == "not from usage"
    assert pd.isna(toys["threshold"])
    assert pd.isna(toys["gain"])
    assert toys["fillable"] == 0
    assert wine["verdict"] == "too few accounts"
    assert wine["reason"] == "4 labelled accounts, fewer than 20"
    assert wine["labelled"] == 4
    assert pd.isna(wine["auc"])


@pytest.mark.parametrize(
    ("shares", "gain"),
    [
        ([0.6, 0.3, 1.0], 0.2),
        ([0.6, 0.3, 0.8], 0.25),  # the curve ends before all accounts, whose AUC the metrics have
        ([1.0, 1.0, 1.0], None),
    ],
)
def test_the_gain_is_from_the_fewest_accounts_to_all(shares: list[float], gain: float | None) -> None:
    curve = pd.DataFrame({"share": shares, "accounts": 10, "industry": "Food", "auc": [0.85, 0.7, 0.9]})
    other = curve.assign(industry="Toys", auc=0.5, share=[0.1, 0.2, 1.0])
    assert _gain(pd.concat([other, curve]), "Food", 0.95) == (None if gain is None else pytest.approx(gain))


def test_q_values_are_the_p_values_after_benjamini_and_hochberg() -> None:
    metrics = pd.DataFrame(
        {
            "slice": "cv",
            "metric": ["auc"] * 3 + ["pr_auc"] * 3,
            "industry": ["A", "B", "C"] * 2,
            "value": 0.6,
            "low": 0.55,
            "high": 0.66,
            "majority": 0.3,
            "p_value": [0.01, 0.04, 0.9] * 2,
            "reason": None,
        }
    )
    empty = pd.DataFrame(columns=["decision", "industry"])
    table = cards(metrics, {"A": 30, "B": 30, "C": 30}, {}, pd.DataFrame(), pd.DataFrame(), {}, empty, BAR)
    assert table["q_value"].tolist() == pytest.approx([0.03, 0.06, 0.9])
    assert table["verdict"].tolist() == ["promising with more accounts", "not from usage", "not from usage"]
    assert table["gain"].isna().all()


def test_cards_of_an_earlier_training_say_what_other_thresholds_give() -> None:
    coverage = pd.DataFrame(
        [("Food", 0.8, 40, 0.98, 0.95, 0.5), ("Food", 0.6, 80, 0.7, 0.62, 0.9), ("Toys", 0.6, 80, 0.7, 0.62, 0.9)],
        columns=COLUMNS,
    )
    rest = {"labelled": 90, "threshold": 0.6, "precision": 0.7, "precision_low": 0.62, "coverage": 0.9}
    known = pd.DataFrame([{"industry": name, **rest} for name in ("Food", "Toys", "Wine")])
    now = with_thresholds(known, coverage, {"Food": 0.8, "Toys": None, "all": 0.8})
    figures = ["industry", "labelled", "threshold", "precision", "precision_low", "coverage"]
    assert now[figures].iloc[0].tolist() == ["Food", 90, 0.8, 0.98, 0.95, 0.5]
    assert now[figures[2:]].iloc[1:].isna().all(axis=None)
