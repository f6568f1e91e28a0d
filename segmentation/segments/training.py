"""Train the segments: prepare once, try every k of every method, keep the best of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.ml import PipelineModel, Transformer
from pyspark.ml.feature import PCA, PCAModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.features.feature import ALL, Feature
from segmentation.models.catalogue import CLUSTER, COMPONENTS, find_model
from segmentation.models.preparation import SCALED, Prepared, fit_preparation, prepare, selected_names, whole_model
from segmentation.segments.choice import choose_k
from segmentation.segments.naming import name_segments, words_for
from segmentation.segments.result import Segment, SegmentationResult
from segmentation.segments.scoring import naming_stage, segment_columns
from segmentation.segments.sweep import Fitted, counts_to_try, sweep
from segmentation.settings import ModelSettings, SegmentSettings

#: the feature by which segments are numbered: log rows of an account in the last twelve months
USAGE = f"{ALL}_rows_year"
#: fewer accounts than this have no spread to cut
FEWEST_ACCOUNTS = 3


@dataclass(frozen=True)
class Space:
    """The accounts as the methods see them."""

    prepared: Prepared
    preparation: PipelineModel
    reducer: PCAModel
    #: as_of, account_id, usage, SCALED, COMPONENTS
    full: DataFrame
    #: what each place of SCALED stands for
    names: tuple[str, ...]


def train_segments(
    basetable: DataFrame, features: Sequence[Feature], settings: SegmentSettings, models: Mapping[str, ModelSettings]
) -> tuple[SegmentationResult, ...]:
    """One result per method of the settings, for the accounts of one as_of.

    The label is never read. Raises InputProblem for an unknown method, for more segments than accounts, and for
    whatever `prepare` refuses; RuntimeError when a method could not be fitted with any k.
    """
    for method in settings.methods:
        find_model(method, "segments")
    if USAGE not in basetable.columns:
        raise InputProblem(f"the basetable lacks {USAGE}, by which segments are numbered")
    prepared = prepare(basetable, features, {"usage": F.col(USAGE).cast("double")})
    counts_to_try(settings, prepared.accounts)
    if prepared.accounts < FEWEST_ACCOUNTS:
        raise InputProblem(
            f"{prepared.accounts} accounts are too few to segment: at least {FEWEST_ACCOUNTS} are needed"
        )
    space = reduce(prepared, settings.pca_components)
    vectors = space.full.select("account_id", COMPONENTS).localCheckpoint()
    found = sweep(vectors, prepared.accounts, settings, models)
    return tuple(_result(method, candidates, space, features) for method, candidates in found.items())


def reduce(prepared: Prepared, components: int) -> Space:
    """Principal components of the standardised features, as many as asked for or as the accounts can carry.

    The components keep their variance: dividing it out would give noise the weight of structure.
    """
    preparation = fit_preparation(prepared)
    names = selected_names(prepared, preparation)
    scaled = preparation.transform(prepared.frame).select("as_of", "account_id", "usage", SCALED).localCheckpoint()
    k = min(components, len(names), prepared.accounts - 1)
    reducer = PCA(k=k, inputCol=SCALED, outputCol=COMPONENTS).fit(scaled)
    # The plan behind 400 columns would be analysed again in every iteration of every fit: cut it off here.
    full = reducer.transform(scaled).localCheckpoint()
    return Space(prepared, preparation, reducer, full, tuple(names))


def _result(method: str, fitted: Sequence[Fitted], space: Space, features: Sequence[Feature]) -> SegmentationResult:
    candidates = tuple(one.candidate for one in fitted)
    chosen, reason = choose_k(candidates, space.prepared.accounts)
    clusterer = next(one.model for one in fitted if one.candidate is chosen)
    clustered = clusterer.transform(space.full)
    order, sizes, usage = _ordered(clustered, chosen.k)
    profile = _profile(clustered, space.names, order)
    names = _names(profile, features, space.names)
    stage = naming_stage(order, [names.get(segment, f"Empty {segment}") for segment in order])
    tail: list[Transformer] = [*space.preparation.stages, space.reducer, clusterer, stage]
    segments = tuple(
        Segment(s, names[s], sizes[s], sizes[s] / space.prepared.accounts, usage[s]) for s in sorted(sizes)
    )
    return SegmentationResult(
        method=method,
        k=chosen.k,
        reason=reason,
        model=whole_model(space.prepared, tail),
        candidates=candidates,
        segments=segments,
        profile=profile.assign(name=profile["segment"].map(names))[["segment", "name", "feature", "difference"]],
        assignments=segment_columns(stage.transform(clustered), clusterer, method),
        accounts=space.prepared.accounts,
        components=space.reducer.getK(),
        explained_variance=float(sum(space.reducer.explainedVariance)),
        numeric=space.prepared.numeric,
        categorical=space.prepared.categorical,
    )


def _ordered(clustered: DataFrame, k: int) -> tuple[list[int], dict[int, int], dict[int, float]]:
    """Segment id of each cluster, highest mean usage first, then the larger; and per segment its size and usage."""
    rows = clustered.groupBy(CLUSTER).agg(F.count(F.lit(1)).alias("n"), F.avg("usage").alias("usage")).collect()
    ranked: list[Any] = sorted(rows, key=lambda row: (-row["usage"], -row["n"], row[CLUSTER]))
    filled = [int(row[CLUSTER]) for row in ranked]
    clusters = filled + [cluster for cluster in range(k) if cluster not in filled]
    sizes = {segment: int(row["n"]) for segment, row in enumerate(ranked)}
    return [clusters.index(c) for c in range(k)], sizes, {s: float(row["usage"]) for s, row in enumerate(ranked)}


def _profile(clustered: DataFrame, names: Sequence[str], order: Sequence[int]) -> pd.DataFrame:
    """Mean of each standardised feature per segment: differences from all accounts, in standard deviations."""
    places = clustered.select(CLUSTER, F.posexplode(vector_to_array(F.col(SCALED))).alias("place", "value"))
    rows = places.groupBy(CLUSTER, "place").agg(F.avg("value").alias("difference")).collect()
    frame = pd.DataFrame(
        [(order[row[CLUSTER]], names[row["place"]], float(row["difference"])) for row in rows],
        columns=["segment", "feature", "difference"],
    )
    frame["size"] = frame["difference"].abs()
    return frame.sort_values(["segment", "size", "feature"], ascending=[True, False, True], ignore_index=True)


def _names(profile: pd.DataFrame, features: Sequence[Feature], selected: Sequence[str]) -> dict[int, str]:
    differences = {
        int(str(segment)): dict(zip(rows["feature"], rows["difference"], strict=True))
        for segment, rows in profile.groupby("segment")
    }
    return name_segments(differences, words_for(features, selected), USAGE)
