"""Single sections of the page, without the cost of drawing all others."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from segmentation.industries.cards import NOT_FROM_USAGE, PREDICTABLE, PROMISING, Found, verdict
from segmentation.reports import charts
from segmentation.reports.blocks import Cards, Chart, Facts, Heading, Points, Section, TableBlock, Text
from segmentation.reports.content import find, summary_section
from segmentation.reports.industries_section import VERDICTS, industries_section
from segmentation.reports.inputs import Inputs
from segmentation.reports.joint_section import joint_section, outlook_section
from segmentation.reports.residuals import segment_industries
from segmentation.reports.segments_section import FAIR, segments_section
from segmentation.reports.trust_section import GLOSSARY, glossary_section, trust_section
from tests.reports import frames


def table(section: Section, name: str) -> TableBlock:
    return next(block for block in section.blocks if isinstance(block, TableBlock) and block.name == name)


def chart(section: Section, name: str) -> Chart:
    return next(block for block in section.blocks if isinstance(block, Chart) and block.name == name)


@pytest.mark.slow
def test_the_map_says_of_how_many_accounts_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = chart(segments_section(frames.inputs()), "segment-map")
    assert shown.title == "Accounts on a map of usage"
    assert shown.description.startswith("All 6 accounts as dots")
    monkeypatch.setattr(charts, "SHOWN_POINTS", 3)
    assert chart(segments_section(frames.inputs()), "segment-map").description.startswith("3 of 6 accounts as dots")


@pytest.mark.parametrize(("effects", "said"), [([0.75, 0.25], "made of trees"), ([0.75, -0.5], "Bars to the right")])
def test_what_speaks_for_an_industry_is_read_as_its_model_means_it(effects: list[float], said: str) -> None:
    drivers = pd.DataFrame({"industry": "Labels", "feature": ["all_rows_year", "all_error_rate"], "effect": effects})
    inputs = frames.inputs(frames.tables() | {"industry_drivers": drivers})
    section = industries_section(inputs, find(inputs).actions)
    [cards] = [block for block in section.blocks if isinstance(block, Cards)]
    assert said in cards.text
    told = cards.items[0].blocks[0].description.replace("\N{NO-BREAK SPACE}", " ")
    assert said in told
    words = [inputs.words.get(name, name.replace("_", " ")) for name in drivers["feature"]]
    how = ("75 %", "25 %") if said == "made of trees" else ("for", "against")
    # whoever cannot see the bars is told of each
    assert told.endswith(f"The longest first: {words[0]}: {how[0]}; {words[1]}: {how[1]}.")


def test_accounts_in_no_segment_are_counted_all_the_same() -> None:
    now = frames.tables() | {"segments": frames.segments(frames.NOW, [0, 0, 0, 1, -1, -1])}
    inputs = frames.inputs(now | {"segment_summaries": frames.summaries(frames.NOW, (3, 1))})
    [points] = [block for block in summary_section(inputs, find(inputs)).blocks if isinstance(block, Points)]
    assert "2 accounts are in no segment." in points.items
    section = segments_section(inputs)
    assert any(
        isinstance(block, Text) and block.text.startswith("2 accounts are in no segment") for block in section.blocks
    )
    use = table(section, "use")
    assert [column.title for column in use.columns] == [
        "Use",
        "Accounts",
        "In no segment",
        "In segment 0",
        "In segment 1",
    ]
    assert use.frame["no segment"].sum() == 2
    # one of the two is an outlying account
    assert "It may be in a segment all the same" in dict(GLOSSARY)["Outlying account"]


def test_of_the_accounts_in_segments_the_largest_has_its_share_and_none_is_no_segment() -> None:
    now = frames.tables() | {"segments": frames.segments(frames.NOW, [0, 0, 1, -1, -1, -1])}
    inputs = frames.inputs(now | {"segment_summaries": frames.summaries(frames.NOW, (2, 1))})
    [points] = [block for block in summary_section(inputs, find(inputs)).blocks if isinstance(block, Points)]
    assert points.items[0] == (
        "3 accounts fall into 2 segments; the largest, Heavy use, has 2 of them (67\N{NO-BREAK SPACE}%)."
    )
    described = chart(segments_section(inputs), "segment-map").description
    assert "one mark and colour for each of 2 segments, grey for those in none." in described
    everybody = chart(segments_section(frames.inputs()), "segment-map").description
    assert "one mark and colour for each of 2 segments. Accounts" in everybody


def test_the_cards_say_of_what_a_q_speaks_and_what_it_does_not_tell() -> None:
    [cards] = [block for block in segments_section(frames.inputs()).blocks if isinstance(block, Cards)]
    assert (
        "Only of what it was not built from is a difference a test (q): that the accounts differ, not why."
        in cards.text
    )
    assert "a share or rate of few rows varies more where use is low" in dict(GLOSSARY)["Beyond chance, q"]


def test_a_predictable_industry_is_called_no_more_than_its_verdict_says() -> None:
    assert verdict(Found(0.7, 0.65, 0.75, 0.05, None), 0.65)[0] == PREDICTABLE  # of doubt enough is left
    said = dict(GLOSSARY)["Predictable"].replace("\N{NO-BREAK SPACE}", " ")
    assert "better than chance (q at most 5 %), and the lower end of its AUC's interval reaches the bar" in said
    assert said.endswith("It does not mean that single accounts can be filled in.")
    inputs = frames.inputs()
    whole = f"{said} {summary_section(inputs, find(inputs))}"
    assert "1 of 2 industries from the rest: Labels." in whole
    assert not re.search("beyond doubt|reliably", whole)


def test_every_verdict_is_explained_as_it_is_given() -> None:
    told = dict(GLOSSARY)
    assert {one.capitalize() for one in VERDICTS} <= set(told)
    # not told from chance, but on a rising curve
    assert verdict(Found(0.62, 0.55, 0.69, 0.3, 0.1), 0.65)[0] == PROMISING
    assert "better than chance or its AUC rose with the accounts" in told[PROMISING.capitalize()]
    assert verdict(Found(0.6, 0.56, 0.64, 0.01, None), 0.65)[0] == NOT_FROM_USAGE
    assert "below the bar of a predictable industry, even if it is told better" in told[NOT_FROM_USAGE.capitalize()]


def test_whoever_cannot_see_what_sets_a_segment_apart_is_told_of_each_bar() -> None:
    [cards] = [block for block in segments_section(frames.inputs()).blocks if isinstance(block, Cards)]
    told = [block.description for card in cards.items for block in card.blocks if isinstance(block, Chart)]
    assert [one.partition(" The longest first: ")[2] for one in told] == [
        "log rows of a year: +1.95 (1.79 to 2.10); all error rate: -0.30 (-0.50 to -0.10), not built from.",
        "log rows of a year: -1.95 (-2.10 to -1.79).",
    ]


def test_the_bar_of_doubt_is_told_as_it_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dict(GLOSSARY)["Stability"].endswith(f"below {FAIR} doubtful.")
    monkeypatch.setattr("segmentation.reports.segments_section.FAIR", 0.5)
    section = segments_section(frames.inputs())
    [facts] = [block for block in section.blocks if isinstance(block, Facts)]
    assert any("below 0.5: doubtful" in fact.note for fact in facts.items)


def test_what_the_export_calls_by_a_name_the_files_of_the_report_call_so_too() -> None:
    now = frames.tables() | {"churn_scores": frames.churn(), "account_values": frames.values()}
    inputs = frames.inputs(now)
    actions = find(inputs).actions
    section = industries_section(inputs, actions)
    assert table(section, "review").frame[["industry", "second"]].to_numpy().tolist() == [["Signs", "Labels"]]
    assert table(section, "check").frame["suggested"].tolist() == ["Labels"]
    reach_out = table(outlook_section(inputs, actions), "reach_out").frame
    assert reach_out["lifetime_value"].tolist()[:2] == [1000.0, 100.0]
    assert "expected_value" not in reach_out
    assert reach_out["at_stake"].tolist()[:2] == [600.0, 90.0]


def test_where_every_account_has_an_industry_none_is_called_unsure() -> None:
    now = {name: rows for name, rows in frames.tables().items() if name != "industry_fill"}
    known = ["Labels"] * 3 + ["Signs"] + ["Labels"] * 2
    inputs = frames.inputs(now | {"basetable": frames.basetable(frames.NOW).assign(industry=known)})
    summary = summary_section(inputs, find(inputs))
    [points] = [block for block in summary.blocks if isinstance(block, Points)]
    assert "Every account has an industry already; 1 label should be checked." in points.items
    [facts] = [block for block in summary.blocks if isinstance(block, Facts)]
    shown = {fact.label: fact.value for fact in facts.items}
    assert (shown["to fill in"], shown["to look at"]) == ("0", "0")  # of a model that is there


def test_accounts_that_have_got_an_industry_since_were_not_unsure_of_it() -> None:
    """A5, which could be filled in, has a label by now, and the accounts to fill are counted alike everywhere."""
    now = frames.tables()
    now["basetable"] = now["basetable"].assign(industry=["Labels"] * 5 + [None])
    now["industry_fill"] = now["industry_fill"].assign(decision=["fill", "review"])
    inputs = frames.inputs(now)
    found = find(inputs)
    [points] = [block for block in summary_section(inputs, found).blocks if isinstance(block, Points)]
    assert any("All accounts that could be filled in have an industry by now; 1 account needs" in one
               for one in points.items)  # fmt: skip
    section = industries_section(inputs, found.actions)
    assert table(section, "industry_cards").frame["fillable"].tolist() == [0, 0]
    assert "can be filled in: from" not in str(section).replace("0 accounts can be filled in: from", "")
    changes = found.changes.set_index("item")["now"]
    assert (changes["accounts to fill"], changes["accounts to review"]) == (0, 1)


def test_known_accounts_are_those_of_the_basetable_and_not_of_the_training() -> None:
    now = frames.tables()
    now["basetable"] = now["basetable"].assign(industry=["Labels"] * 5 + [None])
    inputs = frames.inputs(now)
    section = industries_section(inputs, find(inputs).actions)
    assert table(section, "industry_cards").frame[["industry", "labelled"]].to_numpy().tolist() == [
        ["Labels", 5],
        ["Signs", 0],
    ]
    assert "5 accounts are known to be Labels" in str(section)


def test_the_accuracy_says_of_how_many_accounts_it_is_not() -> None:
    now = frames.tables()
    inputs = frames.inputs(now)
    assert "whose industry the model knows" in str(trust_section(inputs))
    assert "too few labels left out" not in str(trust_section(inputs))
    now["industry_cards"] = now["industry_cards"].assign(verdict=["predictable", "too few accounts"], labelled=[40, 7])
    assert " 7 labelled accounts of industries with too few labels left out." in str(trust_section(inputs))


def test_of_one_industry_nothing_is_said_to_have_been_compared() -> None:
    now = frames.tables()
    now["basetable"] = now["basetable"].assign(industry=["Labels"] * 4 + [None] * 2)
    inputs = frames.inputs(now)
    said = str(joint_section(inputs, find(inputs).residuals))
    assert "there is nothing to compare" in said
    assert "beyond chance (q" not in said


def test_the_strongest_surplus_is_told_in_words() -> None:
    counts = {(0, "Food"): 10, (0, "Labels"): 30, (0, "Signs"): 10, (1, "Food"): 30, (1, "Labels"): 5, (1, "Signs"): 15}
    known = [key for key, count in counts.items() for _ in range(count)]
    residuals = segment_industries(pd.DataFrame(known, columns=["segment", "industry"]))
    said = joint_section(frames.inputs(), residuals).blocks[0]
    assert isinstance(said, Text)
    assert said.text == (
        "Of 6 pairs, 4 are beyond chance (q at most 0.05). The strongest surplus: Labels in segment 0 (Heavy use), "
        "30 accounts where 17.5 would be expected."
    )


def test_a_label_on_the_list_is_not_called_wrong() -> None:
    inputs = frames.inputs()
    section = industries_section(inputs, find(inputs).actions)
    assert "usage contradicts them; most may be right" in blank_free(section)
    place = next(at for at, block in enumerate(section.blocks) if block == Heading("Check the label"))
    told, listed = section.blocks[place + 1 : place + 3]
    assert isinstance(told, Text)
    assert told.text.startswith("A list to look through, not to correct by: most of these labels may be right")
    assert isinstance(listed, TableBlock)
    assert listed.name == "check"
    nobody = frames.inputs({name: rows for name, rows in frames.tables().items() if name != "industry_suspects"})
    assert "to correct by" not in str(industries_section(nobody, find(nobody).actions))


def test_thresholds_are_told_as_they_are_set_and_never_reached_by_rounding() -> None:
    now = frames.tables() | {"churn_scores": frames.churn()}
    now["segment_summaries"] = now["segment_summaries"].assign(stability=[0.9, 0.597])
    inputs = frames.inputs(now, reach_out=0.025)
    assert "a probability of 2.5 % or more" in blank_free(outlook_section(inputs, find(inputs).actions))
    [facts, *_] = segments_section(inputs).blocks
    assert isinstance(facts, Facts)
    assert [fact.value for fact in facts.items if fact.label == "weakest stability"] == ["0.59"]


def test_the_precision_of_fills_is_that_of_their_thresholds_and_not_of_a_later_setting() -> None:
    inputs = frames.inputs(fill_precision=0.95)  # the card's lower bound is .91
    [facts] = [one for one in industries_section(inputs, find(inputs).actions).blocks if isinstance(one, Facts)]
    assert [fact.note for fact in facts.items if fact.label == "to fill in"] == [
        "where 91\N{NO-BREAK SPACE}% or more were right of labelled accounts that the model had not seen"
    ]


def test_industries_of_an_earlier_basetable_are_told_as_such() -> None:
    for outdated in (("industry_scores",), ()):
        inputs = frames.inputs(outdated=outdated)
        findings = find(inputs)
        for section in (summary_section(inputs, findings), industries_section(inputs, findings.actions)):
            assert ("built anew after industries were found in it" in str(section)) == bool(outdated)


@pytest.mark.parametrize(
    ("table_name", "said", "command"),
    [
        ("segments", "The basetable was built anew after segments and use were found in it", "segments"),
        ("churn_scores", "The basetable was built anew after it was forecast from it who may fall silent", "churn"),
        ("account_values", "The logs' tables were written anew after expected values were forecast from them", "value"),
    ],
)
def test_whatever_is_of_an_earlier_build_is_told_in_short(table_name: str, said: str, command: str) -> None:
    inputs = frames.inputs(outdated=(table_name,))
    [points] = [block for block in summary_section(inputs, find(inputs)).blocks if isinstance(block, Points)]
    [told] = [item for item in points.items if item.startswith(said)]
    assert told.endswith(f"run `segmentation {command} --as-of 2026-01-01`.")


def test_a_forecast_of_unknown_length_is_not_given_that_of_the_settings() -> None:
    now = frames.tables() | {"churn_scores": frames.churn(), "account_values": frames.values()}
    inputs = frames.inputs(now, horizon_months=None, value_months=None)
    said = str(outlook_section(inputs, find(inputs).actions))
    assert "sum of their probabilities over the months ahead" in said
    assert "forecast for the months ahead, in the unit" in said
    assert "likely to be silent for the months ahead" in said


@pytest.mark.parametrize(
    ("reach_out", "said"),
    [
        (0.95, "they have begun to fall silent."),
        (0.65, "they are likely to fall silent (65 % or more)."),
        (0.9, "1 is likely to fall silent (90 % or more), 1 has begun to."),
    ],
)
def test_the_headline_is_true_of_whoever_is_to_be_reached(reach_out: float, said: str) -> None:
    inputs = frames.inputs(frames.tables() | {"churn_scores": frames.churn()}, reach_out=reach_out)
    assert headline(inputs) == f"2 accounts should hear from you: {said}"
    assert "or used more than lightly, and silent now" in str(outlook_section(inputs, find(inputs).actions))


def test_nobody_to_be_reached_is_told_of_both_kinds() -> None:
    busy = frames.rfm(frames.NOW).assign(label="active and heavy")
    inputs = frames.inputs(frames.tables() | {"churn_scores": frames.churn(), "account_rfm": busy}, reach_out=0.95)
    assert headline(inputs) == (
        "No active account is likely to fall silent (95 % or more), and of those used in the last twelve months none "
        "has begun to after more than light use."
    )
    gone = busy.assign(label=["active and heavy"] * 5 + ["gone"])  # has fallen silent, and longer ago
    assert headline(frames.inputs(frames.tables() | {"account_rfm": gone})) == (
        "Of the accounts used in the last twelve months, none has fallen silent after more than light use; what will "
        "be was not forecast."
    )


def blank_free(section: Section) -> str:
    """What stands in its figures, with plain blanks."""
    notes = [fact.note for block in section.blocks if isinstance(block, Facts) for fact in block.items]
    return " | ".join(notes).replace("\N{NO-BREAK SPACE}", " ")


def headline(inputs: Inputs) -> str:
    """What the summary says last: of those to reach out to."""
    [points] = [block for block in summary_section(inputs, find(inputs)).blocks if isinstance(block, Points)]
    return points.items[-1].replace("\N{NO-BREAK SPACE}", " ")


def test_use_is_called_no_more_than_what_is_measured_of_it() -> None:
    inputs = frames.inputs()
    findings = find(inputs)
    nobody = frames.inputs(frames.tables() | {"account_rfm": frames.rfm(frames.NOW).assign(label="active and heavy")})
    sections = (
        outlook_section(inputs, findings.actions),
        summary_section(nobody, find(nobody)),
        glossary_section(),
    )
    for section, said in zip(
        sections, ("used more than lightly", "more than light use", "above 2 in the mean"), strict=True
    ):
        assert said in str(section)
        assert "used much" not in str(section)
        assert "much use" not in str(section)
