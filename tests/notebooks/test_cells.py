"""Single cells on rows made by hand: what a walk of one date, with labels, does not reach."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from segmentation.reports import charts
from segmentation.schemas import SEGMENTS
from segmentation.segments.placing import lead_method
from segmentation.stores.conf import load_settings
from segmentation.stores.made_by import made_by
from segmentation.table import Table
from tests.notebooks.running import NOTEBOOKS, code_cells, read


def house(rows: dict[str, pd.DataFrame], *settings: str) -> SimpleNamespace:
    """What cells ask a House for, with these rows by table name."""

    def at(table: Table, method: str | None = None) -> pd.DataFrame:
        found = rows[table.name]
        return found if method is None else found[found["method"] == method]

    def lead_of(table: Table) -> str:
        lead = lead_method(set(rows[table.name]["method"]), read_by.segments.methods)
        assert lead is not None
        return lead

    read_by = load_settings("local", list(settings))
    return SimpleNamespace(
        has=lambda table: table.name in rows,
        at=at,
        lead_of=lead_of,
        advice=lambda table: f"run `segmentation {made_by(table.name)}`",
        basetable=rows.get("basetable"),
        settings=read_by,
        industry_warning=None,
    )


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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["first", "first"], "these are the first segments: nobody can have moved yet"),
        (["kept", "merged"], "who moved is not known: no earlier model could be asked, or the"),
    ],
)
def test_that_nobody_can_have_moved_is_said_of_first_segments_alone(
    capsys: pytest.CaptureFixture[str], changes: list[str], said: str
) -> None:
    run_cells("03", "moved by use", house=house({}), summaries=pd.DataFrame({"change": changes}))
    assert capsys.readouterr().out.startswith(said)


def test_methods_are_compared_with_one_that_has_segments_today(capsys: pytest.CaptureFixture[str]) -> None:
    """What has only ended ones has nobody in it."""
    summaries = pd.DataFrame({"method": ["consensus", "bisecting", "kmeans"], "accounts": [2, 0, 2]})
    segments = pd.DataFrame(
        {"account_id": ["a", "b", "a", "b"], "method": ["consensus"] * 2 + ["kmeans"] * 2, "segment": [0, 1, 3, 4]}
    )
    names = {"members": segments.head(2), "method": "consensus", "SEGMENTS": SEGMENTS, "pd": pd, "display": print}
    run_cells("03", "crosstab(both[method]", house=house({"segments": segments}), summaries=summaries, **names)
    assert capsys.readouterr().out.split() == ["kmeans", "3", "4", "consensus", "0", "1", "0", "1", "0", "1"]


def test_a_label_that_was_corrected_is_not_looked_at_again(capsys: pytest.CaptureFixture[str]) -> None:
    suspects = pd.DataFrame({"account_id": ["a", "b"], "industry": ["Signs", "Signs"], "margin": [0.9, 0.5]})
    basetable = pd.DataFrame({"account_id": ["a", "b"], "industry": ["Labels", "Signs"]})
    run_cells("04", "labels to look at", house=house({"industry_suspects": suspects, "basetable": basetable}), pd=pd)
    assert capsys.readouterr().out == "1 labels to look at\n"


@pytest.mark.parametrize("late", [0.0, 45.0])
def test_without_industries_there_are_customers_to_reach_out_to(
    capsys: pytest.CaptureFixture[str], late: float
) -> None:
    """Whenever the logs end, silence counts from there on."""
    rfm = pd.DataFrame(
        {"account_id": ["a", "b", "c", "d"], "recency_days": [late + days for days in (30.0, 0.0, 5.0, 29.0)],
         "active_days": 9.0, "rows_year": 90.0,
         "label": ["fading", "active and heavy", "active and light", "regular and light"]}
    )  # fmt: skip
    quarters = {"all_rows_q1": [1.0, 50.0, 9.0, 10.0], "all_rows_q2": [90.0, 80.0, 9.0, 50.0]}
    given = house({"account_rfm": rfm, "basetable": pd.DataFrame({"account_id": rfm["account_id"], **quarters})})
    marks = ("promised(", "fillable", "verdicts", "rare =", "are fading", "all_rows_q1")
    left = run_cells("05", *marks, house=given)
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "there is nothing to fill in or to review yet: run `segmentation industry`",
        "1 accounts are fading",
        "2 of 3 accounts seen in the last 30 days of the logs have fewer rows",
    ]
    assert left["dropped"]["account_id"].tolist() == ["d", "b"]  # a is on the other list, c has not lost anything
    assert left["dropped"]["lost"].tolist() == [40.0, 30.0]


def test_where_every_account_has_an_industry_nobody_is_told_to_train(capsys: pytest.CaptureFixture[str]) -> None:
    cards = pd.DataFrame({"industry": ["Labels"], "precision_low": [0.9], "fillable": [0]})
    run_cells("05", "promised(", "fillable", "verdicts", "rare =", house=house({"industry_cards": cards}))
    assert capsys.readouterr().out.startswith("every account has an industry already")
