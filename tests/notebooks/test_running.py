"""The notebooks run in a kernel of their own, on what `segmentation run` leaves, and leave nothing themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

from segmentation.notebook import House, open_house
from segmentation.schemas import INDUSTRY_CARDS, LEDGER, SEGMENT_SUMMARIES
from tests.notebooks.running import NOTEBOOKS, code_cells, images, printed, run

#: figures that each draws on the walk's tables at least
FIGURES = {"01_logs": 7, "02_basetable": 4, "03_segments": 5, "04_industries": 4, "05_what_to_do_next": 0}


def files(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime for path in folder.rglob("*") if path.is_file()}


def complaints(notebook: NotebookNode) -> list[str]:
    """What stands on standard error, but for what Java says of itself."""
    streams = [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type == "stream"]
    lines = "".join(output.text for output in streams if output.name == "stderr").splitlines()
    expected = re.compile(r"^WARNING: (Using incubator|A \w+ method|sun\.|Use --enable|.*terminally)|^\s*$")
    return [line for line in lines if not expected.search(line)]


@pytest.fixture(scope="module")
def house(walked: Path) -> House:
    return open_house(walked)


def test_all_five_tell_what_the_tables_hold(walked: Path, house: House) -> None:
    before = files(walked)
    notebook = run(NOTEBOOKS, walked)
    told = printed(notebook)
    assert told.count("as of 2026-01-01: ") == len(NOTEBOOKS)
    assert images(notebook) >= sum(FIGURES.values())
    assert complaints(notebook) == []
    assert files(walked) == before
    # the log: rows in, as the ledger counts them
    assert re.search(rf"rows_in\s+{house.at(LEDGER)['rows_in'].sum()}\s+1\.0", told)
    # the basetable: one feature counted by hand from the rows
    by_hand = re.search(r"days counted from the raw rows\s+(\d+)", told)
    in_table = re.search(r"document_active_days_year in the basetable\s+(\d+)", told)
    assert by_hand
    assert in_table
    assert int(by_hand[1]) == int(in_table[1]) > 0
    # segments: as many as the tables have, each with its sentence
    summaries = house.at(SEGMENT_SUMMARIES)
    lead = summaries[summaries["method"] == house.lead_method]
    assert f"{house.lead_method}: {(lead['accounts'] > 0).sum()} segments" in told
    assert [sentence for sentence in lead["sentence"] if sentence not in told] == []
    # industries: every card
    assert [name for name in house.at(INDUSTRY_CARDS)["industry"] if name not in told] == []
    # what to do: which commands are still to come
    assert "run `segmentation churn --as-of 2026-01-01`" in told


@pytest.mark.slow
def test_what_is_wrong_is_one_line_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENTATION_JARS", str(tmp_path))
    with pytest.raises(CellExecutionError, match=r"EnvironmentProblem: Delta's jars .* fetch them by") as stopped:
        run(NOTEBOOKS[:1], tmp_path)
    assert "Traceback" not in str(stopped.value)
    assert 'File "' not in str(stopped.value)


@pytest.mark.long
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_runs_alone(walked: Path, path: Path) -> None:
    notebook = run([path], walked)
    assert images(notebook) >= FIGURES[path.stem]
    assert complaints(notebook) == []
