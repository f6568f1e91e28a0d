from __future__ import annotations

from segmentation.segments.naming import name_segments, words_for
from tests.models.planted import feature

WORDS = {"d": "Document", "s": "System", "l": "Licensing"}


def test_a_name_says_the_use_then_what_is_high_then_what_is_low() -> None:
    names = name_segments({0: {"u": 1.2, "d": -0.9, "s": 0.8, "l": 0.1}}, WORDS, "u")
    assert names == {0: "Heavy use, high System, low Document"}


def test_an_average_segment_is_called_so() -> None:
    assert name_segments({0: {"u": 0.1, "d": 0.1}}, WORDS, "u") == {0: "Average use"}


def test_segments_that_share_a_name_get_the_next_feature() -> None:
    first, second = {"d": 2.0, "s": -2.0, "l": 1.0}, {"d": 2.0, "s": -2.0, "l": -1.0}
    names = name_segments({0: first, 1: second}, WORDS, "u")
    assert names == {0: "High Document, low System, high Licensing", 1: "High Document, low System, low Licensing"}


def test_or_a_number_when_there_is_none() -> None:
    same = {"d": 2.0}
    names = name_segments({0: same, 1: same}, WORDS, "u")
    assert names == {0: "High Document", 1: "High Document (2)"}


def test_categories_name_segments_where_there_are_any() -> None:
    share, other = feature("d_share", category="Document", entry="share_year"), feature("some_rate")
    assert words_for([share, other], ["d_share", "some_rate"]) == {"d_share": "Document"}
    assert words_for([other], ["some_rate"]) == {"some_rate": "some rate"}
