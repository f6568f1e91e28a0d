from __future__ import annotations

import numpy as np
import pandas as pd

from segmentation.segments.naming import name_segments, sentence, told_by_segment, words_for
from segmentation.segments.profiles import profile as of_values
from tests.models.planted import feature

WORDS = {"d": "Document", "s": "System", "l": "Licensing"}


def profile(*rows: tuple[int, str, float], width: float = 0.2) -> pd.DataFrame:
    """A profile of clustered-on features, from segment, feature and effect."""
    return pd.DataFrame(
        [(s, f, 0.5, g, g - width, g + width, False, float("nan")) for s, f, g in rows],
        columns=["segment", "feature", "centre", "effect", "low", "high", "held_out", "q_value"],
    )


def held_out(feature: str, effect: float, q: float, centre: float = 0.5) -> pd.DataFrame:
    return profile((0, feature, effect), width=0.05).assign(held_out=True, q_value=q, centre=centre)


def said(*parts: pd.DataFrame) -> str:
    told = told_by_segment(pd.concat(parts))[0]
    return sentence(told, {"d": "share of Document", "w": "weekend days"}, WORDS, "u", "3 accounts")


def test_a_name_says_the_use_then_what_is_high_then_what_is_low() -> None:
    table = profile((0, "u", 1.2), (0, "d", -0.9), (0, "s", 0.8), (0, "l", 0.1))
    assert name_segments(table, WORDS, "u") == {0: "Heavy use, high System, low Document"}


def test_an_average_segment_is_called_so() -> None:
    assert name_segments(profile((0, "u", 0.1), (0, "d", 0.1)), WORDS, "u") == {0: "Average use"}


def test_an_effect_whose_interval_reaches_zero_names_nothing() -> None:
    table = profile((0, "u", -0.9), (0, "d", 0.9), width=1.0)
    assert name_segments(table, WORDS, "u") == {0: "Average use"}


def test_a_held_out_feature_names_only_where_its_test_holds() -> None:
    assert name_segments(held_out("d", 0.9, q=0.04), WORDS, "u") == {0: "High Document"}
    assert name_segments(held_out("d", 0.9, q=0.06), WORDS, "u") == {0: "Average use"}


def test_segments_that_share_a_name_get_the_next_feature() -> None:
    table = profile(
        *((s, f, g) for s, last in ((0, 1.0), (1, -1.0)) for f, g in (("d", 2.0), ("s", -2.0), ("l", last)))
    )
    names = name_segments(table, WORDS, "u")
    assert names == {0: "High Document, low System, high Licensing", 1: "High Document, low System, low Licensing"}


def test_or_a_number_when_there_is_none() -> None:
    names = name_segments(profile((0, "d", 2.0), (1, "d", 2.0)), WORDS, "u")
    assert names == {0: "High Document", 1: "High Document (2)"}


def test_a_name_carried_over_stays_whatever_the_figures_say_and_no_other_gets_it() -> None:
    table = profile((3, "d", -2.0), (8, "d", 2.0))
    names = name_segments(table, WORDS, "u", {3: "High Document", 7: "ended"})
    assert names == {3: "High Document", 8: "High Document (2)"}


def test_a_carried_name_that_no_longer_holds_is_said_to_be_of_then() -> None:
    now = told_by_segment(profile((3, "u", -1.2), (3, "d", 0.9), (3, "s", 0.1), (3, "l", -0.9)))[3]

    def of(name: str | None) -> str:
        whole = sentence(now, {}, WORDS, "u", "3 accounts", name)
        return whole.partition("Named when it was found; ")[2]

    assert of("Heavy use, high Document") == "today it is used less than the others."
    assert (
        of("Average use") == of("Heavy use (2)") == of("Not compared (3)") == "today it is used less than the others."
    )
    assert of("Low Document, high System, high Licensing (2)") == (
        "today Document is high, and System is no longer clearly high, and Licensing is low."
    )
    assert of("Light use, high Document, low Licensing (2)") == of("Giants") == of(None) == ""
    mild = told_by_segment(profile((3, "u", -0.1), (3, "d", 0.1)))[3]
    assert sentence(mild, {}, WORDS, "u", "3 accounts", "Heavy use, low System") == (
        "3 accounts. Nothing sets it clearly apart from the others. "
        "Named when it was found; today it is no longer clearly used more than the others."
    )  # of System there is no figure


def test_categories_name_segments_where_there_are_any() -> None:
    share, other = feature("d_share", category="Document", entry="share_year"), feature("some_rate")
    assert words_for([share, other], ["d_share", "some_rate"]) == {"d_share": "Document"}
    assert words_for([other], ["some_rate"]) == {"some_rate": "some rate"}


def test_a_share_that_is_all_in_one_segment_and_nothing_elsewhere_names_it() -> None:
    segments = np.repeat([0, 1, 2], 40)
    shares = {name: (segments == place).astype(float) for place, name in enumerate("dsl")}
    table = of_values(pd.DataFrame({**shares, "u": np.tile([1.0, 2.0], 60)}), segments, set())
    assert name_segments(table, WORDS, "u") == {
        0: "High Document, low Licensing", 1: "High System, low Document", 2: "High Licensing, low Document",
    }  # fmt: skip


def test_a_sentence_tells_size_use_and_marks_with_their_intervals() -> None:
    assert said(profile((0, "u", -0.8), (0, "d", 0.9), (0, "s", 0.3))) == (
        "3 accounts. Used less than the others (g = -0.80, -1.00 to -0.60). "
        "Marked by higher share of Document (g = 0.90, 0.70 to 1.10)."
    )


def test_what_was_not_clustered_on_is_told_with_its_q_and_only_when_it_holds() -> None:
    tested = said(profile((0, "d", 0.1)), held_out("w", -0.3, q=0.004), held_out("x", 0.4, q=0.3))
    assert tested == "3 accounts. Though not clustered on: lower weekend days (g = -0.30, -0.35 to -0.25, q = 0.004)."


def test_a_value_is_told_as_shares_and_each_attribute_once() -> None:
    told = said(held_out("land = DE", 0.3, q=0.0, centre=0.7), held_out("land = FR", -0.2, q=0.0, centre=0.1))
    assert told == "3 accounts. Though not clustered on: land = DE in 70 %, of the others in 40 % (q < 0.001)."


def test_where_there_are_too_few_accounts_to_compare_that_is_said() -> None:
    missing = float("nan")
    alone = profile((0, "u", missing), (0, "d", missing), (1, "u", missing), (2, "u", 0.1))
    names = name_segments(alone, WORDS, "u")
    assert names == {0: "Not compared", 1: "Not compared (2)", 2: "Average use"}
    assert said(alone) == "3 accounts. Too few accounts to compare."
    assert said(alone, held_out("land = DE", 0.05, q=0.9)) == "3 accounts. Too few accounts to compare."


def test_where_nothing_holds_it_says_so() -> None:
    assert said(profile((0, "u", 0.1), (0, "d", 0.4))) == "3 accounts. Nothing sets it clearly apart from the others."
