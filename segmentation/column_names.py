"""Names of columns in SQL, whatever characters a log's own are made of."""

from __future__ import annotations

import re


def quoted(name: str) -> str:
    """The name between backticks: without them Spark takes a dot for a step into a struct."""
    return "`" + name.replace("`", "``") + "`"


def mentions(sql: str, column: str) -> bool:
    """Whether SQL speaks of a column. A word inside a quoted text counts too, which errs on one side."""
    bare, between = re.escape(column), re.escape(quoted(column))
    return re.search(rf"(?<![\w`]){bare}(?![\w`])|{between}", sql, re.IGNORECASE) is not None
