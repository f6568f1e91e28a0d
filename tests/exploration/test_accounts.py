from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.exploration.accounts import account_histograms, profile_accounts, sample_accounts
from segmentation.exploration.binning import LINEAR, LOG1P, Bins, choose_bins
from segmentation.exploration.concentration import gini_of
from segmentation.exploration.correlation import feature_groups, rank_correlations
from segmentation.exploration.profiles import rounded


@pytest.fixture
def accounts() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "as_of": "2026-01-01",
            "account_id": list("abcdefgh"),
            "industry": ["Toys", "Toys", "Food", None, None, None, None, None],
            "split": "train",
            "fold": 0,
            "constant": 3.0,
            "rare": [0.0] * 7 + [1.0],
            "half": [0.0, 0, 0, 0, 0, 1, 2, 3],
            "gap": [1.0, 2, 3, 4, np.nan, np.nan, np.nan, np.nan],
            "os": ["Win"] * 6 + ["Mac", "Linux"],
        }
    )


def test_a_column_is_told_by_its_figures(accounts: pd.DataFrame) -> None:
    told = profile_accounts(accounts, near_constant=0.875).set_index("column_name")
    assert list(told.index) == ["industry", "constant", "rare", "half", "gap", "os"]
    assert told["remark"].where(told["remark"].notna(), None).to_dict() == {
        "industry": "mostly missing", "constant": "constant", "rare": "nearly constant", "half": "mostly zero",
        "gap": "mostly missing", "os": None,
    }  # fmt: skip
    half, gap, systems = (told.loc[name] for name in ("half", "gap", "os"))
    assert (half["minimum"], half["median"], half["maximum"], half["zero_share"]) == (0.0, 0.0, 3.0, 0.625)
    assert (half["mean"], half["top_share"], half["distinct_values"]) == (0.75, 0.625, 4)
    assert half["sd"] == pytest.approx(np.std([0, 0, 0, 0, 0, 1, 2, 3], ddof=1))
    assert (gap["rows"], gap["missing"], gap["missing_share"], gap["mean"]) == (8, 4, 0.5, 2.5)
    # mean absolute difference of 6, 1, 1: 20 over all nine pairs, over twice the mean of 8/3
    assert systems["gini"] == pytest.approx(20 / 9 / (2 * 8 / 3))
    assert (systems["kind"], systems["distinct_values"], systems["top_share"]) == ("text", 3, 0.75)


def test_what_only_other_dates_have_is_no_column_of_this_one(spark: SparkSession, accounts: pd.DataFrame) -> None:
    wider = spark.createDataFrame(accounts[["account_id", "half"]]).withColumns(
        {name: F.lit(None).cast("string") for name in ("industry", "filled_duration_share")}
    )
    sample = sample_accounts(wider, most=5)
    assert list(sample) == ["account_id", "half", "industry"]  # that nobody has a label is worth a word
    assert len(sample) == 5


def test_identifiers_and_folds_are_no_features(accounts: pd.DataFrame) -> None:
    names = {"as_of", "account_id", "split", "fold"}
    assert not names & set(profile_accounts(accounts, 0.99)["column_name"])
    assert not names & set(account_histograms(accounts, 4)["column_name"])


def test_bins_hold_every_value_once(accounts: pd.DataFrame) -> None:
    told = account_histograms(accounts, 3)
    half = told[told["column_name"] == "half"]
    assert half[["low", "high", "rows"]].to_numpy().tolist() == [[0, 1, 5], [1, 2, 1], [2, 3, 2]]
    assert told.groupby("column_name")["rows"].sum().to_dict() == {"constant": 8, "gap": 4, "half": 8, "rare": 8}
    assert len(told[told["column_name"] == "constant"]) == 1


def test_whole_numbers_stand_in_bins_of_their_own() -> None:
    assert Bins(0.0, 50.0, 50, LINEAR).of(np.arange(50.0)).tolist() == list(range(50))


def test_values_that_dwarf_the_others_get_a_logarithmic_scale() -> None:
    assert choose_bins(0.0, 1000.0, 3.0, 10).scale == LOG1P
    assert choose_bins(-1.0, 1000.0, 3.0, 10).scale == LINEAR
    assert choose_bins(0.0, 50.0, 3.0, 10).scale == LINEAR
    bins = Bins(0.0, 999.0, 3, LOG1P)
    assert bins.edges() == pytest.approx([0.0, 9.0, 99.0, 999.0])
    assert bins.of(np.array([0.0, 8.0, 10.0, 98.0, 100.0, 999.0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_gini_is_that_of_the_names_one_by_one() -> None:
    assert gini_of(np.array([5]), np.array([4])) == 0.0
    assert gini_of(np.array([0, 10]), np.array([9, 1])) == pytest.approx(0.9)
    one_by_one = gini_of(np.array([1, 2, 2, 7]), np.ones(4, dtype=np.int64))
    pairs = [abs(a - b) for a in (1, 2, 2, 7) for b in (1, 2, 2, 7)]
    assert one_by_one == pytest.approx(sum(pairs) / 16 / (2 * 3.0))
    assert gini_of(np.array([7, 1, 2]), np.array([1, 1, 2])) == pytest.approx(one_by_one)


def test_features_that_say_the_same_are_one_group() -> None:
    random = np.random.default_rng(3)
    use, other = random.normal(size=200), random.normal(size=200)
    frame = pd.DataFrame(
        {
            "account_id": [f"a{i}" for i in range(200)],
            "alone": other,
            "use": use,
            "use_exp": np.exp(use),  # the same order, so the same ranks
            "use_reversed": -use + random.normal(0, 0.1, 200),
            "constant": 1.0,
            "with_gap": np.where(use > 0, use, np.nan),
        }
    )
    told = feature_groups(frame, 0.9)
    assert told[["feature", "group_number", "size"]].to_numpy().tolist() == [
        ["use", 1, 3], ["use_exp", 1, 3], ["use_reversed", 1, 3], ["alone", 2, 1],
    ]  # fmt: skip
    assert told["representative"].tolist() == ["use", "use", "use", "alone"]
    assert told["correlation"].tolist()[:2] == [1.0, 1.0]
    assert told["correlation"][2] == pytest.approx(frame["use"].corr(frame["use_reversed"], method="spearman"))
    assert told["strongest"].tolist()[:3] == ["use_exp", "use", "use"]
    # nothing is alike enough for a threshold that nothing reaches but the twins
    assert feature_groups(frame, 1.0)["size"].tolist() == [2, 2, 1, 1]


def test_few_features_make_no_trouble() -> None:
    one = feature_groups(pd.DataFrame({"account_id": ["a", "b"], "x": [1.0, 2.0]}), 0.9)
    assert one.to_numpy().tolist() == [["x", 1, 1, "x", 1.0, None, None]]
    assert feature_groups(pd.DataFrame({"account_id": ["a"], "x": [1.0]}), 0.9).empty
    assert rank_correlations(pd.DataFrame({"x": [1.0, 3.0], "y": [2.0, 1.0]})).tolist() == [[1.0, -1.0], [-1.0, 1.0]]


def test_rounding_keeps_nine_digits() -> None:
    assert rounded(123456.7890123) == 123456.789
    assert rounded(0.000123456789123) == 0.000123456789
    assert rounded(None) is None
    assert rounded(0.0) == 0.0
