from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segmentation.segments.importance import surrogate


@pytest.fixture(scope="module")
def values() -> pd.DataFrame:
    random = np.random.default_rng(2)
    return pd.DataFrame(random.normal(0, 1, (200, 6))).rename(columns="f{}".format)


def test_the_feature_that_cuts_comes_first_and_accuracy_stands_beside_its_baseline(values: pd.DataFrame) -> None:
    segments = (values["f3"] > 0.5).to_numpy().astype(np.int64)
    found = surrogate(values, segments, seed=1)
    assert found is not None
    assert found.importance["feature"][0] == "f3"
    assert found.importance["importance"][0] > 0.7
    assert found.importance["importance"].sum() == pytest.approx(1.0)
    assert found.accuracy > 0.95
    assert found.baseline == pytest.approx(max(segments.mean(), 1 - segments.mean()))


def test_segments_without_a_pattern_are_not_learned(values: pd.DataFrame) -> None:
    found = surrogate(values, np.random.default_rng(3).integers(0, 2, 200), seed=1)
    assert found is not None
    assert found.accuracy < 0.65  # out of bag; on what it has seen it would be near 1


def test_noise_is_left_out_and_the_seed_decides(values: pd.DataFrame) -> None:
    segments = np.where(values["f0"] > 0, 1, -1).astype(np.int64)
    assert surrogate(values, segments, seed=1) is None
    segments[:40] = 0
    first, again = surrogate(values, segments, seed=1), surrogate(values, segments, seed=1)
    assert first is not None
    assert again is not None
    pd.testing.assert_frame_equal(first.importance, again.importance, check_exact=True)
