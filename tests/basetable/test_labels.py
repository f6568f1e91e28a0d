"""Labels picked, tidied and merged; errors that say what to do."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.basetable.labels import (
    AccountCounts,
    count_accounts,
    count_dropped,
    label_accounts,
    labels_of_nobody,
    require_classes,
)
from segmentation.errors import InputProblem, LackingData


def make_accounts(spark: SparkSession, labels: dict[str, str | None]) -> DataFrame:
    return spark.createDataFrame(list(labels.items()), "account_id string, branch string").selectExpr("*", "1 as size")


@pytest.fixture(scope="module")
def accounts(spark: SparkSession) -> DataFrame:
    return make_accounts(spark, {"a": " Print ", "b": "", "c": None, "d": "Sign", "e": "Label", "f": "  "})


def industries(labelled: DataFrame) -> dict[str, str | None]:
    return {row.account_id: row.industry for row in labelled.collect()}


def test_labels_are_trimmed_and_blank_ones_missing(accounts: DataFrame) -> None:
    expected = {"a": "Print", "b": None, "c": None, "d": "Sign", "e": "Label", "f": None}
    assert industries(label_accounts(accounts, "branch", {})) == expected


def test_white_space_keeps_no_labels_apart(spark: SparkSession) -> None:
    typed = {"a": "Sign  Makers", "b": "Sign\u00a0Makers", "c": "Sign Makers\t", "d": "Sign\rMakers", "e": "\u00a0"}
    labels = make_accounts(spark, typed)
    assert industries(label_accounts(labels, "branch", {})) == dict.fromkeys("abcd", "Sign Makers") | {"e": None}
    groups = {"Makers": (" Sign\tMakers",)}
    assert set(industries(label_accounts(labels, "branch", groups)).values()) == {"Makers", None}
    assert labels_of_nobody(labels, "branch", groups) == []


def test_groups_merge_labels_and_a_star_takes_the_rest(accounts: DataFrame) -> None:
    groups = {"Big": ("Print", "Sign"), "Rest": ("*",)}
    expected = {"a": "Big", "b": None, "c": None, "d": "Big", "e": "Rest", "f": None}
    assert industries(label_accounts(accounts, "branch", groups)) == expected
    # whoever is labelled by a group's own name is of it, star or not
    groups = {"Sign": ("Print",), "Rest": ("*",)}
    assert industries(label_accounts(accounts, "branch", groups)) == expected | {"a": "Sign", "d": "Sign"}
    groups = {"Sign": ("Print",), "Big": ("Sign",), "Rest": ("*",)}
    told = industries(label_accounts(accounts, "branch", groups))
    assert (told["a"], told["d"], told["e"]) == ("Sign", "Big", "Rest")  # but where another group claims it


def test_a_label_no_group_names_stays(accounts: DataFrame) -> None:
    assert industries(label_accounts(accounts, "branch", {"Big": ("Print",)}))["e"] == "Label"


def test_a_label_claimed_twice_is_an_error(accounts: DataFrame) -> None:
    with pytest.raises(InputProblem, match="both 'x' and 'y' claim the label 'Print'"):
        label_accounts(accounts, "branch", {"x": ("Print",), "y": ("Print",)})


def test_labels_that_no_account_has_are_named_in_their_order(accounts: DataFrame) -> None:
    groups = {"Big": ("Sing", " Print "), "Small": ("Label", "Box"), "Rest": ("*",)}
    assert labels_of_nobody(accounts, "branch", groups) == ["Sing", "Box"]
    assert labels_of_nobody(accounts, "branch", {"Rest": ("*",)}) == []


def test_an_unknown_column_is_an_error_that_names_those_there_are(accounts: DataFrame) -> None:
    with pytest.raises(InputProblem, match="no column 'industry' to take labels from; it has branch, size"):
        label_accounts(accounts, "industry", {})


def test_accounts_are_counted_on_both_sides(spark: SparkSession, accounts: DataFrame) -> None:
    features = spark.createDataFrame([("a",), ("b",), ("z",)], "account_id string")
    counts = count_accounts(features, label_accounts(accounts, "branch", {}))
    assert counts == AccountCounts(with_features=3, labelled=1, in_file_without_usage=4, not_in_file=1)


def test_of_accounts_left_out_those_with_a_label_are_counted_apart(spark: SparkSession, accounts: DataFrame) -> None:
    dropped = spark.createDataFrame([("a", 0.9), ("b", 0.9), ("z", 1.0)], "account_id string, missing_share double")
    assert count_dropped(dropped, label_accounts(accounts, "branch", {})) == (3, 1)


def test_an_account_listed_twice_is_an_error(accounts: DataFrame) -> None:
    labelled = label_accounts(accounts.union(accounts.where("account_id = 'd'")), "branch", {})
    with pytest.raises(InputProblem, match="more than once: d"):
        count_accounts(labelled, labelled)


def test_classes_are_counted_and_one_is_too_few(accounts: DataFrame) -> None:
    labelled = label_accounts(accounts, "branch", {})
    assert require_classes(labelled) == {"Label": 1, "Print": 1, "Sign": 1}
    with pytest.raises(LackingData, match="every labelled account is 'Sign'"):
        require_classes(labelled.where("account_id in ('d', 'b')"))
    with pytest.raises(LackingData, match="no account with usage carries a label"):
        require_classes(labelled.where("industry is null"))
