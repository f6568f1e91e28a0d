from __future__ import annotations

import numpy as np
import pytest

from segmentation.arrays import Ints
from segmentation.segments.consensus import Consensus, co_association, consensus, consensus_stability, lifetime
from tests.segments.planted_settings import settings


def clusters(*numbers: int) -> Ints:
    return np.array(numbers, dtype=np.int64)


def test_co_association_is_the_share_of_clusterings_and_every_method_counts_the_same() -> None:
    # one method once, the other with three clusterings, of which one puts the first two together
    methods = {"a": [clusters(0, 0, 1)], "b": [clusters(0, 0, 1), clusters(0, 1, 1), clusters(0, 1, 1)]}
    together = co_association(methods)
    assert together[0, 1] == pytest.approx((1 + 1 / 3) / 2)
    assert together[1, 2] == pytest.approx((0 + 2 / 3) / 2)
    assert together[0, 2] == 0.0
    assert np.diag(together).tolist() == [1.0, 1.0, 1.0]


def test_noise_is_together_with_nobody() -> None:
    together = co_association({"a": [clusters(0, 0, -1, -1)], "b": [clusters(0, 0, 1, 1)]})
    assert together[2, 3] == pytest.approx(0.5)
    assert together[2, 2] == 1.0


def test_a_lifetime_is_the_rise_of_the_tree_between_two_merges() -> None:
    heights = np.array([0.1, 0.2, 0.7])  # of four accounts
    assert [lifetime(heights, k) for k in (2, 3, 4)] == pytest.approx([0.5, 0.1, 0.1])


def test_the_consensus_overrules_the_method_that_errs() -> None:
    right = clusters(*[0] * 6, *[1] * 6, *[2] * 6)
    errs = right.copy()
    errs[0] = 1  # one account at the wrong place
    found = consensus({"a": [right], "b": [right], "c": [errs]}, settings())
    assert found is not None
    assert found.k == 3
    assert [len(set(found.clusters[place : place + 6].tolist())) for place in (0, 6, 12)] == [1, 1, 1]
    # with each of its five companions in two of three clusterings, they among each other in all
    assert found.confidence[0] == pytest.approx(2 / 3)
    assert found.confidence[1] == pytest.approx((4 + 2 / 3) / 5)
    assert found.confidence[17] == 1.0
    assert found.reason.startswith("k = 3 of 2 to 4 lives longest: co-association of 3 methods falls by ")


def test_a_given_k_holds_for_the_consensus_too() -> None:
    right = clusters(*[0] * 6, *[1] * 6, *[2] * 6)
    half = clusters(*[0] * 6, *[1] * 12)
    found = consensus({"a": [right], "b": [half]}, settings(k=2))
    assert found is not None
    assert (found.k, found.reason) == (2, "k = 2 was given in the settings")
    assert found.clusters[6] == found.clusters[17] != found.clusters[0]


@pytest.mark.parametrize("asked", [{"k": 5}, {"k_min": 4, "k_max": 6}])
def test_where_all_methods_agree_on_fewer_that_is_said(asked: dict[str, int]) -> None:
    three = clusters(*[0] * 6, *[1] * 6, *[2] * 6)
    found = consensus({"a": [three], "b": [three]}, settings(**asked))
    assert found is not None
    assert found.k == 3
    assert found.reason.endswith("; the methods tell only 3 apart")


def test_a_cut_that_leaves_single_accounts_is_passed_over() -> None:
    # the last account is noise everywhere, so that it is the last to be merged
    found = consensus({m: [clusters(*[0] * 50, *[1] * 50, -1)] for m in "ab"}, settings(min_share=0.05, k_max=3))
    assert found is not None
    assert found.k == 3  # no k is without it, so the longest life decides
    assert found.reason.endswith(
        "; every k has a segment with under 5 % of the accounts or fewer than 5, so that did not count"
    )
    two = consensus({m: [clusters(*[0] * 50, *[1] * 50, 1)] for m in "ab"}, settings(min_share=0.05, k_max=3))
    assert two is not None
    assert two.k == 2


def test_a_cut_with_an_account_alone_is_passed_over_however_few_there_are() -> None:
    apart, together = clusters(*[0] * 40, *[1] * 39, 2), clusters(*[0] * 40, *[1] * 40)
    found = consensus({"a": [apart], "b": [apart], "c": [together]}, settings())  # one is more than 1 % of 80
    assert found is not None
    assert (found.k, found.reason.count("did not count")) == (2, 0)


def test_one_method_agrees_with_nobody() -> None:
    assert consensus({"a": [clusters(0, 1)]}, settings()) is None


def test_stability_is_how_well_the_consensus_of_refits_finds_its_segments_again() -> None:
    """Not how much the methods are alike: one that splits a segment does not make it doubtful."""
    halves, thirds = clusters(*[0] * 20, *[1] * 20), clusters(*[0] * 20, *[1] * 10, *[2] * 10)
    methods = {"a": [halves], "b": [halves], "c": [thirds]}
    agreed = consensus(methods, settings(k=2))
    assert agreed is not None
    drawn = np.ones((2, 40), dtype=np.int64)
    same = {method: found * 2 for method, found in methods.items()}
    assert consensus_stability(agreed, same, drawn).clusters == {0: 1.0, 1: 1.0}
    # in the second resample all methods move five accounts of the first half over
    moved = {method: [one, np.where(np.arange(40) < 5, one[20], one)] for method, [one] in methods.items()}
    found = consensus_stability(agreed, moved, drawn).clusters
    first = int(agreed.clusters[0])
    assert found == {first: pytest.approx((1 + 15 / 20) / 2), 1 - first: pytest.approx((1 + 20 / 25) / 2)}


def test_a_resample_in_which_all_methods_find_more_segments_is_not_one_single_one() -> None:
    """All merges of three segments that everybody tells apart stand at one height, so that none gives two."""
    thirds = clusters(*[0] * 30, *[1] * 30, *[2] * 30)
    halves = clusters(*[0] * 30, *[1] * 60)
    agreed = Consensus(halves, 2, "", np.ones(90))
    drawn = np.ones((2, 90), dtype=np.int64)
    found = consensus_stability(agreed, {method: [thirds, halves] for method in "abc"}, drawn)
    assert found.clusters == {0: 1.0, 1: 0.75}  # of the 60, the most similar of three has 30
