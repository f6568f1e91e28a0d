"""What may be filled in is measured on every labelled account, those of industries that cannot be learned included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from segmentation.industries.calibration import fit_calibration
from segmentation.industries.findings import Compared, Findings, Seen, find_out
from segmentation.industries.folds import Known
from segmentation.industries.labels import choose_labels
from segmentation.industries.result import Recipe
from segmentation.industries.selection import judge
from tests.industries.settings import industry_settings


def found(small: int, like: str, given_test: bool = True) -> Findings:
    """60 labelled accounts each of Food and Toys, told apart without a mistake; `small` Wine ones look `like` one."""
    industry = np.repeat(["Food", "Toys", "Wine"], [60, 60, small])
    number = np.arange(len(industry))
    split = np.where(given_test & (number % 5 == 0), "test", "train")
    labelled = pd.DataFrame({"industry": industry, "split": split, "fold": number % 3})
    labelled["account_id"] = [f"a{one:03d}" for one in number]
    labels = choose_labels(labelled, min_accounts=50)
    food = np.where(industry == "Wine", like == "Food", industry == "Food")
    given = np.where(food[:, None], [0.99, 0.01], [0.01, 0.99])
    train = labelled[(labelled["split"] == "train") & (labelled["industry"] != "Wine")]
    actual = (train["industry"] == "Toys").to_numpy(dtype=np.int64)
    known = Known(tuple(train["account_id"]), actual, train[["fold"]].to_numpy().T)
    chosen = judge(Recipe("lasso", {}), given[train.index][None], known)
    others = pd.DataFrame({"account_id": ["u1"], "industry": [None], "split": "train", "fold": 0})
    answers = pd.concat([labelled, others], ignore_index=True)
    answers["probabilities"] = answers["raw_probabilities"] = [*given, np.array([0.99, 0.01])]
    curve = pd.DataFrame(columns=["share", "accounts", "industry", "auc"])
    seen = Seen(labels, known, chosen, answers, curve, fit_calibration(chosen.raw, known.actual))
    numbers = np.column_stack([food[: len(labelled)], number]).astype(float)
    compared = Compared(np.vstack([numbers, [1.0, 0.0]]), answers["industry"].notna().to_numpy(), ("x", "n"))
    return find_out(seen, compared, industry_settings())


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


def test_no_test_account_is_no_obstacle() -> None:
    metrics = found(small=0, like="Food", given_test=False).metrics
    assert set(metrics.loc[metrics["slice"] == "test", "reason"].dropna()) == {"no labelled account"}
