"""What may be filled in is measured on every labelled account, those of industries that cannot be learned included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segmentation.industries.calibration import fit_calibration
from segmentation.industries.evaluation import Slice
from segmentation.industries.findings import Compared, Findings, Seen, _evidence, find_out
from segmentation.industries.folds import Known
from segmentation.industries.labels import choose_labels
from segmentation.industries.result import Recipe
from segmentation.industries.selection import judge
from tests.industries.settings import industry_settings


def seen(small: int, like: str, given_test: bool = True, mistaken: tuple[int, ...] = ()) -> Seen:
    """60 labelled accounts each of Food and Toys, told apart without a mistake; `small` Wine ones look `like` one.

    The accounts `mistaken` look like the other industry.
    """
    industry = np.repeat(["Food", "Toys", "Wine"], [60, 60, small])
    number = np.arange(len(industry))
    split = np.where(given_test & (number % 5 == 0), "test", "train")
    labelled = pd.DataFrame({"industry": industry, "split": split, "fold": number % 3})
    labelled["account_id"] = [f"a{one:03d}" for one in number]
    labels = choose_labels(labelled, min_accounts=50)
    food = np.where(industry == "Wine", like == "Food", industry == "Food") ^ np.isin(number, mistaken)
    given = np.where(food[:, None], [0.99, 0.01], [0.01, 0.99])
    train = labelled[(labelled["split"] == "train") & (labelled["industry"] != "Wine")]
    actual = (train["industry"] == "Toys").to_numpy(dtype=np.int64)
    known = Known(tuple(train["account_id"]), actual, train[["fold"]].to_numpy().T)
    chosen = judge(Recipe("lasso", {}), given[train.index][None], known)
    others = pd.DataFrame({"account_id": ["u1"], "industry": [None], "split": "train", "fold": 0})
    answers = pd.concat([labelled, others], ignore_index=True)
    answers["probabilities"] = answers["raw_probabilities"] = [*given, np.array([0.99, 0.01])]
    curve = pd.DataFrame(columns=["share", "accounts", "industry", "auc"])
    return Seen(labels, known, chosen, answers, curve, fit_calibration(chosen.raw, known.actual))


def found(small: int, like: str, given_test: bool = True, mistaken: tuple[int, ...] = ()) -> Findings:
    one = seen(small, like, given_test, mistaken)
    labelled = one.answers["industry"].notna().to_numpy()
    looks = [given[0] > 0.5 for given in one.answers["probabilities"]]
    numbers = np.column_stack([looks, np.where(labelled, np.arange(len(labelled)), 0)]).astype(float)
    return find_out(one, Compared(numbers, labelled, ("x", "n")), industry_settings())


def test_without_strangers_both_industries_can_be_filled_in() -> None:
    one = found(small=0, like="Food")
    assert one.thresholds["Food"] is not None
    assert one.thresholds["Toys"] is not None
    assert not [note for note in one.notes if "too few labels" in note]


def test_a_fill_of_an_account_whose_industry_is_not_known_is_a_mistake() -> None:
    one = found(small=20, like="Food")
    assert one.thresholds["Food"] is None
    assert one.thresholds["Toys"] is not None
    assert one.decisions["decision"].tolist() == ["review"]
    loosest = one.coverage[one.coverage["industry"] == "Food"].iloc[-1]
    assert (loosest["filled"], loosest["precision"]) == (80, 60 / 80)
    assert one.notes[-2].startswith("20 labelled accounts of industries with too few labels: a mistake wherever")


def test_a_label_that_usage_contradicts_is_suspect_and_a_confusion() -> None:
    one = found(small=0, like="Food", mistaken=(1,))
    assert one.suspects[["account_id", "industry", "suggested"]].to_numpy().tolist() == [["a001", "Food", "Toys"]]
    confusion = one.confusion[["industry", "predicted", "accounts"]].to_numpy().tolist()
    assert confusion == [["Food", "Food", 47], ["Food", "Toys", 1], ["Toys", "Toys", 48]]


def test_how_far_probabilities_can_be_trusted_is_told_of_accounts_that_the_fit_has_not_seen() -> None:
    told = found(small=0, like="Food").calibrated
    assert set(told.lines["slice"]) == set(told.reliability["slice"]) == {"cv", "test"}


def test_no_test_account_is_no_obstacle() -> None:
    one = found(small=0, like="Food", given_test=False)
    reasons = one.metrics.loc[one.metrics["slice"] == "test", "reason"]
    assert set(reasons.dropna()) == {"no labelled account"}
    assert one.evidence.metrics_finite  # those that are missing have their reason


def test_an_infinite_metric_is_held_against_a_model() -> None:
    one, metrics = seen(small=0, like="Food"), found(small=0, like="Food").metrics
    part = Slice("test", one.known.actual, one.chosen.calibrated)
    assert _evidence(metrics, part, one.chosen, one.known, None).metrics_finite
    metrics.loc[0, "value"] = np.inf
    assert not _evidence(metrics, part, one.chosen, one.known, None).metrics_finite
