from __future__ import annotations

import numpy as np
import pytest

from segmentation.industries.shift import COLUMNS, Shift, shift

NAMES = [f"f{place}" for place in range(12)]


def compared(by: float, accounts: int = 400, seed: int = 3) -> Shift:
    """40 % labelled; their f3 and f7 are higher by so many standard deviations; f0 is constant."""
    random = np.random.default_rng(seed)
    labelled = random.random(accounts) < 0.4
    numbers = random.normal(0.0, 1.0, (accounts, 12))
    numbers[:, 0] = 5.0
    numbers[:, [3, 7]] += by * labelled[:, None]
    return shift(numbers, labelled, NAMES, resamples=50, seed=1)


def test_accounts_labelled_at_random_are_not_told_apart() -> None:
    found = compared(0.0)
    assert found.auc is not None
    assert found.low is not None
    assert found.low <= 0.5
    assert found.auc < 0.58
    assert found.features.empty
    assert list(found.features.columns) == COLUMNS
    assert found.sentence.endswith(": no sign that they differ")
    assert found.labelled + found.unlabelled == 400


def test_a_shift_is_measured_and_its_features_are_named() -> None:
    found = compared(1.0)
    assert found.auc == pytest.approx(0.84, abs=0.06)  # two normals, sqrt(2) apart: 0.841
    assert found.low is not None
    assert found.high is not None
    assert 0.5 < found.low < found.auc < found.high
    assert sorted(found.features["feature"]) == ["f3", "f7"]
    assert (found.features["labelled"] - found.features["unlabelled"]).tolist() == pytest.approx([1.0, 1.0], abs=0.35)
    assert "they differ" in found.sentence
    assert "most different: f" in found.sentence
    assert compared(1.0).features.equals(found.features)


def test_too_few_accounts_on_a_side_are_not_compared() -> None:
    labelled = np.arange(100) < 9
    found = shift(np.zeros((100, 12)), labelled, NAMES, resamples=10, seed=1)
    assert found.auc is None
    assert found.sentence == "9 labelled and 91 unlabelled accounts: too few to compare"
    assert list(found.features.columns) == COLUMNS
