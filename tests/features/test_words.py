from __future__ import annotations

import re

from segmentation.features.catalogue import catalogue
from segmentation.features.words import spoken


def test_no_reader_needs_to_know_column_names() -> None:
    words = spoken(catalogue(["Document", "Preflight Report"]))
    assert words["document_active_days_year"] == "active days of Document"
    assert words["all_rows_year"] == "rows of all categories"
    assert words["preflight_report_rows_q1"] == "rows of Preflight Report in the latest quarter"
    assert words["document_rows_q3"] == "rows of Document in the 3rd latest quarter"
    assert words["document_rows_m02"] == "rows of Document in the 2nd latest month"
    assert words["document_rows_m12"] == "rows of Document in the 12th latest month"
    assert words["document_year_over_year"] == "year over year of Document"
    assert words["x_document_preflight_report"] == "joint use of Document and Preflight Report"
    assert words["tokens_new_year"] == "tokens new in a year"
    assert words["tokens_active_q1"] == "tokens active in the latest quarter"
    assert words["dominant_os"] == "dominant os"
    assert [one for one in words.values() if re.search(r"_|\b[qmx]\d*\b", one)] == []
    assert len(set(words.values())) == len(words)  # nobody takes one for another
