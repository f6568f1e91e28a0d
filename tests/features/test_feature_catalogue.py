"""The catalogue is inert, complete and readable."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest

from segmentation.errors import InputProblem
from segmentation.features.catalogue import catalogue
from segmentation.features.months import months_before, weekend_mask
from segmentation.features.page import render_page
from segmentation.settings.logs import slug

EIGHT = (
    "Application", "Document", "System", "Licensing", "Event", "Preflight Report", "Preflight Report Items", "Others",
)  # fmt: skip


def test_eight_categories_give_396_features() -> None:
    names = [feature.name for feature in catalogue(EIGHT)]
    assert len(names) == len(set(names)) == 396
    assert sum(name.startswith("document_") for name in names) == 40
    assert sum(name.startswith("all_") for name in names) == 34
    assert sum(name.startswith("x_") for name in names) == 28
    assert "preflight_report_items_active_days_q1" in names


def test_importing_and_listing_starts_no_session() -> None:
    code = (
        "from segmentation.features.catalogue import catalogue; catalogue(['Document'])\n"
        "from pyspark import SparkContext; assert SparkContext._active_spark_context is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_colliding_categories_are_refused() -> None:
    with pytest.raises(InputProblem, match="categories 'A b', 'a-B' give a column a_b_rows_year more than once"):
        catalogue(["A b", "a-B"])
    with pytest.raises(InputProblem, match="a column all_rows_year more than once"):
        catalogue(["All"])
    with pytest.raises(InputProblem, match="a column x_a_b_c more than once"):
        catalogue(["A", "B c", "A b", "C"])


def test_slug() -> None:
    assert slug("Preflight Report (Items)") == "preflight_report_items"


def test_text_features_fill_with_text() -> None:
    assert {f.name: f.fill for f in catalogue(EIGHT) if f.is_categorical} == {
        "dominant_product": "Other",
        "dominant_os": "Other",
    }


def test_the_page_has_a_line_per_feature() -> None:
    features = catalogue(["Document"])
    lines = render_page(features).splitlines()
    sections = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert sections == ["Document", "All categories together", "The account as a whole"]
    assert lines[4] == "## Document"
    assert lines[8].startswith("| `document_rows_year`<br>Log rows of Document in the last twelve months. |")
    assert lines[8].endswith("| rows counted;<br>summed over tokens | 0 | log1p |")
    named = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert named == [feature.name for feature in features]
    assert not [line for line in lines if "{" in line]


@pytest.mark.parametrize(("back", "month"), [(1, dt.date(2025, 12, 1)), (13, dt.date(2024, 12, 1))])
def test_months_before(back: int, month: dt.date) -> None:
    assert months_before(dt.date(2026, 1, 1), back) == month


def test_weekend_mask() -> None:
    days = [day for day in range(1, 32) if weekend_mask(dt.date(2025, 12, 1)) >> (day - 1) & 1]
    assert days == [6, 7, 13, 14, 20, 21, 27, 28]
