"""Metrics of churn against scikit-learn, and what is said where there is nothing to measure."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from segmentation.outlook.ranking import AUC, BRIER, LOG_LOSS, PR_AUC, Measured, measure, weighted_areas

CHURNED = np.array([True, False] * 60)


def given(signal: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0.0, 1.0, len(CHURNED))
    return np.round(1.0 / (1.0 + np.exp(-(signal * (CHURNED - 0.5) + noise))), 2)  # rounded: ties must count half


def measured(model: np.ndarray, recency: np.ndarray, churned: np.ndarray = CHURNED) -> dict[str, Measured]:
    answers = (model[: len(churned)], 0.5, recency[: len(churned)])
    rows = measure("active", "test", churned, answers, fewest=20, resamples=300, seed=5)
    return {row.metric: row for row in rows}


def test_resampled_areas_are_those_of_scikit_learn() -> None:
    score = given(1.5)
    weights = np.random.default_rng(2).integers(0, 4, (20, len(score))).astype(float)
    area, average = weighted_areas(CHURNED, score, weights)
    for place, weight in enumerate(weights):
        assert area[place] == pytest.approx(roc_auc_score(CHURNED, score, sample_weight=weight))
        assert average[place] == pytest.approx(average_precision_score(CHURNED, score, sample_weight=weight))


def test_a_resample_with_one_outcome_has_no_area() -> None:
    area, average = weighted_areas(CHURNED, given(1.0), CHURNED.astype(float)[None, :])
    assert np.isnan(area).all()
    assert np.isnan(average).all()


def test_a_good_model_stands_above_both_baselines() -> None:
    found = measured(given(4.0), given(0.5, seed=2))
    auc, loss = found[AUC], found[LOG_LOSS]
    assert None not in (auc.value, auc.low, auc.high, auc.better_low, loss.better_low)
    assert auc.low < auc.value < auc.high
    assert (auc.base_rate, found[PR_AUC].base_rate, found[BRIER].base_rate) == (0.5, 0.5, 0.25)
    assert loss.base_rate == pytest.approx(np.log(2.0))
    assert auc.better_low > 0
    assert loss.better_low > 0
    assert (auc.accounts, auc.churned, auc.reason) == (120, 60, None)


def test_a_model_that_only_knows_recency_is_not_better_than_recency() -> None:
    score = given(2.0)
    found = measured(score, score)
    assert [found[name].better_low for name in found] == [0.0] * 4
    assert found[AUC].value == found[AUC].recency


def test_one_outcome_has_no_metric_and_few_of_one_a_warning() -> None:
    nobody = measured(given(1.0), given(1.0), np.zeros(30, dtype=bool))
    assert [row.value for row in nobody.values()] == [None] * 4
    assert nobody[AUC].reason == "no account of 30 fell silent: nothing to tell apart"
    few = measured(given(1.0), given(1.0), CHURNED[:30])
    assert few[AUC].value is not None
    assert few[AUC].reason == "only 15 of one outcome: hardly a figure"


@pytest.mark.parametrize("rare", [True, False])
def test_three_of_thirty_are_few_whichever_outcome_is_theirs(rare: bool) -> None:
    churned = np.where(np.arange(30) % 10 == 0, rare, not rare)
    score = np.random.default_rng(3).uniform(0.2, 0.8, 30)
    found = measured(score, score, churned)
    assert {row.reason for row in found.values()} == {"only 3 of one outcome: hardly a figure"}
    assert found[AUC].churned == (3 if rare else 27)
    for row in found.values():
        assert None not in (row.low, row.value, row.high)
        assert row.low < row.value < row.high
    squares = (score - churned) ** 2
    error = squares.std() / np.sqrt(30)
    assert [found[BRIER].low, found[BRIER].high] == pytest.approx(
        [squares.mean() - 1.96 * error, squares.mean() + 1.96 * error], abs=0.5 * error
    )
