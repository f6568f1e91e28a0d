"""Single cells on rows made by hand: what a walk of one date, with labels, does not reach."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from segmentation.reports import charts
from segmentation.stores.conf import load_settings
from segmentation.table import Table
from tests.notebooks.running import NOTEBOOKS, code_cells, read


def house(rows: dict[str, pd.DataFrame], *settings: str) -> SimpleNamespace:
    """What cells ask a House for, with these rows by table name."""

    def at(table: Table) -> pd.DataFrame:
        return rows[table.name]

    return SimpleNamespace(has=lambda table: table.name in rows, at=at, settings=load_settings("local", list(settings)))


def run_cells(notebook: str, *marks: str, **names: Any) -> dict[str, Any]:
    """Run the cells in which these words stand, in this order, on these names; what they leave."""
    (path,) = [path for path in NOTEBOOKS if path.stem.startswith(notebook)]
    for mark in marks:
        (source,) = [cell.source for cell in code_cells(read(path)) if mark in cell.source]
        exec(source, names)
    return names


def test_who_moved_is_told_by_the_method_that_speaks_first(capsys: pytest.CaptureFixture[str]) -> None:
    moves = pd.DataFrame(
        {"method": ["gmm", "gmm", "kmeans"], "previous_segment": [0, 1, 0], "same_model": [0, 1, 0],
         "segment": [0, 0, 0]}
    )  # fmt: skip
    summaries = pd.DataFrame({"method": ["gmm", "kmeans"], "segment": 0, "name": "All"})
    given = house({"segment_moves": moves}, "segments.methods=[kmeans, gmm]")
    run_cells("03", "moved by use", house=given, method="consensus", summaries=summaries, charts=charts, display=str)
    assert capsys.readouterr().out.startswith("kmeans: 1 accounts were there before")
