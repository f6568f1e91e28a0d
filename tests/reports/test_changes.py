"""What the report says of segments that came and went, and of why accounts moved."""

from __future__ import annotations

import pandas as pd
import pytest

from segmentation.reports.blocks import Chart, Points, TableBlock
from segmentation.reports.changes_section import changes_section
from segmentation.reports.content import find
from segmentation.reports.movement import report_changes
from segmentation.reports.segments_section import living_segments
from tests.reports import frames


def told_of_changes(now: dict[str, pd.DataFrame], before: dict[str, pd.DataFrame] | None = None) -> list[str]:
    """The sentences of the section alone, which draws one chart only."""
    inputs = frames.inputs(now, before or frames.earlier())
    points = changes_section(inputs, report_changes(inputs)).blocks[0]
    assert isinstance(points, Points)
    return list(points.items)


@pytest.mark.parametrize(
    ("change", "previous", "said"),
    [
        ("merged", [1, 2], "Segment 1 (Light use) took in segment 2 (Old)."),
        ("merged", [2, 3], "Segment 1 (Light use) is new: it was made of segment 2 (Old) and segment 3 (Older)."),
        ("split", [0], "Segment 1 (Light use) is new: at least half of it comes from segment 0 (Heavy use)."),
        ("kept", [1], None),
    ],
)
def test_only_a_segment_that_was_not_there_is_new(change: str, previous: list[int], said: str | None) -> None:
    now = frames.tables()
    living = frames.summaries(frames.NOW, (3, 3))
    living["change"], living["previous"] = ["kept", change], [[0], previous]
    gone = living.assign(segment=[2, 3], name=["Old", "Older"], change="ended", accounts=0, previous=[[1], [1]])
    now["segment_summaries"] = pd.concat([living, gone])
    before = frames.earlier()
    there = before["segment_summaries"]
    before["segment_summaries"] = pd.concat([there, there.assign(segment=[2, 3])])
    found = [one for one in told_of_changes(now, before) if one.startswith("Segment ")]
    ended = ["Segment 2 (Old) is no more.", "Segment 3 (Older) is no more."]
    assert found == ([said, *ended] if said else ended)


@pytest.mark.parametrize(
    ("previous", "said"),
    [
        ([1, 2, 3], "Segment 1 (Light use) took in segment 3 (Older) and accounts of segment 2 (Old)."),
        ([2, 3], "Segment 1 (Light use) is new: it was made of segment 3 (Older) and accounts of segment 2 (Old)."),
        ([1, 2], "Segment 1 (Light use) took in accounts of segment 2 (Old)."),
    ],
)
def test_a_segment_that_lives_on_was_not_taken_in(previous: list[int], said: str) -> None:
    now = frames.tables()
    living = frames.summaries(frames.NOW, (2, 2))
    living["change"], living["previous"] = ["kept", "merged"], [[0], previous]
    others = living.assign(segment=[2, 3], name=["Old", "Older"], change=["kept", "ended"], accounts=[2, 0])
    now["segment_summaries"] = pd.concat([living, others.assign(previous=[[2], [1]])])
    before = frames.earlier()
    there = before["segment_summaries"]
    before["segment_summaries"] = pd.concat([there, there.assign(segment=[2, 3])])
    found = [one for one in told_of_changes(now, before) if one.startswith("Segment ")]
    assert found == [said, "Segment 3 (Older) is no more."]


@pytest.mark.parametrize(
    ("change", "previous", "said"),
    [
        ("merged", [1, 2], []),
        ("merged", [2, 3], ["Segment 1 (Light use) is new."]),
        ("split", [2], ["Segment 1 (Light use) is new."]),
        ("split", [0, 2], ["Segment 1 (Light use) is new: at least half of it comes from segment 0 (Heavy use)."]),
    ],
)
def test_segments_that_the_report_before_never_had_did_not_come_or_go_since(
    change: str, previous: list[int], said: list[str]
) -> None:
    """Those of a training that was done again for its date: told of in the table, against that training."""
    now = frames.tables()
    living = frames.summaries(frames.NOW, (3, 3))
    living["change"], living["previous"] = ["kept", change], [[0], previous]
    gone = living.assign(segment=[2, 3], name=["Old", "Older"], change="ended", accounts=0, previous=[[1], [1]])
    now["segment_summaries"] = pd.concat([living, gone])
    assert [one for one in told_of_changes(now) if one.startswith("Segment ")] == said


def test_moves_are_told_by_the_first_method_of_the_settings_and_from_the_date_before() -> None:
    now = frames.tables()
    moves = now["segment_moves"]
    now["segment_moves"] = pd.concat([moves.assign(method="bisecting", same_model=0), moves])
    # bisecting comes first by its name alone
    assert [one[:21] for one in told_of_changes(now) if "By the method" in one] == ["By the method kmeans,"]
    now["segment_moves"] = moves.assign(previous_as_of=frames.BEFORE.replace(month=11))
    assert not [one for one in told_of_changes(now) if "By the method" in one]


def test_whoever_cannot_see_the_squares_is_told_who_went_where() -> None:
    inputs = frames.inputs(before=frames.earlier())
    [told] = [one for one in changes_section(inputs, find(inputs).changes).blocks if isinstance(one, Chart)]
    assert told.description.endswith(" stood in both; of them went 1 from none to 1, 1 from 0 to 1.")


def tables_of_changes() -> dict[str, TableBlock]:
    inputs = frames.inputs(before=frames.earlier())
    blocks = changes_section(inputs, report_changes(inputs)).blocks
    return {block.name: block for block in blocks if isinstance(block, TableBlock)}


def test_accounts_that_changed_their_segment_are_listed_and_those_that_stayed_are_not() -> None:
    assert tables_of_changes()["moved"].frame.to_numpy().tolist() == [
        [frames.HOSTILE, "in no segment", "1  Light use"],
        ["A4", "0  Heavy use", "1  Light use"],
    ]


def test_a_difference_is_what_is_now_less_what_was() -> None:
    figures = tables_of_changes()["changes"].frame.set_index("item")["difference"]
    assert (figures["accounts with usage"], figures["0 Heavy use: accounts"]) == (1.0, -1.0)


def test_accounts_that_came_and_went_are_counted() -> None:
    """The basetable before has five of the six accounts, all but the last."""
    assert "1 account is new, 0 are not there any more." in told_of_changes(frames.tables())
    now = frames.tables()
    now["basetable"] = now["basetable"].drop(index=[1, 2])
    assert "1 account is new, 2 are not there any more." in told_of_changes(now)
    now["basetable"] = now["basetable"].head(2)
    assert "0 accounts are new, 3 are not there any more." in told_of_changes(now)
    before = frames.earlier()
    before["basetable"] = frames.basetable(frames.BEFORE)
    assert not [one for one in told_of_changes(frames.tables(), before) if "any more" in one]


def test_a_segment_that_a_rolled_back_model_leaves_empty_is_none_and_did_not_come() -> None:
    now = frames.tables()
    now["segments"] = frames.segments(frames.NOW, [0] * 6)
    now["segment_summaries"] = frames.summaries(frames.NOW, (6, 0))  # of which the second is called born
    before = frames.earlier()
    assert "Segment 1 (Light use) is no more." in told_of_changes(now, before)
    assert living_segments(frames.inputs(now))["segment"].tolist() == [0]
