from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pyspark.sql import DataFrame, SparkSession
from sklearn.utils._param_validation import InvalidParameterError

from segmentation.errors import InputProblem
from segmentation.features.catalogue import catalogue
from segmentation.features.feature import Feature
from segmentation.schemas import SEGMENT_PROFILES, SEGMENT_SUMMARIES, SEGMENTS
from segmentation.segments import sweep as sweep_module
from segmentation.segments.matching import Previous
from segmentation.segments.result import Candidate, SegmentationResult, SegmentationRun
from segmentation.segments.scoring import score_segments
from segmentation.segments.space import components_needed, hold_out, open_to_tests
from segmentation.segments.sweep import Fitted, bic, nothing_found, require_fit
from segmentation.segments.training import train_segments
from tests.models import planted
from tests.segments.planted_settings import settings

ALL = ("kmeans", "gmm", "bisecting", "ward", "hdbscan")


def train(frame: DataFrame, previous: dict[str, Previous] | None = None, **changes: object) -> SegmentationRun:
    return train_segments(frame, planted.usage_features(), settings(**changes), planted.MODELS, previous)


def only(frame: DataFrame, **changes: object) -> SegmentationResult:
    return train(frame, **changes).results[0]


def table(frame: DataFrame) -> pd.DataFrame:
    return frame.toPandas().sort_values("account_id", ignore_index=True)


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return planted.groups()


@pytest.fixture(scope="module")
def basetable(spark: SparkSession, truth: pd.DataFrame) -> DataFrame:
    return spark.createDataFrame(truth.drop(columns="kind"))


@pytest.fixture(scope="module")
def run(basetable: DataFrame) -> SegmentationRun:
    return train(
        basetable, methods=ALL, k_max=3, resamples=3, outlier_share=0.02, held_out=("document_active_days_year",)
    )


@pytest.fixture(scope="module")
def tables(run: SegmentationRun) -> dict[str, pd.DataFrame]:
    return {one.method: table(one.assignments) for one in run.results}


@pytest.fixture(scope="module")
def given(basetable: DataFrame) -> SegmentationResult:
    return only(basetable, k=3)


def test_every_method_and_the_consensus_find_the_planted_groups_and_number_them_by_usage(
    run: SegmentationRun, tables: dict[str, pd.DataFrame], truth: pd.DataFrame
) -> None:
    assert [(one.method, one.k) for one in run.results] == [(method, 3) for method in (*ALL, "consensus")]
    assert run.skipped == {}
    for one in run.results:
        # Group 0 is used most, so it must be segment 0, and so on; HDBSCAN may leave a few in none.
        found, right = tables[one.method]["segment"], truth["kind"]
        left = (found == -1).sum()
        assert left <= (10 if one.method == "hdbscan" else 0)
        assert ((found == right) | (found == -1)).all()
        assert sum(segment.accounts for segment in one.segments) == 120 - left
        assert [round(segment.usage, -2) for segment in one.segments] == [9000, 900, 100]
        np.testing.assert_array_equal(one.sampled, found)
        assert all((segment.stability or 0) > 0.8 for segment in one.segments)


def test_assignments_are_the_table_less_its_model(run: SegmentationRun, tables: dict[str, pd.DataFrame]) -> None:
    expected = [(field.name, field.dataType) for field in SEGMENTS.columns if field.name != "model"]
    for one in run.results:
        assert [(field.name, field.dataType) for field in one.assignments.schema] == expected
        rows = tables[one.method]
        assert len(rows) == 120
        assert not rows.isna().any().any()
        assert rows["confidence"].between(0.0, 1.0).all()
        assert rows["confidence"].mean() > 0.6  # well separated
        assert rows["outlier"].tolist() == tables["kmeans"]["outlier"].tolist()
    assert tables["kmeans"]["outlier"].sum() == run.outliers >= 2  # 2 % of 120, and what DBSCAN adds


def test_summaries_and_profiles_are_the_tables_less_what_the_job_adds(run: SegmentationRun) -> None:
    one = run.results[0]
    assert list(one.summaries) == [field.name for field in SEGMENT_SUMMARIES.columns if field.name != "as_of"]
    assert set(one.profile) == {field.name for field in SEGMENT_PROFILES.columns} - {"as_of", "method"}
    assert one.summaries["accounts"].tolist() == [30, 50, 40]
    assert one.summaries["change"].tolist() == ["first"] * 3
    assert one.summaries["name"].tolist() == [segment.name for segment in one.segments]
    assert one.summaries["rows_year"].round(-2).tolist() == [9000, 900, 100]
    assert one.summaries["recency_days"].isna().all()  # this basetable has no such feature
    tested = one.profile[one.profile["p_value"].notna()]["feature"].unique()
    assert tested.tolist() == ["document_active_days_year"] == list(run.held_out)


def test_names_are_plain_words_and_unique(run: SegmentationRun) -> None:
    names = [segment.name for segment in run.results[0].segments]
    assert names[0].startswith("Heavy use, high Document, low ")
    assert names[2].startswith("Light use, high Licensing, low ")
    assert len(set(names)) == 3


def test_the_model_alone_gives_the_same_segments_to_raw_columns(
    run: SegmentationRun, tables: dict[str, pd.DataFrame], basetable: DataFrame
) -> None:
    assert [one.method for one in run.results if one.model is not None] == ["kmeans", "gmm", "bisecting"]
    for one in run.results[:3]:
        assert one.model is not None
        scored = table(score_segments(one.model, basetable, one.method))
        pd.testing.assert_frame_equal(
            scored.drop(columns="outlier"), tables[one.method].drop(columns="outlier"), rtol=1e-9
        )
    assert "document_active_days_year" not in run.results[0].numeric


def test_each_candidate_carries_the_measures_of_its_method(run: SegmentationRun) -> None:
    kmeans, gmm, *_, hdbscan, agreed = run.results
    for one in (kmeans, gmm):
        assert [candidate.k for candidate in one.candidates] == [2, 3]
        measures = [(c.silhouette, c.davies_bouldin, c.calinski_harabasz, c.inertia) for c in one.candidates]
        assert all(value is not None for row in measures for value in row)
    assert kmeans.candidates[1].stability is not None
    assert kmeans.candidates[0].stability is None  # nobody asked
    for candidate in gmm.candidates:
        assert candidate.log_likelihood is not None
        expected = bic(candidate.log_likelihood, candidate.k, gmm.components, 120)
        assert candidate.bic == pytest.approx(expected)
    assert hdbscan.reason.startswith("k = 3 dense regions were found, ")
    assert [candidate.k for candidate in agreed.candidates] == [3]


def test_order_and_partitioning_of_the_rows_change_nothing(given: SegmentationResult, basetable: DataFrame) -> None:
    other = only(basetable.repartition(5, "dominant_os", "all_rows_year"), k=3)
    pd.testing.assert_frame_equal(table(given.assignments), table(other.assignments), check_exact=True)
    assert given.candidates == other.candidates


def test_ids_and_names_of_the_run_before_live_on(basetable: DataFrame, truth: pd.DataFrame) -> None:
    kinds = truth[truth["kind"] != 1]  # the middle group was not there
    segments = {str(account): 7 - int(kind) for account, kind in zip(kinds["account_id"], kinds["kind"], strict=True)}
    before = Previous("2025-12-01", segments, {7: "Light use", 5: "Dwarfs"}, {}, highest=9)
    again = train(basetable, {"kmeans": before}, k=3).results[0]
    assert {s.segment: s.name for s in again.segments if s.segment != 10} == {7: "Light use", 5: "Dwarfs"}
    outgrown = "Named when it was found; today it is used more than the others."
    assert [s.segment for s in again.segments if s.sentence.endswith(outgrown)] == [7]
    assert {change.segment: change.kind for change in again.changes} == {5: "kept", 7: "kept", 10: "born"}
    found = table(again.assignments)["segment"].map({7: 0, 10: 1, 5: 2})
    assert found.tolist() == truth["kind"].tolist()


def test_accounts_beyond_the_driver_are_placed_by_those_it_sees(basetable: DataFrame, truth: pd.DataFrame) -> None:
    run = train(basetable, methods=("kmeans", "ward", "hdbscan"), k=3, driver_accounts=100, outlier_share=0.05)
    assert len(run.points) == len(run.values) == 100
    for one in run.results:
        found = table(one.assignments)
        assert len(found) == 120
        of_seen = found.loc[found["account_id"].isin(run.points.index), "outlier"].sum()
        assert found["outlier"].sum() == run.outliers > of_seen
        right = (found["segment"] == truth["kind"]) | (found["segment"] == -1)
        assert right.all()
        assert (found["segment"] == -1).sum() <= (12 if one.method == "hdbscan" else 0)
        # of the consensus those are not certain whose combination of clusters nobody seen has
        assert (found["confidence"] > 0).mean() > 0.8


def test_a_candidate_that_fails_is_recorded_and_the_others_go_on(
    basetable: DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = sweep_module._fit

    def fails_for_two(method: str, k: int, *rest: object) -> object:
        if k == 2:
            raise ValueError("singular covariance")
        return fit(method, k, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep_module, "_fit", fails_for_two)
    result = only(basetable, methods=("kmeans",), k_max=3)
    assert result.k == 3
    assert result.candidates[0].failure == "ValueError: singular covariance"
    assert result.reason.endswith("no fit for k = 2")


def test_hdbscan_that_finds_no_structure_gives_no_segments_and_says_so(spark: SparkSession) -> None:
    frame = spark.createDataFrame(planted.groups((40,)).drop(columns="kind"))
    models = planted.MODELS | {"hdbscan": replace_params(min_cluster_size=30)}
    run = train_segments(frame, planted.usage_features(), settings(methods=("ward", "hdbscan"), k=2), models)
    assert [one.method for one in run.results] == ["ward"]  # and no consensus of one
    assert run.skipped == {"hdbscan": "it found 0 dense regions, so nothing to tell apart"}


def test_hdbscan_is_skipped_for_what_the_data_lack_and_for_nothing_else() -> None:
    lacking = fitted_in_vain(ValueError("min_samples (500) must be at most the number of samples in X (100)"))
    assert str(nothing_found(lacking)).startswith("ValueError: min_samples (500)")
    unfit = fitted_in_vain(InvalidParameterError("The 'min_cluster_size' parameter of HDBSCAN must be an int"))
    assert nothing_found(unfit) is None
    assert nothing_found(fitted_in_vain(ValueError("cosine is not a valid metric for a KDTree"))) is None
    with pytest.raises(InputProblem, match=r"hdbscan could not be fitted .*: correct models\.hdbscan, or leave it out"):
        require_fit("hdbscan", unfit)
    with pytest.raises(RuntimeError, match="hdbscan could not be fitted"):
        require_fit("hdbscan", fitted_in_vain(MemoryError("no room")))


def fitted_in_vain(error: Exception) -> list[Fitted]:
    return [Fitted(Candidate("hdbscan", 2, failure=f"{type(error).__name__}: {error}"), error=error)]


def test_a_method_of_which_nothing_can_be_fitted_is_named_with_the_reason(spark: SparkSession) -> None:
    frame = spark.createDataFrame(planted.groups((20, 20)).drop(columns="kind"))
    models = planted.MODELS | {"ward": planted.MODELS["ward"].model_copy(update={"params": {"metric": "cosine"}})}
    with pytest.raises(
        InputProblem, match=r"^ward could not be fitted .*cosine was provided as metric.*: correct models\.ward"
    ):
        train_segments(frame, planted.usage_features(), settings(methods=("ward",)), models)


def replace_params(**params: int) -> object:
    return planted.MODELS["hdbscan"].model_copy(update={"params": params})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"k": 5}, "segments.k is 5, but there are only 4 accounts to segment"),
        ({"k_min": 4, "k_max": 5}, "segments.k_min is 4, but there are only 4 accounts to segment"),
        ({"held_out": ("weekend_share",)}, "segments.space.held_out names weekend_share, which is no feature"),
    ],
)
def test_settings_that_do_not_fit_are_refused(spark: SparkSession, changes: dict[str, object], message: str) -> None:
    few = spark.createDataFrame(planted.groups((2, 1, 1)).drop(columns="kind"))
    with pytest.raises(ValueError, match=message):
        train(few, **changes)


def test_fewer_accounts_than_k_max_still_give_segments(spark: SparkSession) -> None:
    few = spark.createDataFrame(planted.groups((3, 3, 1)).drop(columns="kind"))
    tried = only(few, k_max=10, resamples=0).candidates
    assert [one.k for one in tried] == [2, 3, 4, 5, 6]


def test_fewer_accounts_than_components_still_gives_segments(spark: SparkSession) -> None:
    few = spark.createDataFrame(planted.groups((2, 2, 1)).drop(columns="kind"))
    result = only(few, k=2, max_components=10, explained_variance=1.0)
    assert result.components == 4
    assert sum(segment.accounts for segment in result.segments) == 5


def test_a_basetable_without_usage_is_refused(basetable: DataFrame) -> None:
    with pytest.raises(ValueError, match="lacks all_rows_year"):
        train(basetable.drop("all_rows_year"))


def test_as_many_components_as_keep_the_share_that_was_asked_for() -> None:
    assert components_needed([0.5, 0.3, 0.1], 0.5) == 1
    assert components_needed([0.5, 0.3, 0.1], 0.51) == 2
    assert components_needed([0.5, 0.3, 0.1], 0.95) == 3


def test_what_follows_from_features_clustered_on_is_not_tested() -> None:
    features = catalogue(["System", "Document"])
    asked = yaml.safe_load((Path(__file__).parents[2] / "conf" / "base.yml").read_text())["segments"]["space"][
        "held_out"
    ]
    assert of(features, asked) == {"weekend_day_share", "error_rate_year"}
    assert of(features, ["trend_slope", "share_year", "duration_sum_year", "rows_per_active_day"]) == set()
    # one category's may be tested where another's is clustered on, unless all together are
    assert of(features, ["system_weekend_day_share"]) == {"weekend_day_share"}
    assert of(features, ["system_error_rate_year"]) == set()


def test_a_word_that_joins_others_measures_nothing() -> None:
    """`durations summed and counted` are durations, even where nothing clustered on has an `and`."""
    features = catalogue(["System", "Document"])
    defaults = yaml.safe_load((Path(__file__).parents[2] / "conf" / "base.yml").read_text())["segments"]["space"]
    means = ["duration_mean_year", "value_mean_year"]
    assert of(features, [*defaults["held_out"], *means]) == {"weekend_day_share", "error_rate_year"}


def of(features: Sequence[Feature], held_out: Sequence[str]) -> set[str]:
    used, out = hold_out(features, held_out)
    known = {one.name: one for one in features}
    return {known[name].entry for name in open_to_tests([known[name] for name in out], used)}


def test_what_is_held_out_is_named_with_or_without_its_category() -> None:
    features = planted.usage_features()
    used, out = hold_out(features, ["share_year", "system_active_days_year"])
    assert out == (
        "document_share_year", "system_share_year", "licensing_share_year", "system_active_days_year",
    )  # fmt: skip
    assert [one.name for one in used if one.entry] == [
        "all_rows_year", "document_active_days_year", "licensing_active_days_year",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="names share_yaer, which is no feature: did you mean 'share_year'"):
        hold_out(features, ["share_yaer"])
    with pytest.raises(ValueError, match="leaves no numeric feature"):
        hold_out([replace(features[0], name="x")], ["x"])
