from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, matthews_corrcoef, roc_auc_score

from segmentation.models import metrics as m

POSITIVE = np.array([True, False, True, False, False])
SCORE = np.array([0.9, 0.8, 0.5, 0.5, 0.1])


def test_the_resampled_auc_is_sklearns_with_weights() -> None:
    (weights,) = m.resample_weights(5, 50, seed=3)
    ours = m.weighted_auc(POSITIVE, SCORE, weights)
    for drawn, value in zip(weights, ours, strict=True):
        both_sides = drawn[POSITIVE].sum() and drawn[~POSITIVE].sum()
        expected = roc_auc_score(POSITIVE, SCORE, sample_weight=drawn) if both_sides else np.nan
        np.testing.assert_allclose(value, expected)


def test_every_resample_draws_as_many_accounts_as_there_are() -> None:
    (weights,) = m.resample_weights(7, 20, seed=1)
    assert set(weights.sum(axis=1)) == {7.0}


def test_resamples_and_permutations_in_portions_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(2)
    positive, score, losses = random.random(300) < 0.3, random.random(300), random.random(300)
    (weights,) = m.resample_weights(300, 100, seed=3)
    dealt = m.permuted_average_precision(positive, score, 100, seed=3)
    monkeypatch.setattr(m, "AT_ONCE", 300 * 40)
    assert [len(some) for some in m.resample_weights(300, 100, seed=3)] == [40, 40, 20]
    measures = {"auc": lambda drawn: m.weighted_auc(positive, score, drawn), "mean": m.mean_of(losses)}
    spreads = m.resampled(measures, 300, 100, seed=3)
    np.testing.assert_array_equal(spreads["auc"], m.weighted_auc(positive, score, weights))
    np.testing.assert_allclose(spreads["mean"], weights @ losses / 300, rtol=1e-14)
    np.testing.assert_allclose(m.permuted_average_precision(positive, score, 100, seed=3), dealt, rtol=1e-14)


def test_auc_of_one_side_only_is_undefined_not_one_half() -> None:
    assert m.auc(np.array([True, True]), np.array([0.1, 0.9])) is None
    assert m.auc(np.array([False, False]), np.array([0.1, 0.9])) is None


def test_permuted_labels_reach_one_half_on_average() -> None:
    random = np.random.default_rng(1)
    positive, score = random.random(200) < 0.3, np.round(random.random(200), 1)  # with many ties
    permuted = m.permuted_auc(positive, score, 400, seed=2)
    assert permuted.mean() == pytest.approx(0.5, abs=0.01)
    assert m.permuted_auc(positive, np.zeros(200), 10, seed=2).tolist() == [0.5] * 10


def test_equal_seeds_deal_the_same_labels_to_the_same_accounts() -> None:
    random = np.random.default_rng(1)
    score = random.random(50)
    positive = random.random(50) < 0.4
    forwards = m.permuted_auc(positive, score, 30, seed=2)
    np.testing.assert_allclose(m.permuted_auc(positive, -score, 30, seed=2), 1.0 - forwards)


def test_the_resampled_average_precision_is_sklearns_with_weights() -> None:
    random = np.random.default_rng(7)
    positive, score = random.random(40) < 0.3, np.round(random.random(40), 1)  # with many ties
    (weights,) = m.resample_weights(40, 20, seed=3)
    expected = [average_precision_score(positive, score, sample_weight=drawn) for drawn in weights]
    np.testing.assert_allclose(m.weighted_average_precision(positive, score, weights), expected)
    assert m.average_precision(POSITIVE, SCORE) == pytest.approx(0.75)  # ranks 1 and 3 or 4: 1/2 x 1 + 1/2 x 2/4
    assert np.isnan(m.weighted_average_precision(POSITIVE, SCORE, np.array([[0.0, 3.0, 0.0, 2.0, 0.0]]))).all()
    assert m.average_precision(np.array([False]), np.array([0.1])) is None


def test_permuted_labels_have_the_average_precision_of_their_share() -> None:
    random = np.random.default_rng(1)
    positive, score = random.random(400) < 0.3, np.round(random.random(400), 1)
    permuted = m.permuted_average_precision(positive, score, 200, seed=2)
    assert permuted.mean() == pytest.approx(positive.mean(), abs=0.02)


def test_the_resampled_matthews_correlation_is_sklearns_with_weights() -> None:
    random = np.random.default_rng(3)
    actual, predicted = random.integers(0, 4, 60), random.integers(0, 3, 60)
    predicted[:20] = actual[:20]
    (weights,) = m.resample_weights(60, 20, seed=3)
    expected = [matthews_corrcoef(actual, predicted, sample_weight=drawn) for drawn in weights]
    np.testing.assert_allclose(m.weighted_mcc(actual, predicted, 4, weights), expected)
    assert m.weighted_mcc(actual, np.zeros(60, dtype=np.int64), 4, weights).tolist() == [0.0] * 20


def test_brier_is_0_when_sure_and_right_and_2_when_sure_and_wrong() -> None:
    given = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    assert m.account_briers(np.array([0, 1, 1]), given).tolist() == [0.0, 2.0, 0.5]


def test_losses_and_hits_per_account() -> None:
    actual, given = np.array([0, 2]), np.array([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]])
    np.testing.assert_allclose(m.account_losses(actual, given), [-np.log(0.5), -np.log(0.2)])
    assert m.account_hits(actual, given, 1).tolist() == [1.0, 0.0]
    assert m.account_hits(np.array([1, 2]), given, 2).tolist() == [1.0, 0.0]


def test_an_interval_needs_a_defined_value() -> None:
    assert m.interval(np.array([np.nan, np.nan])) == (None, None)
    assert m.interval(np.array([1.0, np.nan, 1.0])) == (1.0, 1.0)


def test_an_interval_leaves_out_a_fortieth_on_either_side() -> None:
    assert m.interval(np.arange(1001.0)) == (25.0, 975.0)


def test_out_of_five_folds_an_interval_is_half_as_wide_again_and_ends_where_the_metric_does() -> None:
    values = np.arange(1001.0) / 1001.0
    low, high = 25 / 1001, 975 / 1001
    widened = (0.4 - 1.5 * (0.4 - low), 0.4 + 1.5 * (high - 0.4))
    assert m.interval_out_of_fold(values, 0.4, 5, (-9.0, 9.0)) == pytest.approx(widened)
    assert m.interval_out_of_fold(values, 0.4, 5, (0.0, 1.0)) == (0.0, 1.0)
    # two folds share no account, but each fit has half of them
    assert m.interval_out_of_fold(values, 0.4, 2, (-9.0, 9.0))[0] == pytest.approx(0.4 - 3**0.5 * (0.4 - low))
    # below all resamples: the lower end stays where it is
    assert m.interval_out_of_fold(values, 0.01, 5, (-9.0, 9.0)) == pytest.approx((low, 0.01 + 1.5 * (high - 0.01)))
    assert m.interval_out_of_fold(np.array([np.nan]), 0.4, 5, (0.0, 1.0)) == (None, None)
