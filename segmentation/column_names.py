"""Names of columns in SQL, whatever characters a log's own are made of."""

from __future__ import annotations


def quoted(name: str) -> str:
    """The name between backticks: without them Spark takes a dot for a step into a struct."""
    return "`" + name.replace("`", "``") + "`"
