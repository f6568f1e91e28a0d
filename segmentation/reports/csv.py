"""Tables as CSV that is safe to open in a spreadsheet: what came from logs and customers must not run as a formula.

The rule is OWASP's for CSV injection: a cell that begins with = + - @, a tab or a line break gets an apostrophe before
it. So does such a sign behind what may end a cell inside one (a semicolon, a bar, a tab, a line break, a quote), since
a program that splits cells in another way would find it at the beginning of one. A comma by itself ends none: texts
stand in quotes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Hashable
from typing import Any

import pandas as pd

#: spreadsheets take the full-width signs for the plain ones
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
#: the place before a sign at the beginning of a cell, or behind what may end one; blanks between do not help
_FORMULA = re.compile(rf"((?:^|[;|\t\r\n\"]),?\s*)(?=[{_SIGNS}])")
_CONTROL = ("\t", "\r", "\n")
#: Excel takes a file without it for the machine's own code page
BOM = "\ufeff"


def safe_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with texts and column names that no spreadsheet takes for a formula.

    Numbers, dates, truth values and missing values stay as they are, so -5.2 stays a number; a text that looks like
    one (`-5`) gets its apostrophe. Lists become one text, their parts separated by `; `. Done twice it changes no more.
    """
    safe = frame.copy()
    for place, kind in enumerate(frame.dtypes):
        if isinstance(kind, pd.CategoricalDtype | pd.StringDtype) or pd.api.types.is_object_dtype(kind):
            safe.isetitem(place, frame.iloc[:, place].astype(object).map(_safe_value).to_numpy())
    safe.columns = pd.Index([_safe_name(name) for name in frame.columns])
    return safe


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """The frame as a CSV file: safe cells, UTF-8 with a byte order mark, CRLF, texts in quotes, no index.

    Missing values are empty. The same frame gives the same bytes.
    """
    return (BOM + csv_lines(safe_cells(frame), header=True)).encode("utf-8")


def csv_lines(safe: pd.DataFrame, header: bool) -> str:
    """The lines of such a file, of cells that are safe already; for files that are written part by part."""
    return safe.to_csv(index=False, header=header, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")


def safe_text(text: str) -> str:
    """One text as `safe_cells` leaves it."""
    safe = _FORMULA.sub(r"\1'", text)
    # the sign may stand behind blanks, and a spreadsheet looks at the first character alone
    return "'" + safe if text.startswith(_CONTROL) or (safe != text and text[0].isspace()) else safe


def _safe_value(value: Any) -> Any:
    if isinstance(value, str):
        return safe_text(value)
    if isinstance(value, (list, tuple)) or type(value).__name__ == "ndarray":
        return safe_text("; ".join(str(part) for part in value))
    return value


def _safe_name(name: Hashable) -> Hashable:
    return safe_text(name) if isinstance(name, str) else name
