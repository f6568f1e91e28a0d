from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from segmentation.segments.attributes import Category, Number, read_attributes
from segmentation.segments.naming import told_by_segment
from segmentation.segments.profiles import COLUMNS, eta_squared, hedges_g, profile, share_difference


def row(table: pd.DataFrame, segment: int, feature: str) -> dict[str, float]:
    [found] = table[(table["segment"] == segment) & (table["feature"] == feature)].to_dict("records")
    return {str(name): value for name, value in found.items()}


@pytest.fixture(scope="module")
def values() -> pd.DataFrame:
    """Sixty accounts in two segments: `cut` tells them apart, so does `late` (held out); `noise` does not."""
    random = np.random.default_rng(3)
    half = np.repeat([0.0, 1.0], 30)
    columns = {"cut": 3 * half, "late": 1.5 * half, "noise": 0 * half}
    frame = pd.DataFrame({name: shift + random.normal(0, 1, 60) for name, shift in columns.items()})
    return frame.assign(same=1.0).set_axis([f"a{i}" for i in range(60)])


SEGMENTS = np.repeat([0, 1], 30)


@pytest.mark.parametrize("unit", [1.0, 10.0])
def test_hedges_g_is_cohens_d_corrected_for_small_samples(unit: float) -> None:
    # means 4 and 2, both variances 1: d = 2 in any unit, 6 accounts: J = 1 - 3 / 15
    g, low, high = hedges_g(unit * np.array([[3.0], [4], [5], [1], [2], [3]]), np.array([True] * 3 + [False] * 3))
    assert g[0] == pytest.approx(1.6)
    error = np.sqrt(6 / 9 + 1.6**2 / 12)
    assert [low[0], high[0]] == pytest.approx([1.6 - 1.959964 * error, 1.6 + 1.959964 * error])


def test_hedges_g_leaves_out_what_is_missing_and_what_has_no_spread() -> None:
    matrix = np.array([[3.0, 1], [4, 1], [5, 1], [np.nan, 1], [1, 2], [2, 2], [3, 2]])
    g, _, _ = hedges_g(matrix, np.array([True] * 4 + [False] * 3))
    assert g[0] == pytest.approx(1.6)
    # nothing varies within: -1 over a tenth of the standard deviation of all seven, sqrt(2 / 7), and J = 1 - 3 / 19
    assert g[1] == pytest.approx(-10 * (16 / 19) * np.sqrt(7 / 2))
    # nor do three times a tenth, whose mean is a little more
    tenths = np.array([[0.1]] * 3 + [[0.0]] * 20)
    assert hedges_g(tenths, tenths[:, 0] > 0)[0][0] == pytest.approx(10 * (1 - 3 / 83) * np.sqrt(22 * 23 / 60))
    # one account that is a little off changes little, and who is told apart less well has less
    whole, nearly = np.repeat([1.0, 0.0], 30), np.array([0.99] + [1.0] * 29 + [0.0] * 30)
    noisy = whole + np.tile([-0.3, 0.3], 30)
    best, next_to, least = hedges_g(np.column_stack([whole, nearly, noisy]), whole > 0)[0]
    assert best == pytest.approx(next_to, rel=0.01)
    assert least < 0.3 * best
    same = np.array([[0.1]] * 3 + [[0.30000000000000004 / 3]] * 20)
    assert np.isnan(hedges_g(same, np.arange(23) < 3)[0][0])


def test_eta_squared_is_the_share_between() -> None:
    matrix = np.array([[1.0, 0], [3, 1], [5, 0], [7, 1], [99, 9]])
    # 20 in all: 16 between means 2 and 6; the account in no segment counts nowhere
    np.testing.assert_allclose(eta_squared(matrix, np.array([0, 0, 1, 1, -1])), [0.8, 0.0])


def test_difference_of_shares_has_newcombes_interval() -> None:
    # the worked example (a) of Newcombe (1998): 56/70 against 48/80
    difference, low, high = share_difference((56, 70), (48, 80))
    assert difference == pytest.approx(0.2)
    assert [low, high] == pytest.approx([0.0524, 0.3339], abs=5e-5)


def test_only_what_was_not_clustered_on_is_tested(values: pd.DataFrame) -> None:
    table = profile(values, SEGMENTS, {"late", "noise"})
    assert tuple(table.columns) == COLUMNS
    assert sorted(set(table["feature"])) == ["cut", "late", "noise"]  # `same` tells nothing
    cut, late = row(table, 1, "cut"), row(table, 1, "late")
    assert cut["low"] > 0
    assert np.isnan(cut["p_value"])
    assert np.isnan(cut["q_value"])
    inside, others = values["late"][30:], values["late"][:30]
    assert late["p_value"] == pytest.approx(stats.mannwhitneyu(inside, others, method="asymptotic").pvalue)
    assert late["centre"] == pytest.approx(inside.mean())
    assert late["effect"] == pytest.approx(-row(table, 0, "late")["effect"])
    assert row(table, 0, "noise")["q_value"] > 0.05


def test_what_is_not_defined_for_an_account_counts_on_neither_side(values: pd.DataFrame) -> None:
    """Ten accounts that never used a category have no share of weekends there: they are not those with a low one."""
    gaps = values.copy()
    gaps.loc["a30":"a39", ["cut", "late"]] = np.nan  # type: ignore[misc]
    found = profile(gaps, SEGMENTS, {"late"})
    known = profile(values.drop(index=gaps.index[30:40]), np.delete(SEGMENTS, range(30, 40)), {"late"})
    for feature in ("cut", "late"):
        for segment in (0, 1):
            told, expected = row(found, segment, feature), row(known, segment, feature)
            figures = ("centre", "effect", "low", "high", "p_value", "importance")
            assert [told[name] for name in figures] == pytest.approx([expected[name] for name in figures], nan_ok=True)


def test_what_is_defined_on_one_side_alone_has_no_effect_and_no_test(values: pd.DataFrame) -> None:
    found = profile(values.assign(late=values["late"].where(SEGMENTS == 0)), SEGMENTS, {"late", "noise"})
    for segment in (0, 1):
        assert np.isnan([row(found, segment, "late")[name] for name in ("effect", "low", "high", "q_value")]).all()
        assert row(found, segment, "noise")["q_value"] >= 0
    assert np.isnan(row(found, 1, "late")["centre"])
    assert not [one for told in told_by_segment(found).values() for one in told if one.feature == "late"]


def test_q_values_are_over_all_tests_at_once(values: pd.DataFrame) -> None:
    table = profile(values, SEGMENTS, {"late", "noise"})
    tested = table[table["p_value"].notna()]
    assert len(tested) == 4
    np.testing.assert_allclose(tested["q_value"], stats.false_discovery_control(tested["p_value"]))


def test_by_chance_alone_no_more_holds_than_the_level_allows() -> None:
    random = np.random.default_rng(11)
    found = []
    for _ in range(20):
        noise = pd.DataFrame(random.normal(0, 1, (90, 10))).rename(columns="f{}".format)
        table = profile(noise, random.integers(0, 3, 90), set(noise.columns))
        found.append(bool((table["q_value"] <= 0.05).any()))
    assert np.mean(found) <= 0.2  # 5 % expected; 5 or more of 20 has a chance of 0.3 %


def test_attributes_are_tested_by_value_over_the_accounts_that_have_one(values: pd.DataFrame) -> None:
    land = ["DE"] * 20 + ["FR"] * 10 + ["DE"] * 5 + ["FR"] * 15 + [None] * 10
    attributes = pd.DataFrame({"account_id": values.index, "land": land, "noted": "2024-05-01"})
    table = profile(values, SEGMENTS, (), attributes)
    german = row(table, 0, "land = DE")
    assert german["centre"] == pytest.approx(2 / 3)
    assert german["effect"] == pytest.approx(2 / 3 - 1 / 4)
    assert german["held_out"]
    assert german["p_value"] == pytest.approx(stats.fisher_exact([[20, 10], [5, 15]]).pvalue)
    assert not any("noted" in name for name in table["feature"])


def test_a_numeric_attribute_is_tested_like_a_held_out_feature(values: pd.DataFrame) -> None:
    seats = [str(i) + ".5" for i in range(60)]
    seats[0] = ""
    attributes = pd.DataFrame({"seats": seats}, index=values.index)
    found = row(profile(values, SEGMENTS, (), attributes), 1, "seats")
    assert found["centre"] == pytest.approx(np.arange(30, 60).mean() + 0.5)
    assert found["q_value"] < 0.001


def test_an_attribute_called_like_a_feature_is_told_by_another_name(values: pd.DataFrame) -> None:
    attributes = pd.DataFrame({"cut": [f"{i}.5" for i in range(60)], "same": ["S", "M"] * 30}, index=values.index)
    table = profile(values, SEGMENTS, (), attributes)
    assert not table.duplicated(["segment", "feature"]).any()
    assert row(table, 1, "cut")["centre"] == pytest.approx(values["cut"][30:].mean())
    assert row(table, 1, "accounts file: cut")["centre"] == pytest.approx(np.arange(30, 60).mean() + 0.5)
    assert row(table, 1, "accounts file: same = M")["held_out"]  # also where the feature has no row of its own


def test_accounts_in_no_segment_are_among_the_others(values: pd.DataFrame) -> None:
    segments = np.where(np.arange(60) < 10, -1, SEGMENTS)
    table = profile(values, segments, {"late"})
    assert set(table["segment"]) == {0, 1}
    others = values["late"].to_numpy()[segments != 1]
    expected = stats.mannwhitneyu(values["late"][30:], others, method="asymptotic").pvalue
    assert row(table, 1, "late")["p_value"] == pytest.approx(expected)


def test_one_segment_alone_has_no_others() -> None:
    table = profile(pd.DataFrame({"f": [1.0, 2, 3]}), np.zeros(3, dtype=int), {"f"})
    assert table["effect"].isna().all()
    assert table["q_value"].isna().all()


def test_columns_that_identify_or_date_are_no_attributes() -> None:
    n = 40
    frame = pd.DataFrame({
        "number": [str(1000 + i) for i in range(n)], "name": [f"Company {i}" for i in range(n)],
        "since": ["03.04.2021"] * 20 + ["2020-01-01"] * 20, "one": "x", "size": ["S", "M"] * 20,
        "revenue": [f"{i / 7:.3f}" for i in range(n)], "rare": ["big"] * 37 + ["odd"] * 3,
    })  # fmt: skip
    read = {one.name: one for one in read_attributes(frame, list(range(n)))}
    assert sorted(read) == ["rare", "revenue", "size"]
    assert isinstance(read["revenue"], Number)
    assert isinstance(read["rare"], Category)
    assert read["rare"].shown == ("big",)  # three accounts are too few for a row
    assert isinstance(read["size"], Category)
    assert read["size"].shown == ("M", "S")


def test_many_words_are_no_numbers_and_few_are_unknown_ones() -> None:
    frame = pd.DataFrame({
        "country": [f"C{n % 20:02}" for n in range(200)],
        "plan": ["free"] * 100 + [str(n % 30) for n in range(100)],
        "revenue": ["n/a"] * 20 + [str(n / 7) for n in range(180)],
    })  # fmt: skip
    country, plan, revenue = read_attributes(frame, list(range(200)))
    assert isinstance(country, Category)
    assert country.shown == tuple(f"C{n:02}" for n in range(12))
    assert isinstance(plan, Category)
    assert plan.shown[0] == "free"
    assert isinstance(revenue, Number)  # but for a tenth that is not known
    assert np.isnan(revenue.values).sum() == 20


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="2 accounts, but 1 segments"):
        profile(pd.DataFrame({"f": [1.0, 2.0]}), np.array([0]), ())
