from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from segmentation.segments.outliers import Mixture, bend, learn_outliers
from tests.segments.test_local import blobs


def test_the_density_of_a_mixture_is_the_weighted_sum() -> None:
    mixture = Mixture(np.array([0.25, 0.75]), np.array([[0.0], [3.0]]), np.array([[[1.0]], [[4.0]]]))
    expected = np.log(0.25 * norm.pdf(1.0, 0, 1) + 0.75 * norm.pdf(1.0, 3, 2))
    assert mixture.log_density(np.array([[1.0]]))[0] == pytest.approx(expected)


def test_the_least_likely_accounts_are_flagged_and_no_more_than_the_share() -> None:
    points = np.random.default_rng(1).normal(size=(200, 2))
    points[7] = [4.5, -4.5]
    rule = learn_outliers(points, Mixture(np.ones(1), np.zeros((1, 2)), np.eye(2)[None]), 0.02)
    unlikely = rule.mixture.log_density(points) <= rule.log_density
    assert unlikely.sum() == 4
    assert unlikely[7]
    assert "2 % least likely accounts under the chosen mixture of normals" in rule.words


def test_dbscan_flags_the_account_between_the_clusters_that_a_share_of_zero_leaves() -> None:
    points, _ = blobs(size=60)
    rule = learn_outliers(np.vstack([points, [[5.0, 5.0]]]), None, 0.0)
    flags = rule.outlying(np.vstack([points, [[5.0, 5.0]]]))
    assert flags[-1]
    assert flags.sum() < 5
    assert "since no mixture was fitted" in rule.words
    assert rule.outlying(np.array([[30.0, 30.0], [0.1, 0.1]])).tolist() == [True, False]  # accounts never seen


def test_accounts_that_are_all_the_same_have_no_outliers_by_distance() -> None:
    rule = learn_outliers(np.zeros((30, 2)), None, 0.0)
    assert not rule.outlying(np.zeros((3, 2))).any()
    assert rule.words.endswith("; no distance says anything, since most accounts are one and the same point")


def test_the_bend_is_farthest_below_the_chord() -> None:
    assert bend(np.array([1.0, 1.1, 1.2, 1.3, 9.0])) == 1.3
    assert bend(np.array([2.0, 2.0, 2.0])) == 2.0
