from __future__ import annotations

import numpy as np
import pytest

from segmentation.industries.folds import ALL, FOLD, HALF, SHARE, Known, class_weights, plan_fits, sampled
from segmentation.settings import IndustrySettings
from tests.industries.settings import industry_settings

ACTUAL = np.array([0] * 12 + [1] * 4 + [2] * 2, dtype=np.int64)
ACCOUNTS = tuple(f"a{number:02d}" for number in range(18))
EVERYBODY = np.ones(18, dtype=np.bool_)


def known() -> Known:
    places = np.arange(18)
    return Known(ACCOUNTS, ACTUAL, np.stack([places % 2, places // 2 % 2]))


def settings(**changes: object) -> IndustrySettings:
    return industry_settings(learning_shares=[0.5], resamples=2, class_weight_cap=3.0, **changes)


def test_rare_industries_weigh_more_up_to_the_cap_and_accounts_not_seen_weigh_nothing() -> None:
    seen = EVERYBODY.copy()
    seen[0] = False
    weights = class_weights(ACTUAL, seen, cap=3.0)
    assert weights[0] == 0.0
    assert weights[1] == 1.0
    assert weights[12] == pytest.approx(11 / 4)  # 11 of the largest are seen
    assert weights[16] == 3.0  # 5.5 without the cap
    np.testing.assert_array_equal(class_weights(ACTUAL, seen, cap=1.0), seen.astype(float))


def test_weights_come_from_the_accounts_that_are_seen_alone() -> None:
    seen = EVERYBODY.copy()
    seen[4:12] = False
    assert class_weights(ACTUAL, seen, cap=9.0)[[0, 12, 16]].tolist() == [1.0, 1.0, 2.0]


def test_a_sample_has_the_same_share_of_every_industry() -> None:
    drawn = sampled(ACCOUNTS, ACTUAL, EVERYBODY, 0.5, seed=1)
    assert np.bincount(ACTUAL[drawn]).tolist() == [6, 2, 1]
    assert np.bincount(ACTUAL[sampled(ACCOUNTS, ACTUAL, EVERYBODY, 0.01, seed=1)]).tolist() == [1, 1, 1]
    among = EVERYBODY & (np.arange(18) % 2 == 0)
    assert not (sampled(ACCOUNTS, ACTUAL, among, 0.9, seed=1) & ~among).any()


def test_a_sample_goes_by_the_account_and_not_by_its_place() -> None:
    order = np.random.default_rng(0).permutation(18)
    drawn = sampled(ACCOUNTS, ACTUAL, EVERYBODY, 0.5, seed=1)
    shuffled = sampled([ACCOUNTS[place] for place in order], ACTUAL[order], EVERYBODY, 0.5, seed=1)
    np.testing.assert_array_equal(shuffled, drawn[order])
    larger = sampled(ACCOUNTS, ACTUAL, EVERYBODY, 0.8, seed=1)
    assert larger[drawn].all()
    assert (sampled(ACCOUNTS, ACTUAL, EVERYBODY, 0.5, seed=2) != drawn).any()


def test_no_fit_sees_the_fold_that_it_is_judged_on() -> None:
    one = known()
    fits = plan_fits(one, settings())
    assert len(fits.names) == 2 * 2 + 1 + 2 + 2
    for repeat in range(2):
        for fold in range(2):
            seen = fits.weights[:, fits.place(FOLD, repeat, fold)] > 0
            np.testing.assert_array_equal(seen, one.folds[repeat] != fold)
    for fold in range(2):
        part = fits.weights[:, fits.place(SHARE, 0.5, fold)] > 0
        assert not part[one.folds[0] == fold].any()
        assert part.sum() == 5  # half of 6, 2 and 1 accounts, rounded up
    assert (fits.weights[:, fits.place(ALL)] > 0).all()
    halves = [fits.weights[:, fits.place(HALF, number)] > 0 for number in range(2)]
    assert [int(half.sum()) for half in halves] == [9, 9]
    assert (halves[0] != halves[1]).any()


def test_a_fold_that_nobody_was_dealt_to_in_a_further_repeat_is_not_held_out() -> None:
    """Five industries of one account each may all begin with the same fold."""
    places = np.arange(18)
    one = Known(ACCOUNTS, ACTUAL, np.stack([places % 3, np.where(places % 3 == 1, 0, places % 3)]))
    assert one.held_out == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)]
    names = plan_fits(one, settings()).names
    assert [name for name in names if name[0] == FOLD] == [(FOLD, *place) for place in one.held_out]
