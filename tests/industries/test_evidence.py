from __future__ import annotations

import numpy as np
import pytest

from segmentation.industries.evidence import ablation, category_of, learning_curve
from segmentation.industries.folds import Known, plan_fits
from tests.industries.settings import industry_settings
from tests.models import planted

ACTUAL = np.repeat(np.array([0, 1], dtype=np.int64), [40, 20])
KNOWN = Known(tuple(f"a{number:02d}" for number in range(60)), ACTUAL, np.arange(60)[None, :] % 2)


def answers(noise: float, seed: int = 0) -> np.ndarray:
    score = np.where(ACTUAL == 0, 1.0, -1.0) + noise * np.random.default_rng(seed).normal(size=60)
    of_first = 1.0 / (1.0 + np.exp(-score))
    return np.column_stack([of_first, 1.0 - of_first])


def test_the_learning_curve_says_from_how_many_accounts_of_the_industry_an_auc_comes() -> None:
    fits = plan_fits(KNOWN, industry_settings(learning_shares=[0.3]))
    curve = learning_curve({1.0: answers(0.1), 0.3: answers(5.0)}, KNOWN, fits, ["Food", "Toys"])
    assert curve[["share", "accounts", "industry"]].to_numpy().tolist() == [
        [0.3, 6.0, "Food"], [0.3, 3.0, "Toys"], [1.0, 20.0, "Food"], [1.0, 10.0, "Toys"],
    ]  # fmt: skip
    assert curve["auc"].tolist()[2:] == [1.0, 1.0]
    assert curve["auc"][0] == pytest.approx(curve["auc"][1]) != 1.0


def test_a_category_is_worth_what_the_auc_loses_without_it() -> None:
    whole = answers(1.0)
    table = ablation(whole, {"System": whole, "Document": answers(20.0)}, {"System": 3, "Document": 7}, KNOWN, 200, 1)
    assert table["category"].tolist() == ["Document", "System"]
    assert table["features"].tolist() == [7, 3]
    document, system = table.to_dict("records")
    assert document["low"] > 0.1
    assert document["low"] < document["loss"] < document["high"]
    # the same accounts are drawn for both, so that equal answers differ by nothing at all
    assert (system["loss"], system["low"], system["high"]) == (0.0, 0.0, 0.0)
    assert document["macro_auc"] + document["loss"] == pytest.approx(system["macro_auc"])


def test_places_of_the_vector_belong_to_the_category_of_their_feature() -> None:
    features = [*planted.usage_features(), planted.feature("kind", category="System", fill="Other")]
    names = ["all_rows_year", "document_share_year", "constant", "dominant_os = Mac", "kind = a = b", "constant = 0"]
    assert category_of(names, features) == [None, "Document", None, None, "System", None]
