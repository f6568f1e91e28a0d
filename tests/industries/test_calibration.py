from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad
from scipy.special import expit, softmax

from segmentation.industries import calibration as c
from segmentation.models.metrics import account_losses


def accounts(n: int = 3000, classes: int = 4, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """True probabilities, with unequal shares, and what the accounts turned out to be."""
    random = np.random.default_rng(seed)
    true = softmax(random.normal(0.0, 1.5, (n, classes)) + np.array([1.5, 0.5, 0.0, -0.5])[:classes], axis=1)
    actual = (true.cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    return true, actual.astype(np.int64)


def distorted(true: np.ndarray) -> np.ndarray:
    """Twice as sure as it should be, and with the shares of rare classes raised."""
    return softmax(2.0 * np.log(true) + np.array([0.0, 1.0, 2.0, 3.0]), axis=1)


def line(given: np.ndarray, actual: np.ndarray, scope: str) -> dict[str, float]:
    return dict(c.calibration_lines(given, actual).set_index("scope").loc[scope])


def test_what_distorted_the_probabilities_is_found_and_taken_back() -> None:
    true, actual = accounts()
    found = c.fit_calibration(distorted(true), actual)
    assert found.scale == pytest.approx(0.5, abs=0.06)
    np.testing.assert_allclose(np.diff(found.shifts), -0.5, atol=0.25)
    assert found.doubt < 0.03
    answers = c.apply(found, distorted(true))
    np.testing.assert_allclose(answers.sum(axis=1), 1.0)
    assert np.abs(answers - true).mean() < 0.02


def test_a_model_that_is_wrong_where_it_is_surest_gets_a_doubt() -> None:
    true, actual = accounts()
    random = np.random.default_rng(4)
    strangers = random.random(len(actual)) < 0.2  # their usage says nothing about what they are
    actual = np.where(strangers, random.permutation(actual), actual)
    assert c.fit_calibration(true, actual).doubt == pytest.approx(0.2, abs=0.07)


def test_the_slope_of_the_loss_is_its_derivative() -> None:
    true, actual = accounts(200)
    shares, centre = np.array([0.5, 0.3, 0.1, 0.1]), np.array([0.0, 0.1, -0.1, 0.2])
    rest = (np.log(true), np.eye(4)[actual], shares, centre, 0.5)
    point = np.array([0.3, 0.1, 0.2, -0.3, 0.4, 0.0])
    assert check_grad(lambda x: c._loss_and_slope(x, *rest)[0], lambda x: c._loss_and_slope(x, *rest)[1], point) < 1e-5


def test_an_industry_of_few_accounts_keeps_close_to_its_share() -> None:
    _, actual = accounts(60)
    given = np.tile(np.array([0.25, 0.25, 0.25, 0.25]), (60, 1))
    given = softmax(np.log(given) + np.random.default_rng(2).normal(0, 0.1, given.shape), axis=1)
    answers = c.apply(c.fit_calibration(given, actual), given)
    np.testing.assert_allclose(answers.mean(axis=0), np.bincount(actual, minlength=4) / 60, atol=0.02)
    absent = c.apply(c.fit_calibration(given, np.minimum(actual, 2)), given)  # nobody is of the last class
    assert (absent[:, 3] > 0).all()


def test_the_ridge_draws_the_shifts_of_few_accounts_back() -> None:
    """Of five accounts four are of the first class, and the model tells nothing; with the pseudo-counts 3/4 are."""
    found = c.fit_calibration(np.full((5, 2), 0.5), np.array([0, 0, 0, 0, 1]))
    assert found.shares == pytest.approx((0.75, 0.25))
    off = found.shifts[0] - np.log(0.75 / 0.5)
    assert off == pytest.approx(0.0896, abs=1e-4)  # without a ridge half of ln(4/3): 0.1438
    assert found.shifts[1] - np.log(0.25 / 0.5) == pytest.approx(-off, abs=1e-4)
    # where the slopes of the loss and of the ridge, half of the squares, cancel each other out
    assert 4 - 5 * expit(found.shifts[0] - found.shifts[1]) == pytest.approx(off, abs=1e-4)


def test_a_fold_is_calibrated_by_the_others_alone() -> None:
    true, actual = accounts(400)
    given, fold = distorted(true), np.arange(400) % 4
    answers = c.cross_calibrated(given, actual, fold)
    held_out = fold == 2
    others = c.fit_calibration(given[~held_out], actual[~held_out])
    np.testing.assert_array_equal(answers[held_out], c.apply(others, given[held_out]))
    assert account_losses(actual, answers).mean() < account_losses(actual, given).mean() - 0.2
    np.testing.assert_array_equal(c.cross_calibrated(given, actual, np.zeros(400, dtype=np.int64)), given)


def test_repeats_count_as_one_account_each() -> None:
    true, actual = accounts(500)
    once, twice = c.reliability(true, actual), c.reliability(np.array([true, true]), actual)
    np.testing.assert_allclose(once.drop(columns="scope"), twice.drop(columns="scope"))
    for scope in (c.TOP, c.POOLED):
        assert line(true, actual, scope)["slope_low"] == pytest.approx(
            line(np.array([true, true]), actual, scope)["slope_low"]
        )
    fitted, again = c.fit_calibration(true[:40], actual[:40]), c.fit_calibration(np.stack([true[:40]] * 5), actual[:40])
    assert again.shares == fitted.shares
    assert again.shifts == pytest.approx(fitted.shifts, abs=1e-3)


def test_reliability_shows_what_was_said_beside_what_came_true() -> None:
    given = np.array([[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [1.0, 0.0]])
    table = c.reliability(given, np.array([0, 1, 1, 0]))
    top = table[table["scope"] == "top"].set_index("bin")
    assert top.loc[9, ["mean_probability", "share_right", "accounts"]].tolist() == [pytest.approx(2.9 / 3), 2 / 3, 3]
    assert top.loc[9, ["low", "high"]].tolist() == pytest.approx([0.2077, 0.9385], abs=1e-4)  # Wilson, 2 of 3
    assert table[table["scope"] == "pooled"]["accounts"].sum() == 8


def test_honest_probabilities_lie_on_the_line_and_extreme_ones_do_not() -> None:
    true, actual = accounts()
    for scope in (c.TOP, c.POOLED):
        assert line(true, actual, scope)["calibrated"]
        extreme = line(softmax(2 * np.log(true), axis=1), actual, scope)
        assert extreme["slope"] == pytest.approx(0.5, abs=0.1)
        assert extreme["calibrated"] == False  # noqa: E712  # it is none of the missing
    too_high = line(softmax(np.log(true) + np.array([2.0, 0, 0, 0]), axis=1), actual, c.TOP)
    assert too_high["intercept_high"] < 0


def test_odds_that_are_all_too_high_are_not_calibrated_although_their_slope_is_1() -> None:
    random = np.random.default_rng(1)
    odds = random.normal(1.5, 0.5, 3000)
    said = expit(odds + 0.6)
    found = line(np.column_stack([said, 1.0 - said]), (random.random(3000) > expit(odds)).astype(np.int64), c.TOP)
    assert found["slope_low"] < 1.0 < found["slope_high"]
    assert found["intercept"] == pytest.approx(-0.6, abs=0.15)
    assert found["calibrated"] == False  # noqa: E712  # it is none of the missing


def test_the_interval_of_the_line_holds_as_often_as_it_says_and_is_no_wider() -> None:
    lines = [line(*accounts(300, seed=seed), c.TOP) for seed in range(60)]
    assert sum(one["calibrated"] for one in lines) >= 53  # 95 % of 60 are 57; fewer than 53 has a chance of 2 %
    width = np.mean([one["slope_high"] - one["slope_low"] for one in lines])
    spread = np.std([one["slope"] for one in lines], ddof=1)
    assert width / (2 * 2.2414 * spread) == pytest.approx(1.0, abs=0.25)  # 97.5 % of a normal distribution


def test_without_hits_or_without_accounts_nothing_is_said() -> None:
    given = np.array([[0.9, 0.1], [0.8, 0.2]])
    assert pd.isna(line(given, np.array([1, 1]), c.TOP)["slope"])
    assert line(np.empty((0, 2)), np.array([], dtype=np.int64), c.TOP)["calibrated"] is None


def test_a_slope_that_nothing_settles_is_missing() -> None:
    """The only mistake is the least sure; or all were given the same, which is right."""
    sure = np.linspace(0.6, 0.95, 12)
    found = line(np.column_stack([sure, 1 - sure]), np.array([1] + [0] * 11), c.TOP)
    assert [pd.isna(found[name]) for name in ("slope", "slope_low", "calibrated", "intercept")] == [True] * 3 + [False]
    same = line(np.tile([0.6, 0.4], (10, 1)), np.repeat([0, 1], [6, 4]), c.TOP)
    assert pd.isna(same["slope"])
    assert same["intercept"] == pytest.approx(0.0, abs=1e-6)
