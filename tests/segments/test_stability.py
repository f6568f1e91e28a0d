from __future__ import annotations

import numpy as np
import pytest

from segmentation.arrays import Floats, Ints
from segmentation.models.support import Kind
from segmentation.segments.local import refit_by
from segmentation.segments.stability import best_jaccard, bootstrap, resample
from tests.segments.test_local import blobs

pytestmark = pytest.mark.slow


def test_jaccard_is_of_the_most_similar_new_cluster() -> None:
    before = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    after = np.array([7, 7, 7, 5, 5, 5, -1, -1])
    # 0: {0..3} against {0..2}: 3/4; 1: {4,5,6} against {3,4,5}: 2/4; 2: its only member is noise
    np.testing.assert_allclose(best_jaccard(before, after, [0, 1, 2]), [0.75, 0.5, 0.0])


def test_a_cluster_without_a_drawn_member_says_nothing() -> None:
    assert np.isnan(best_jaccard(np.array([0, 0]), np.array([0, 0]), [0, 1])[1])


def test_resamples_draw_as_many_accounts_as_there_are() -> None:
    drawn = resample(50, 4, seed=3)
    assert drawn.shape == (4, 50)
    assert drawn.sum(axis=1).tolist() == [50, 50, 50, 50]
    assert np.array_equal(drawn, resample(50, 4, seed=3))
    assert not np.array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize("method", ["kmeans", "gmm", "bisecting"])
def test_true_clusters_come_back_and_invented_ones_do_not(method: Kind) -> None:
    points, kind = blobs()
    drawn = resample(len(points), 6, seed=1)
    true = bootstrap(points, kind, refit_by(method, 3), drawn, seed=1)
    assert set(true.clusters) == {0, 1, 2}
    assert true.mean > 0.95
    assert len(true.refits) == 6
    noise = np.random.default_rng(0).normal(size=(len(points), 2))
    first = refit_by(method, 4)(noise, np.ones(len(noise), dtype=np.int64), 9)
    assert bootstrap(noise, first, refit_by(method, 4), drawn, seed=1).mean < 0.8


def test_bisecting_is_refitted_as_spark_bisects() -> None:
    """Both halves of the first level are split, not the larger one twice."""
    rng = np.random.default_rng(4)
    sizes, places = (30, 30, 200, 200), ((0.0, 0.0), (0.0, 4.0), (40.0, 0.0), (40.0, 8.0))
    points = np.vstack([rng.normal(place, 0.3, (size, 2)) for size, place in zip(sizes, places, strict=True)])
    true = np.repeat(np.arange(4), sizes)
    drawn = resample(len(points), 4, seed=1)
    assert bootstrap(points, true, refit_by("bisecting", 4), drawn, seed=1).mean == 1.0
    # three are asked for: of two that could be split, it is the larger one; and one point is not split at all
    three = refit_by("bisecting", 3)(points, drawn[0], 1)
    assert [len(np.unique(three[true == one])) for one in range(4)] == [1] * 4
    assert three[0] == three[30] != three[60] != three[-1]
    assert set(refit_by("bisecting", 3)(np.zeros((5, 2)), np.ones(5, dtype=np.int64), 1)) == {0}


def test_only_drawn_accounts_are_compared() -> None:
    points = np.zeros((4, 1))

    def wrong_where_not_drawn(points: Floats, drawn: Ints, seed: int) -> Ints:
        return np.where(drawn > 0, [0, 0, 1, 1], 1 - np.array([0, 0, 1, 1]))

    drawn = np.array([[2, 0, 2, 0]])
    assert bootstrap(points, np.array([0, 0, 1, 1]), wrong_where_not_drawn, drawn, 0).mean == 1.0


def test_a_refit_that_fails_counts_as_nothing_found() -> None:
    def fails(points: Floats, drawn: Ints, seed: int) -> Ints:
        raise ValueError("too few different points")

    found = bootstrap(np.zeros((2, 1)), np.array([0, 1]), fails, np.array([[1, 1]]), 0)
    assert found.clusters == {0: 0.0, 1: 0.0}
    assert found.refits[0].tolist() == [-1, -1]


def test_a_rerun_gives_the_same_figures_to_the_digit() -> None:
    points, kind = blobs(spread=1.6)
    drawn = resample(len(points), 5, seed=1)
    first, again = (bootstrap(points, kind, refit_by("kmeans", 3), drawn, seed=1) for _ in range(2))
    assert first.clusters == again.clusters
