from __future__ import annotations

from dataclasses import replace

from segmentation.segments.choice import Choice, choose_k
from segmentation.segments.result import Candidate
from tests.segments.planted_settings import settings


def sizes(k: int, smallest: int) -> tuple[int, ...]:
    """Of k clusters of 200 accounts."""
    return (200 - smallest - 20 * (k - 2), *([20] * (k - 2)), smallest)


def kmeans(k: int, silhouette: float, smallest: int = 20) -> Candidate:
    return Candidate("kmeans", k, silhouette=silhouette, sizes=sizes(k, smallest))


def gmm(k: int, bic: float) -> Candidate:
    return Candidate("gmm", k, silhouette=0.9 - k / 10, log_likelihood=1.0, bic=bic, sizes=sizes(k, 20))


def failed(k: int) -> Candidate:
    return Candidate("gmm", k, failure="singular")


def choose(*candidates: Candidate, stability: dict[int, float] | None = None) -> tuple[Choice, list[int]]:
    """The choice among them, and the k for which stability was asked for, in order."""
    asked = []

    def measure(candidate: Candidate) -> float | None:
        asked.append(candidate.k)
        return None if stability is None else stability[candidate.k]

    return choose_k(candidates, 200, settings(), measure), asked


def test_the_smallest_k_within_the_tolerance_of_the_best_silhouette_wins() -> None:
    choice, asked = choose(kmeans(2, 0.3), kmeans(3, 0.49), kmeans(4, 0.5), stability={3: 0.91})
    assert choice.candidate.k == 3
    assert choice.reason == (
        "k = 3 of 2 to 4: the smallest whose silhouette (0.490) is within 0.02 of the best (0.500 for k = 4), "
        "mean Jaccard over resamples 0.91"
    )
    assert asked == [3]  # stability is dear
    assert choice.stability == {3: 0.91}


def test_beyond_the_tolerance_the_best_wins() -> None:
    choice, _ = choose(kmeans(2, 0.3), kmeans(3, 0.47), kmeans(4, 0.5))
    assert (choice.candidate.k, choice.reason) == (4, "k = 4 of 2 to 4: highest silhouette (0.500)")


def test_an_unstable_k_gives_way_to_the_next_and_is_named_with_its_figure() -> None:
    choice, asked = choose(kmeans(2, 0.5), kmeans(3, 0.3), kmeans(4, 0.49), stability={2: 0.41, 4: 0.8})
    assert choice.candidate.k == 4
    assert asked == [2, 4]  # 3 is not good enough, however stable
    assert choice.reason.endswith("mean Jaccard over resamples 0.80; not stable enough: k = 2 (mean Jaccard 0.41)")
    assert choice.stability == {2: 0.41, 4: 0.8}


def test_when_no_k_is_stable_the_most_stable_is_taken_and_said_so() -> None:
    choice, _ = choose(kmeans(2, 0.5), kmeans(3, 0.5), kmeans(4, 0.49), stability={2: 0.2, 3: 0.5, 4: 0.4})
    assert choice.candidate.k == 3
    assert choice.reason.endswith(
        "; no k is stable (mean Jaccard 0.6), so the most stable was taken (k = 2: 0.20, k = 3: 0.50, k = 4: 0.40)"
    )


def test_a_k_that_is_taken_for_its_stability_is_not_called_the_smallest() -> None:
    for three, then in (
        (0.5, "; no k is stable"),
        (0.8, ", mean Jaccard over resamples 0.80; not stable enough: k = 2"),
    ):
        choice, _ = choose(kmeans(2, 0.485), kmeans(3, 0.49), kmeans(4, 0.5), stability={2: 0.3, 3: three, 4: 0.4})
        said = "k = 3 of 2 to 4: its silhouette (0.490) is within 0.02 of the best (0.500 for k = 4)"
        assert choice.reason.startswith(said + then)


def test_a_mixture_goes_by_the_bic_and_says_which_k_failed() -> None:
    # the range is 100, of which 5 % are 5
    choice, _ = choose(gmm(2, 180.0), gmm(3, 84.0), gmm(4, 80.0), failed(5))
    assert choice.candidate.k == 3
    assert choice.reason == (
        "k = 3 of 2 to 5: the smallest whose BIC (84.000) is within 5% of the range of the best (80.000 for k = 4); "
        "no fit for k = 5"
    )
    assert choose(gmm(2, 180.0), gmm(3, 86.0), gmm(4, 80.0))[0].candidate.k == 4
    below = choose(gmm(2, 100.0), gmm(3, -480.0), gmm(4, -500.0))[0].reason
    assert "whose BIC (-480.000) is within 5% of the range of the best (-500.000 for k = 4)" in below


def test_a_k_that_only_found_outliers_is_passed_over_and_is_no_measure_for_the_others() -> None:
    choice, _ = choose(kmeans(2, 0.9, smallest=1), kmeans(3, 0.5))
    assert choice.candidate.k == 3
    assert "passed over k = 2, whose smallest segment has under 1 % of the accounts" in choice.reason


def test_a_segment_of_too_small_a_share_is_none_though_it_has_accounts_enough() -> None:
    small = Candidate("kmeans", 2, silhouette=0.9, sizes=(993, 7))
    just = Candidate("kmeans", 3, silhouette=0.5, sizes=(500, 490, 10))
    assert choose_k([small, just], 1000, settings(min_share=0.01), lambda _: None).candidate is just


def test_an_account_alone_is_no_segment_however_few_there_are() -> None:
    alone = Candidate("kmeans", 2, silhouette=0.9, sizes=(79, 1))  # more than 1 % of 80
    few = Candidate("kmeans", 3, silhouette=0.5, sizes=(40, 35, 5))
    choice = choose_k([alone, few], 80, settings(), lambda _: None)
    assert choice.candidate is few
    told = "passed over k = 2, whose smallest segment has under 1 % of the accounts or fewer than 5"
    assert choice.reason.endswith(told)
    assert choose_k([alone, replace(few, sizes=(76, 3, 1))], 80, settings(), lambda _: None).reason.endswith(
        "every k has a segment with under 1 % of the accounts or fewer than 5, so that did not count"
    )


def test_unless_every_k_did() -> None:
    choice, _ = choose(kmeans(2, 0.9, smallest=1), kmeans(3, 0.5, smallest=1))
    assert choice.candidate.k == 2
    assert "did not count" in choice.reason


def test_a_given_k_is_taken_as_it_is_though_its_stability_is_told() -> None:
    choice = choose_k([kmeans(7, 0.1, smallest=1)], 200, settings(k=7), lambda _: 0.2)
    assert choice.reason == "k = 7 was given in the settings, mean Jaccard over resamples 0.20"


def test_a_lone_k_that_nobody_gave_is_not_said_to_be_given() -> None:
    choice, _ = choose(kmeans(2, 0.5), stability={2: 0.8})
    assert choice.reason == "k = 2 of 2 to 2: highest silhouette (0.500), mean Jaccard over resamples 0.80"


def test_a_cluster_that_holds_nobody_is_no_segment() -> None:
    empty = Candidate("kmeans", 4, silhouette=0.9, sizes=(30, 30))
    choice = choose_k(
        [Candidate("kmeans", 3, silhouette=0.5, sizes=(20, 20, 20)), empty], 60, settings(), lambda _: None
    )
    assert choice.candidate.k == 3
