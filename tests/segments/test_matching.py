from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from segmentation.segments.matching import Change, Matched, Previous, match


def members(**sizes: str) -> dict[str, int]:
    """`members(a="0*5", b="1*3")`: accounts a0 .. a4 in cluster 0, b0 .. b2 in cluster 1."""
    given = {name: tuple(map(int, text.split("*"))) for name, text in sizes.items()}
    return {f"{name}{i}": cluster for name, (cluster, count) in given.items() for i in range(count)}


def before(segments: dict[str, int], highest: int = 7, **centres: float) -> Previous:
    known = sorted(set(segments.values()) - {-1})
    at = {int(name[1:]): {"x": value} for name, value in centres.items()}
    return Previous("2026-01-01", segments, {segment: f"Name {segment}" for segment in known}, at, highest)


def centres(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"x": values})


def changes(matched: Matched) -> list[tuple[int, str, tuple[int, ...]]]:
    return [(one.segment, one.kind, one.previous) for one in matched.changes]


def test_the_first_run_numbers_by_the_order_given_and_empty_clusters_come_last() -> None:
    matched = match(members(a="2*3", b="0*4"), centres(0, 0, 0), [1, 2, 0], None)
    assert matched.ids == (1, 2, 0)  # cluster 2 is first, cluster 0 second, 1 has nobody
    assert matched.names == {}
    assert matched.changes == (Change(0, "first", ()), Change(1, "first", ()))


def test_ids_follow_the_members_whatever_the_cluster_numbers() -> None:
    then = before(members(a="3*10", b="5*10"))
    matched = match(members(a="1*9", b="0*11"), centres(0, 0), [0, 1], then)
    assert matched.ids == (5, 3)
    assert matched.names == {3: "Name 3", 5: "Name 5"}
    assert changes(matched) == [(3, "kept", (3,)), (5, "kept", (5,))]


def test_an_optimal_pairing_beats_a_greedy_one() -> None:
    # Alone, cluster 0 is most like segment 1; but then cluster 1 would be like none, and both can be kept.
    then = before(members(a="1*6", b="1*5", c="2*5"))
    matched = match(members(a="1*6", b="0*5", c="0*5"), centres(0, 0), [0, 1], then)
    assert matched.ids == (2, 1)


def test_a_split_keeps_the_id_where_most_are_and_the_other_part_is_new() -> None:
    matched = match(members(a="0*6", b="1*4", c="2*9"), centres(0, 0, 0), [0, 1, 2],
                    before(members(a="4*6", b="4*4", c="6*9")))  # fmt: skip
    assert matched.ids == (4, 8, 6)
    assert changes(matched) == [(4, "kept", (4,)), (6, "kept", (6,)), (8, "split", (4,))]


def test_a_merge_keeps_the_larger_id_and_ends_the_other() -> None:
    matched = match(members(a="0*6", b="0*4", c="1*9"), centres(0, 0), [0, 1],
                    before(members(a="4*6", b="5*4", c="6*9")))  # fmt: skip
    assert matched.ids == (4, 6)
    assert changes(matched) == [(4, "merged", (4, 5)), (6, "kept", (6,)), (5, "ended", (4,))]
    assert 5 not in matched.names


def test_four_equal_parts_are_four_new_segments() -> None:
    matched = match(members(a="0*5", b="1*5", c="2*5", d="3*5"), centres(0, 0, 0, 0), [0, 1, 2, 3],
                    before(members(a="2*5", b="2*5", c="2*5", d="2*5")))  # fmt: skip
    assert matched.ids == (8, 9, 10, 11)
    assert {one.kind for one in matched.changes[:4]} == {"split"}
    assert matched.changes[-1] == Change(2, "ended", (8, 9, 10, 11))


def test_members_from_everywhere_are_a_birth_and_ids_are_never_given_twice() -> None:
    then = before(members(a="0*10", b="1*10", c="2*10"), highest=40)
    now = dict.fromkeys(then.segments, 0)
    now |= {f"{name}{i}": place for place, name in enumerate("abc") for i in range(7)}
    now |= {f"{name}{i}": 3 for name in "abc" for i in range(7, 10)}
    matched = match(now, centres(0, 0, 0, 0), [3, 0, 1, 2], then)
    assert matched.ids == (0, 1, 2, 41)
    assert changes(matched)[-1] == (41, "born", ())


def test_without_common_accounts_the_centres_decide() -> None:
    then = before(members(a="0*5", b="1*5"), s0=1.0, s1=9.0)
    matched = match(members(c="0*5", d="1*5", e="2*5"), centres(8.7, 1.1, 30.0), [0, 1, 2], then)
    assert matched.ids == (1, 0, 8)
    assert [one.kind for one in matched.changes] == ["kept", "kept", "born"]


def test_with_enough_common_accounts_the_centres_cannot_overrule_them() -> None:
    then = before(members(a="0*10", b="1*10"), s0=1.0, s1=9.0)
    assert match(members(a="0*10", b="1*10"), centres(9.0, 1.0), [0, 1], then).ids == (0, 1)


@pytest.mark.parametrize(("common", "ids"), [(3, (0, 1)), (1, (1, 0))])
def test_three_tenths_of_the_accounts_in_common_are_enough_and_one_is_not(common: int, ids: tuple[int, int]) -> None:
    """The members that stayed say one thing, the centres the other."""
    then = before(members(a=f"0*{common}", b=f"1*{common}"), s0=1.0, s1=9.0)
    now = members(a=f"0*{common}", b=f"1*{common}", c=f"0*{10 - common}", d=f"1*{10 - common}")
    assert match(now, centres(9.0, 1.0), [0, 1], then).ids == ids


def test_a_feature_on_a_large_scale_does_not_drown_one_on_a_small_scale() -> None:
    """`x` tells 0 from 1, and `y` only them from 2: what it differs by between 0 and 1 is nothing on its scale."""
    then = before(members(a="0*5", b="1*5", c="2*5"))
    at = {0: {"x": 0.0, "y": 1000.0}, 1: {"x": 1.0, "y": 1010.0}, 2: {"x": 0.5, "y": 2000.0}}
    now = pd.DataFrame({"x": [1.0, 0.0, 0.5], "y": [1000.0, 1010.0, 2000.0]})
    found = match(members(d="0*5", e="1*5", f="2*5"), now, [0, 1, 2], replace(then, centres=at))
    assert found.ids == (1, 0, 2)


def test_centres_are_as_far_apart_as_their_features_are_in_the_mean() -> None:
    """The spread is 2.9 and every centre has moved by 3, in both features: e^-1.06 is above the bar, e^-2.12 not."""
    then = before(members(a="0*5", b="1*5"))
    at = {0: {"x": 0.0, "y": 0.0}, 1: {"x": 8.0, "y": 8.0}}
    now = pd.DataFrame({"x": [3.0, 5.0], "y": [3.0, 5.0]})
    assert match(members(d="0*5", e="1*5"), now, [0, 1], replace(then, centres=at)).ids == (0, 1)


def test_noise_is_no_segment_on_either_side() -> None:
    then = before(members(a="0*10", b="-1*6"))
    matched = match(members(a="0*10", b="1*6"), centres(0, 0), [0, 1], then)
    assert changes(matched) == [(0, "kept", (0,)), (8, "born", ())]
    assert match(members(a="0*10", b="-1*6"), centres(0), [0], then).ids == (0,)


def test_a_cluster_that_the_order_leaves_out_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"clusters \[1\] are not in the order"):
        match(members(a="0*2", b="1*2"), centres(0, 0), [0], None)


def test_where_nothing_but_the_ids_is_left_they_are_not_given_again() -> None:
    matched = match(members(a="0*3"), centres(0), [0], before({}, highest=4))
    assert (matched.ids, matched.changes) == ((5,), (Change(5, "first", ()),))


def test_a_segment_without_a_centre_leaves_those_of_the_others_to_compare() -> None:
    """Of a few accounts that the driver did not see there was no profile."""
    then = before(members(a="3*10", b="5*10", c="6*1"), s3=0.0, s5=9.0)
    matched = match(members(x="1*10", y="0*10"), centres(0.1, 8.8), [0, 1], then)
    assert matched.ids == (3, 5)
    assert changes(matched) == [(3, "kept", (3,)), (5, "kept", (5,)), (6, "ended", ())]
