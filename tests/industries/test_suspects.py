from __future__ import annotations

import numpy as np

from segmentation.industries.suspects import COLUMNS, suspects

NAMES = ("Food", "Toys", "Wine")
ALL = set(NAMES)


def test_a_label_whose_probability_is_low_where_another_is_confident_is_suspect() -> None:
    # Means of their own label: Food (0.8 + 0.1 + 0.6) / 3 = 0.5, Toys 0.7, Wine has no account.
    given = np.array([[0.8, 0.1, 0.1], [0.1, 0.85, 0.05], [0.6, 0.2, 0.2], [0.2, 0.7, 0.1]])
    table = suspects(["a", "b", "c", "d"], given, np.array([0, 0, 0, 1]), NAMES, ALL)
    assert list(table.columns) == COLUMNS
    assert table.to_dict("records") == [
        {
            "account_id": "b",
            "industry": "Food",
            "suggested": "Toys",
            "probability": 0.1,
            "suggested_probability": 0.85,
            "margin": 0.75,
        }
    ]


def test_below_the_mean_of_its_own_a_suggestion_is_not_confident() -> None:
    given = np.array([[0.3, 0.6, 0.1], [0.05, 0.9, 0.05], [0.6, 0.3, 0.1]])  # Toys: mean of its own 0.9
    assert suspects(["a", "b", "c"], given, np.array([0, 1, 0]), NAMES, ALL).empty


def test_an_industry_that_usage_does_not_tell_neither_contradicts_nor_is_contradicted() -> None:
    given = np.array([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]])
    actual = np.array([0, 1, 1])
    assert suspects(["a", "b", "c"], given, actual, NAMES, set()).empty
    assert suspects(["a", "b", "c"], given, actual, NAMES, {"Wine"}).empty
    for one in ("Food", "Toys"):
        assert suspects(["a", "b", "c"], given, actual, NAMES, {one})["account_id"].tolist() == ["a"]


def test_a_label_that_usage_leaves_as_likely_as_its_share_is_no_suspect() -> None:
    given = np.array([[0.17, 0.73, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]])  # the share of Food is a third
    actual = np.array([0, 1, 1])
    assert suspects(["a", "b", "c"], given, actual, NAMES, ALL).empty
    given[0] = [0.166, 0.734, 0.1]
    assert suspects(["a", "b", "c"], given, actual, NAMES, ALL)["account_id"].tolist() == ["a"]


def test_planted_wrong_labels_are_listed_and_hardly_any_other() -> None:
    random = np.random.default_rng(2)
    true = random.integers(0, 3, 300)
    wrong = np.zeros(300, dtype=bool)
    wrong[random.choice(300, 15, replace=False)] = True
    labels = np.where(wrong, (true + 1) % 3, true)
    given = np.exp(2.5 * np.eye(3)[true] + random.normal(0, 0.7, (300, 3)))
    table = suspects([f"a{i:03d}" for i in range(300)], given / given.sum(axis=1, keepdims=True), labels, NAMES, ALL)
    assert table["margin"].is_monotonic_decreasing
    planted = {f"a{i:03d}" for i in np.flatnonzero(wrong)}
    found = planted & set(table["account_id"])
    assert len(found) >= 0.9 * len(table)
    assert len(found) >= 6


def test_without_accounts_there_are_no_suspects() -> None:
    assert list(suspects([], np.empty((0, 3)), np.array([], dtype=np.int64), NAMES, ALL).columns) == COLUMNS
