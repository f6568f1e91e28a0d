"""Which refused files still wait for somebody."""

from __future__ import annotations

import datetime as dt

from segmentation.events.refusals import Entry, waiting


def entry(day: int, path: str, content: str, reason: str | None = None) -> Entry:
    return Entry(path, content, "refused" if reason else "read", reason, dt.datetime(2025, 3, day))


def test_a_file_waits_until_its_path_or_its_content_is_read() -> None:
    entries = [
        entry(1, "mended", "m1", "bad_header: 1"), entry(2, "mended", "m2"),
        entry(1, "renamed", "r", "missing_column: time"), entry(2, "other name", "r"),
        entry(1, "twin a", "t", "missing_column: time"), entry(1, "twin b", "t", "missing_column: time"),
        entry(3, "back", "b1", "not_utf8: x"), entry(2, "back", "b2"), entry(1, "back", "b1", "not_utf8: x"),
        entry(1, "by another rule", "o", "bad_header: 1"), entry(2, "by another rule", "o", "missing_column: time"),
        entry(3, "by another rule", "o", "bad_header: 1"),
        entry(1, "fine", "f"),
    ]  # fmt: skip
    found = [(one.path, one.ingested_at.day) for one in waiting(entries)]
    assert found == [("back", 3), ("by another rule", 3), ("twin a", 1), ("twin b", 1)]
