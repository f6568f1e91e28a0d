from __future__ import annotations

import csv
import datetime as dt
import io

import pandas as pd
import pytest

from segmentation.reports.csv import csv_bytes, safe_cells, safe_text


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("  =1", "'  '=1"),
        ("\uff1dcmd", "'\uff1dcmd"),
        ("a;=1", "a;'=1"),
        ("a, =1", "a, =1"),
        ("Toys, -light, +new", "Toys, -light, +new"),
        ('a",=1', "a\",'=1"),
        ('a"=1', "a\"'=1"),
        ("a\n@x", "a\n'@x"),
        ("Fine - and dandy", "Fine - and dandy"),
        ("2025-01-01", "2025-01-01"),
        ("a@b.org", "a@b.org"),
        ("", ""),
    ],
)
def test_what_could_be_a_formula_gets_an_apostrophe(text: str, safe: str) -> None:
    assert safe_text(text) == safe
    assert safe_text(safe) == safe


def test_numbers_dates_and_missing_values_stay_what_they_are() -> None:
    frame = pd.DataFrame(
        {
            "=id": ["=1", None],
            "number": [-5.2, float("nan")],
            "whole": pd.array([-3, None], dtype="Int64"),
            "day": [dt.date(2026, 1, 1), None],
            "true": [True, False],
            "reasons": [["-a", "b"], []],
            "kind": pd.Categorical(["=x", "y"]),
        }
    )
    safe = safe_cells(frame)
    assert list(safe.columns) == ["'=id", *frame.columns[1:]]
    assert safe["'=id"].tolist() == ["'=1", None]
    assert safe["number"].tolist()[0] == -5.2
    assert safe["reasons"].tolist() == ["'-a; b", ""]
    assert safe["kind"].tolist() == ["'=x", "y"]
    pd.testing.assert_frame_equal(safe[["number", "whole", "day", "true"]], frame[["number", "whole", "day", "true"]])
    assert frame["=id"].tolist() == ["=1", None]  # the caller's frame is not touched


def test_a_file_opens_in_excel_and_in_any_reader() -> None:
    frame = pd.DataFrame({"name": ['Müller, "A"', "=1", None], "n": [-1.5, None, 2.0]})
    written = csv_bytes(frame)
    assert written.startswith(b"\xef\xbb\xbf")
    assert written.count(b"\r\n") == 4
    rows = list(csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")))
    assert rows == [["name", "n"], ['Müller, "A"', "-1.5"], ["'=1", ""], ["", "2.0"]]
    assert csv_bytes(frame) == written
