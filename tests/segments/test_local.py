from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from segmentation.segments.local import (
    Floats,
    Ints,
    best_known,
    fit_local,
    lone_threads,
    refit_by,
    silhouette_by_centres,
)
from segmentation.segments.sweep import bic, measured

CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])


def blobs(size: int = 30, spread: float = 0.5, seed: int = 4) -> tuple[Floats, Ints]:
    """Three round clusters in a plane, and which of them each point is of."""
    kind = np.repeat(np.arange(3), size)
    return CENTRES[kind] + np.random.default_rng(seed).normal(0, spread, (len(kind), 2)), kind


def test_ward_finds_the_clusters_and_others_join_the_nearest_centre() -> None:
    points, kind = blobs()
    clusters, placer = fit_local(points, AgglomerativeClustering(3))
    assert adjusted_rand_score(kind, clusters) == 1.0
    placed, confidence = placer.place(np.array([[1.0, 0.0], [5.0, 5.0]]))
    assert placed[0] == clusters[0]
    assert confidence[0] == pytest.approx(1 - 1 / 9, abs=0.05)
    assert confidence[1] == pytest.approx(0.0, abs=0.05)  # between two


def test_hdbscan_leaves_noise_out_and_others_follow_their_nearest_point() -> None:
    points, kind = blobs()
    far = np.array([[50.0, 50.0]])
    clusters, placer = fit_local(np.vstack([points, far]), HDBSCAN(min_cluster_size=10, copy=True))
    assert adjusted_rand_score(kind, clusters[:-1]) > 0.9
    assert clusters[-1] == -1
    placed, confidence = placer.place(np.array([[49.0, 49.0], points[0] + 1e-9]))
    assert placed.tolist() == [-1, clusters[0]]
    assert confidence[0] == 0.0


def test_confidence_is_one_less_own_by_other_distance() -> None:
    points = np.array([[0.0, 0.0], [2.5, 0.0], [7.5, 0.0]])
    centres = np.array([[0.0, 0.0], [10.0, 0.0]])
    # the last one is called 0 though 1 is nearer, as bisecting may do
    np.testing.assert_allclose(silhouette_by_centres(points, np.array([0, 0, 0]), centres), [1.0, 2 / 3, 0.0])


@pytest.mark.parametrize(
    "estimator",
    [AgglomerativeClustering(3), AgglomerativeClustering(3, linkage="average"), HDBSCAN(min_cluster_size=5, copy=True),
     DBSCAN(eps=1.0), GaussianMixture(3, random_state=1)],
    ids=["ward", "average", "hdbscan", "dbscan", "mixture"],
)  # fmt: skip
def test_a_refit_places_the_accounts_that_were_not_drawn(estimator: object) -> None:
    points, kind = blobs()
    drawn = (np.arange(len(points)) % 3 > 0).astype(np.int64)
    clusters = refit_by("scikit-learn", 3, estimator)(points, drawn, 0)
    assert adjusted_rand_score(kind, clusters) > 0.8
    assert len(clusters) == len(points)


def test_noise_of_a_method_without_strengths_has_no_confidence() -> None:
    points, _ = blobs()
    clusters, placer = fit_local(np.vstack([points, [[50.0, 50.0]]]), DBSCAN(eps=1.5))
    placed, confidence = placer.place(np.array([[49.0, 49.0], [0.1, 0.0]]))
    assert (placed.tolist(), confidence.tolist()) == ([-1, clusters[0]], [0.0, 1.0])


def test_measures_are_those_of_two_pairs_worked_out_by_hand() -> None:
    points = np.array([[0.0], [2.0], [10.0], [12.0], [99.0]])
    found = measured("ward", 2, points, np.array([0, 0, 1, 1, -1]), 0)  # noise counts nowhere
    assert found.sizes == (2, 2)
    assert found.inertia == pytest.approx(4.0)
    assert found.davies_bouldin == pytest.approx((1 + 1) / 10)
    assert found.calinski_harabasz == pytest.approx((100.0 / 1) / (4.0 / 2))
    # within 2; to the other pair 11 and 9: (11-2)/11 and (9-2)/9
    assert found.silhouette == pytest.approx((9 / 11 + 7 / 9) / 2)


def test_a_single_cluster_has_no_silhouette() -> None:
    # of so many accounts that only some are compared, the one that is alone is not among them
    many, alone = np.linspace(0.0, 1.0, 8000)[:, None], (np.arange(8000) == 7999).astype(np.int64)
    missed = next(seed for seed in range(20) if 7999 not in np.random.RandomState(seed).permutation(8000)[:5000])
    assert measured("kmeans", 2, many, alone, missed).silhouette is None
    found = measured("hdbscan", 1, np.array([[0.0], [2.0]]), np.array([0, 0]), 0)
    assert (found.silhouette, found.davies_bouldin, found.sizes) == (None, None, (2,))


def test_bic_charges_for_every_parameter() -> None:
    # two normals in one dimension: one weight, two means, two variances
    assert bic(-10.0, k=2, dimensions=1, accounts=100) == pytest.approx(5 * np.log(100) + 20.0)


def test_how_good_a_fit_can_be() -> None:
    points, kind = blobs()
    spread = sum(((points[kind == n] - points[kind == n].mean(axis=0)) ** 2).sum() for n in range(3))
    assert best_known("kmeans", 3, points, 1) == pytest.approx(-spread / len(points))
    assert (best_known("gmm", 3, points, 1) or 0) > (best_known("gmm", 2, points, 1) or 0)
    assert best_known("bisecting", 3, points, 1) is None


def test_a_lone_thread_has_no_helpers_and_everybody_else_gets_theirs_back() -> None:
    def threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info()]

    before = threads()
    with lone_threads(2) as pool:
        assert set(pool.submit(threads).result()) == {1}
    assert threads() == before
