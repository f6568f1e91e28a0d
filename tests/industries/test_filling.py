from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from segmentation.industries import filling

NAMES = ("Food", "Toys", "Wine")


def answers(first: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Probabilities whose highest is `probability`, given to class `first`; the next class comes second."""
    given = np.zeros((len(first), 3))
    given[np.arange(len(first)), first] = probability
    given[np.arange(len(first)), (first + 1) % 3] = (1 - probability) * 0.6
    given[np.arange(len(first)), (first + 2) % 3] = (1 - probability) * 0.4
    return given


def row(table: pd.DataFrame, industry: str, threshold: float) -> pd.Series:
    return table[(table["industry"] == industry) & (table["threshold"] == threshold)].iloc[0]


def test_coverage_counts_the_surest_first_choices_of_an_industry() -> None:
    first = np.array([0, 0, 0, 1, 1])
    given = answers(first, np.array([0.95, 0.95, 0.80, 0.90, 0.62]))
    table = filling.coverage_table(given, np.array([0, 1, 0, 1, 1]), NAMES, confidence=0.9)
    assert list(table.columns) == filling.COLUMNS
    assert table["threshold"].tolist() == [0.95, 0.80, 0.90, 0.62, 0.95, 0.90, 0.80, 0.62]
    assert row(table, "Food", 0.80)[["filled", "precision", "coverage"]].tolist() == [3, 2 / 3, 1.0]
    assert row(table, "Toys", 0.62)[["filled", "precision", "coverage"]].tolist() == [2, 1.0, 2 / 3]
    assert row(table, "all", 0.90)[["filled", "precision", "coverage"]].tolist() == [3, 2 / 3, 2 / 5]
    # one-sided 90 %: the lower end of a two-sided interval of 80 %
    assert row(table, "Food", 0.80)["low"] == pytest.approx(binomtest(2, 3).proportion_ci(0.8, "exact").low)
    assert row(table, "Toys", 0.62)["low"] == pytest.approx(0.1**0.5)


def test_the_threshold_is_the_lowest_before_the_first_failure() -> None:
    steps = [(0.9, 21, 0.99), (0.8, 30, 0.93), (0.7, 60, 0.91), (0.6, 90, 0.89), (0.5, 200, 0.95)]
    table = pd.DataFrame([("Food", t, n, 1.0, low, 0.5) for t, n, low in steps], columns=filling.COLUMNS)
    few = pd.DataFrame([("Toys", 0.9, 21, 1.0, 0.89, 0.5)], columns=filling.COLUMNS)
    assert filling.thresholds(pd.concat([table, few]), 0.9, 0.9) == {"Food": 0.7, "Toys": None}


def test_twenty_two_fills_without_a_mistake_are_the_fewest() -> None:
    assert filling.fewest_accounts(0.9, 0.9) == 22
    for n, expected in ((22, 0.95), (21, None)):
        given = answers(np.zeros(n, dtype=np.int64), np.full(n, 0.95))
        table = filling.coverage_table(given, np.zeros(n, dtype=np.int64), NAMES, 0.9)
        assert filling.thresholds(table, 0.9, 0.9)["Food"] == expected


@pytest.mark.slow
def test_the_precision_holds_in_spite_of_the_search() -> None:
    """Where the truth is just below the precision wanted, at most one search in ten may find a threshold."""
    random = np.random.default_rng(1)
    found = 0
    for _ in range(80):
        probability = random.uniform(0.5, 0.99, 150)
        actual = np.where(random.random(150) < 0.899, 0, 1)
        table = filling.coverage_table(answers(np.zeros(150, dtype=np.int64), probability), actual, NAMES, 0.9)
        found += filling.thresholds(table, 0.9, 0.9)["Food"] is not None
    assert found <= 13  # 10 % of 80 are 8; more than 13 has a chance of 3 %


def test_unlabelled_accounts_are_filled_from_the_threshold_on_and_reviewed_below() -> None:
    given = answers(np.array([0, 0, 1, 2]), np.array([0.9, 0.89, 0.99, 0.99]))
    decided = filling.decide(given, NAMES, {"Food": 0.9, "Toys": None, "all": 0.1})
    assert decided.to_dict("list") == {
        "decision": ["fill", "review", "review", "review"],
        "industry": ["Food", "Food", "Toys", "Wine"],
        "probability": [0.9, 0.89, 0.99, 0.99],
        "second": ["Toys", "Toys", "Wine", "Food"],
    }
    assert filling.fill_sentence(decided, 0.9, 0.9) == (
        "1 account can be filled at >= 90% precision (per industry, with 90% confidence), 3 go to review"
    )

    assert ">= 99.5% precision (per industry, with 97.5% confidence)" in filling.fill_sentence(decided, 0.995, 0.975)


def test_no_accounts_give_no_rows() -> None:
    nobody = np.empty((0, 3))
    assert filling.decide(nobody, NAMES, {}).empty
    table = filling.coverage_table(nobody, np.array([], dtype=np.int64), NAMES, 0.9)
    assert table.empty
    assert filling.thresholds(table, 0.9, 0.9) == {}


def test_a_table_made_with_another_confidence_is_made_as_with_this_one() -> None:
    random = np.random.default_rng(3)
    given = answers(random.integers(0, 3, 60), random.uniform(0.4, 0.99, 60))
    actual = random.integers(0, 3, 60)
    wanted, other = (filling.coverage_table(given, actual, NAMES, confidence) for confidence in (0.95, 0.8))
    assert not wanted["low"].equals(other["low"])
    pd.testing.assert_frame_equal(filling.with_confidence(other, 0.95), wanted)


@pytest.mark.parametrize(
    ("asked", "lows", "promised"),
    [
        (0.9, [0.93, None, np.nan], 0.9),
        (0.95, [0.97, 0.6371], 0.63),  # decided when less was asked for: never rounded up
        (0.95, [], 0.95),
    ],
)
def test_no_more_is_promised_of_fills_than_was_shown(asked: float, lows: list[float | None], promised: float) -> None:
    assert filling.promised(asked, lows) == promised
