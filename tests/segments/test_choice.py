from __future__ import annotations

import pytest

from segmentation.segments.choice import choose_k
from segmentation.segments.result import Candidate


def kmeans(k: int, silhouette: float, smallest: int = 20) -> Candidate:
    return Candidate("kmeans", k, silhouette, 1.0, None, None, smallest)


def gmm(k: int, bic: float) -> Candidate:
    return Candidate("gmm", k, 0.9 - k / 10, None, 1.0, bic, 20)


def failed(k: int) -> Candidate:
    return Candidate("gmm", k, None, None, None, None, 0, "singular")


def test_kmeans_takes_the_highest_silhouette() -> None:
    chosen, reason = choose_k([kmeans(2, 0.3), kmeans(3, 0.5), kmeans(4, 0.4)], 100)
    assert (chosen.k, reason) == (3, "k = 3 of 2 to 4: highest silhouette (0.500)")


def test_gmm_takes_the_lowest_bic_and_says_which_k_failed() -> None:
    chosen, reason = choose_k([gmm(2, 90.0), gmm(3, 80.0), failed(4)], 100)
    assert (chosen.k, reason) == (3, "k = 3 of 2 to 4: lowest BIC (80.0); no fit for k = 4")


def test_a_k_that_only_found_outliers_is_passed_over() -> None:
    chosen, reason = choose_k([kmeans(2, 0.9, smallest=1), kmeans(3, 0.5)], 200)
    assert chosen.k == 3
    assert "passed over k = 2, whose smallest segment has under 1 % of the accounts" in reason


def test_unless_every_k_did() -> None:
    chosen, reason = choose_k([kmeans(2, 0.9, smallest=1), kmeans(3, 0.5, smallest=1)], 200)
    assert chosen.k == 2
    assert "did not count" in reason


def test_on_a_tie_fewer_segments_win() -> None:
    assert choose_k([kmeans(2, 0.5), kmeans(3, 0.5)], 100)[0].k == 2


def test_a_given_k_is_taken_as_it_is() -> None:
    assert choose_k([kmeans(7, 0.1)], 100)[1] == "k = 7 was given in the settings"


def test_when_every_fit_failed_the_error_tells_why() -> None:
    with pytest.raises(RuntimeError, match=r"k = 2: singular; k = 3: singular"):
        choose_k([failed(2), failed(3)], 100)
