"""The house as notebooks see it: published tables, one date, no way to write."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.errors import EnvironmentProblem, InputProblem
from segmentation.features.trace import cube_behind, rows_behind
from segmentation.notebook import House, open_house
from segmentation.schemas import (
    ACTIVITY,
    CHURN_SCORES,
    EVENTS,
    INDUSTRY_FILL,
    LEDGER,
    SEGMENT_MOVES,
    SEGMENTS,
    TOKEN_FEATURES,
    TOKENS,
)
from segmentation.stores.conf import ConfError
from segmentation.stores.tables import MissingTable
from tests.walk import AS_OF


@pytest.fixture(scope="module")
def house(walked: Path, spark: SparkSession) -> House:
    return open_house(walked)


def test_it_speaks_for_the_latest_date(house: House) -> None:
    assert house.as_of == AS_OF
    assert house.basetable["account_id"].is_monotonic_increasing
    assert house.basetable["account_id"].is_unique
    assert [feature.name for feature in house.features] == [c for c in house.basetable if c not in NOT_FEATURES]


NOT_FEATURES = ("as_of", "account_id", "industry", "split", "fold")


def test_a_table_of_the_date_comes_as_pandas_in_the_order_of_its_key(house: House) -> None:
    segments = house.at(SEGMENTS)
    assert list(segments.columns) == [name for name in SEGMENTS.columns.names if name != "as_of"]
    keys = list(zip(segments["account_id"], segments["method"], strict=True))
    assert keys == sorted(keys)
    assert len(keys) == house.read(SEGMENTS).count()
    assert house.lead_method == "consensus"
    assert house.cautions == ()
    assert str(house.industry_warning).startswith("The gate refused the industry model industry/1. Its guesses are")
    assert set(house.at(SEGMENTS, "kmeans")["method"]) == {"kmeans"}


def test_a_table_without_dates_comes_whole(house: House) -> None:
    assert house.at(LEDGER)["rows_in"].sum() == house.read(EVENTS).count()


def test_what_is_missing_names_its_command(house: House) -> None:
    assert not house.has(CHURN_SCORES)
    assert not house.has(SEGMENT_MOVES)  # it is there, without rows of the only date
    with pytest.raises(MissingTable, match=r"no table churn_scores .* run `segmentation churn`"):
        house.at(CHURN_SCORES)
    with pytest.raises(MissingTable, match=r"segment_moves has no rows as of 2026-01-01: run `segmentation seg"):
        house.at(SEGMENT_MOVES)
    with pytest.raises(MissingTable, match=r"segment_moves has no rows as of 2026-01-01: run `segmentation seg"):
        house.lead_of(SEGMENT_MOVES)
    with pytest.raises(MissingTable, match="segments has no rows of method 'ward2' as of 2026-01-01"):
        house.at(SEGMENTS, "ward2")


def test_of_a_refused_model_nothing_is_filled_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = house.at(INDUSTRY_FILL)
    sure = stored["account_id"] == stored["account_id"].iloc[0]
    monkeypatch.setattr(house, "at", lambda table: stored.assign(decision=stored["decision"].mask(sure, "fill")))
    decided = house.open_fills()
    assert set(decided["decision"]) == {"review"}
    assert set(decided["account_id"]) == set(house.basetable.loc[house.basetable["industry"].isna(), "account_id"])
    monkeypatch.setattr(house, "_models", house._models.assign(refused=None, reasons=[[]], gate="passed"))
    assert house.open_fills()["decision"].value_counts()["fill"] == 1


def test_a_feature_is_known_by_its_name(house: House) -> None:
    assert house.feature("document_rows_year").meaning == "Log rows of Document in the last twelve months."
    with pytest.raises(InputProblem, match="no feature 'document_row_year'"):
        house.feature("document_row_year")


def test_an_odd_date_is_refused_when_it_is_first_needed(walked: Path, spark: SparkSession) -> None:
    assert open_house(walked, as_of=dt.date(2026, 1, 1)).as_of == AS_OF
    with pytest.raises(InputProblem, match=r"no basetable as of 2024-01-01 \(there is 2026-01-01\)"):
        _ = open_house(walked, as_of="2024-01-01").as_of
    with pytest.raises(ConfError, match="first day of a month"):
        open_house(walked, as_of="2024-01-15")
    with pytest.raises(ConfError, match=r"segments\.kmax: unknown key"):
        open_house(walked, settings=["segments.kmax=3"])


def test_a_place_without_tables_is_one_line(tmp_path: Path, spark: SparkSession) -> None:
    with pytest.raises(MissingTable, match=r"there are no tables at .*: run `segmentation run`") as refused:
        open_house(tmp_path)
    assert refused.value._render_traceback_() == [f"MissingTable: {refused.value}"]
    assert list(tmp_path.iterdir()) == []


def test_problems_of_the_machine_are_one_line_too() -> None:
    assert EnvironmentProblem("no Java")._render_traceback_() == ["EnvironmentProblem: no Java"]


def test_more_rows_than_a_notebook_can_hold_are_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segmentation.notebook.MOST_ROWS", 100)
    with pytest.raises(InputProblem, match="industry_fill has more than 100 rows"):
        house.at(INDUSTRY_FILL)


def test_the_rows_behind_a_feature_count_up_to_it(house: House) -> None:
    """Of an account with a token that was logged under two accounts, and of the busiest one."""
    shared = house.read(TOKENS).where(F.size("accounts") > 1).orderBy("token").first()
    busiest = house.basetable.sort_values("document_rows_year")["account_id"].iloc[-1]
    events, token_features = house.read(EVENTS), house.read(TOKEN_FEATURES)
    for account in (shared["account_id"], busiest):
        line = house.basetable.set_index("account_id").loc[account]
        rows = rows_behind(events, token_features, account, "Document", AS_OF)
        found = rows.agg(F.count(F.lit(1)), F.count_distinct("event_date"), F.max("duration_s")).first()
        assert found[0] == line["document_rows_year"]
        assert found[1] == line["document_active_days_year"]
        assert (found[2] or 0.0) == line["document_duration_max_year"]
    cube = cube_behind(house.read(ACTIVITY), rows, "Document", AS_OF)
    assert cube.agg(F.sum("rows")).first()[0] == found[0] > 0
