"""Single sections of the page, without the cost of drawing all others."""

from __future__ import annotations

import pandas as pd
import pytest

from segmentation.reports import charts
from segmentation.reports.blocks import Cards, Chart, Section
from segmentation.reports.content import find
from segmentation.reports.industries_section import industries_section
from segmentation.reports.segments_section import segments_section
from tests.reports import frames


def chart(section: Section, name: str) -> Chart:
    return next(block for block in section.blocks if isinstance(block, Chart) and block.name == name)


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
    assert said in cards.items[0].blocks[0].description
