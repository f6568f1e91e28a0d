from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from segmentation.schemas import SEGMENTS
from segmentation.segments import sweep as sweep_module
from segmentation.segments.result import SegmentationResult
from segmentation.segments.scoring import score_segments
from segmentation.segments.sweep import bic
from segmentation.segments.training import train_segments
from segmentation.settings import SegmentSettings
from tests.models import planted


def settings(**changes: object) -> SegmentSettings:
    base: dict[str, object] = {
        "methods": ("kmeans",), "k_min": 2, "k_max": 4, "k": None, "pca_components": 3, "seed": 5,
    }  # fmt: skip
    return SegmentSettings.model_validate(base | changes)


def train(frame: DataFrame, **changes: object) -> tuple[SegmentationResult, ...]:
    return train_segments(frame, planted.usage_features(), settings(**changes), planted.MODELS)


def table(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas().sort_values("account_id", ignore_index=True)


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return planted.groups()


@pytest.fixture(scope="module")
def basetable(spark: SparkSession, truth: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(truth.drop(columns="kind"))


@pytest.fixture(scope="module")
def both(basetable: DataFrame) -> tuple[SegmentationResult, ...]:
    return train(basetable, methods=("kmeans", "gmm"))


def test_planted_groups_are_found_and_numbered_by_usage(
    both: tuple[SegmentationResult, ...], truth: pd.DataFrame
) -> None:
    assert [(one.method, one.k) for one in both] == [("kmeans", 3), ("gmm", 3)]
    for one in both:
        found = table(one.assignments)
        # Group 0 is used most, so it must be segment 0, and so on.
        assert found["segment"].tolist() == truth["kind"].tolist()
        assert [segment.accounts for segment in one.segments] == [30, 50, 40]
        assert [round(segment.usage, -2) for segment in one.segments] == [9000, 900, 100]
        assert sum(segment.share for segment in one.segments) == pytest.approx(1.0)


def test_names_are_plain_words_and_unique(both: tuple[SegmentationResult, ...]) -> None:
    names = [segment.name for segment in both[0].segments]
    assert names[0].startswith("Heavy use, high Document, low ")
    assert names[2].startswith("Light use, high Licensing, low ")
    assert len(set(names)) == 3
    assert set(table(both[0].assignments)["name"]) == set(names)


def test_assignments_are_the_table_less_its_model(both: tuple[SegmentationResult, ...]) -> None:
    for one in both:
        expected = [(field.name, field.dataType) for field in SEGMENTS.columns if field.name != "model"]
        assert [(field.name, field.dataType) for field in one.assignments.schema] == expected
        confidence = table(one.assignments)["confidence"]
        assert confidence.between(0.0, 1.0).all()
        assert confidence.mean() > 0.6  # well separated


def test_the_model_alone_gives_the_same_segments_to_raw_columns(
    both: tuple[SegmentationResult, ...], basetable: DataFrame
) -> None:
    for one in both:
        pd.testing.assert_frame_equal(
            table(score_segments(one.model, basetable, one.method)), table(one.assignments), rtol=1e-9
        )


def test_each_candidate_carries_the_measures_of_its_method(both: tuple[SegmentationResult, ...]) -> None:
    kmeans, gmm = both
    inertias = [candidate.inertia for candidate in kmeans.candidates]
    assert inertias == sorted(inertias, key=lambda value: -(value or 0.0))
    assert all(candidate.bic is None for candidate in kmeans.candidates)
    for candidate in gmm.candidates:
        assert candidate.log_likelihood is not None
        assert candidate.bic == pytest.approx(bic(candidate.log_likelihood, candidate.k, 3, 120))


def test_bic_charges_for_every_parameter() -> None:
    # two normals in one dimension: one weight, two means, two variances
    assert bic(-10.0, k=2, dimensions=1, accounts=100) == pytest.approx(5 * np.log(100) + 20.0)


def test_order_and_partitioning_of_the_rows_change_nothing(
    both: tuple[SegmentationResult, ...], basetable: DataFrame
) -> None:
    other = train(basetable.repartition(5, "dominant_os", "all_rows_year"), k=3)[0]
    pd.testing.assert_frame_equal(table(both[0].assignments), table(other.assignments), check_exact=True)
    assert both[0].candidates[1] == other.candidates[0]


def test_more_segments_than_accounts_is_an_error_that_names_both(spark: SparkSession) -> None:
    few = spark.createDataFrame(planted.groups((2, 1, 1)).drop(columns="kind"))
    with pytest.raises(ValueError, match="5 segments were asked for, but there are only 4 accounts"):
        train(few, k_max=5)


def test_fewer_accounts_than_components_still_gives_segments(spark: SparkSession) -> None:
    few = spark.createDataFrame(planted.groups((2, 2, 1)).drop(columns="kind"))
    result = train(few, k=2, pca_components=10)[0]
    assert result.components == 4
    assert sum(segment.accounts for segment in result.segments) == 5


def test_a_candidate_that_fails_is_recorded_and_the_others_go_on(
    basetable: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = sweep_module._fit

    def fails_for_two(method: str, k: int, *rest: object) -> object:
        if k == 2:
            raise ValueError("singular covariance")
        return fit(method, k, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep_module, "_fit", fails_for_two)
    result = train(basetable, methods=("gmm",), k_max=3)[0]
    assert result.k == 3
    assert result.candidates[0].failure == "ValueError: singular covariance"
    assert result.reason.endswith("no fit for k = 2")


def test_a_basetable_without_usage_is_refused(basetable: DataFrame) -> None:
    with pytest.raises(ValueError, match="lacks all_rows_year"):
        train(basetable.drop("all_rows_year"))
