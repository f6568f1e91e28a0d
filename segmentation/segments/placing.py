"""Clusters of scikit-learn, the consensus and the outliers for all accounts, seen by the driver or not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Floats, Ints
from segmentation.checkpoint import settled
from segmentation.local_rows import local_frame
from segmentation.models.catalogue import CLUSTER, COMPONENTS
from segmentation.segments.consensus import Consensus
from segmentation.segments.local import Placer, centres_of, silhouette_by_centres
from segmentation.segments.outliers import OutlierRule
from segmentation.segments.scoring import OUTLIER
from segmentation.segments.space import Space
from segmentation.segments.sweep import Fitted

CONSENSUS = "consensus"


def lead_method(found: Collection[str], methods: Sequence[str]) -> str | None:
    """The method that speaks for all: the consensus, else the first of the settings' `methods` among those `found`.

    Else the first of them by name; None where none was found.
    """
    known = [CONSENSUS, *methods, *sorted(found)]
    return next((method for method in known if method in found), None)


@dataclass(frozen=True)
class Placement:
    """What is known of the accounts that the driver sees, in a form that travels to Spark's workers."""

    placers: Mapping[str, Placer]
    rule: OutlierRule
    #: all methods, in order
    methods: tuple[str, ...]
    #: clusters by all methods -> consensus cluster and confidence; empty without a consensus
    votes: Mapping[tuple[int, ...], tuple[int, float]]
    #: for accounts whose clusters no account that the driver sees has
    nearest: Placer | None

    def of_others(self, accounts: Any, points: Floats, known: Mapping[str, Ints]) -> pd.DataFrame:
        """The rows of `placed` for accounts at `points`, whose clusters by the methods of Spark ML are `known`."""
        rows: dict[str, Any] = {"account_id": accounts}
        clusters = dict(known)
        for method, placer in self.placers.items():
            clusters[method], confidence = placer.place(points)
            rows |= _columns(method, clusters[method], confidence)
        if self.nearest is not None:
            near, _ = self.nearest.place(points)
            keys = zip(*(clusters[method].tolist() for method in self.methods), strict=True)
            # Nobody to agree with, so nothing is known of how sure it is.
            voted = [self.votes.get(key, (int(other), 0.0)) for key, other in zip(keys, near, strict=True)]
            rows |= _columns(CONSENSUS, np.array([v[0] for v in voted]), np.array([v[1] for v in voted]))
        return pd.DataFrame({**rows, OUTLIER: self.rule.outlying(points)})


def placed(space: Space, fits: Mapping[str, Fitted], agreed: Consensus | None, rule: OutlierRule) -> DataFrame:
    """One row per account: account_id, OUTLIER, and `<method>_cluster` and `<method>_confidence`.

    Those two per method of scikit-learn and for the consensus. Accounts that the driver does not see follow its
    accounts: ward the nearest centre, HDBSCAN the nearest account, the consensus the accounts with the same clusters
    by all methods, else the nearest centre.
    """
    placement = _placement(space, fits, agreed, rule)
    points = space.points.to_numpy()
    rows: dict[str, Any] = {"account_id": space.points.index.astype(str)}
    for method, placer in placement.placers.items():
        rows |= _columns(method, _clusters(fits[method]), _own_confidence(points, fits[method], placer))
    if agreed is not None:
        rows |= _columns(CONSENSUS, agreed.clusters, agreed.confidence)
    seen = pd.DataFrame({**rows, OUTLIER: rule.outlying(points)})
    types = {"account_id": "string", OUTLIER: "boolean"}
    schema = ", ".join(f"`{name}` {types.get(name, _type(name))}" for name in seen.columns)
    known = local_frame(space.full.sparkSession, list(seen.itertuples(index=False, name=None)), schema)
    if not space.sampled:
        return settled(known.coalesce(1))
    return settled(known.unionByName(_others(space, fits, placement, schema)))


def _others(space: Space, fits: Mapping[str, Fitted], placement: Placement, schema: str) -> DataFrame:
    unseen = space.full.join(space.seen.select("account_id"), "account_id", "left_anti")
    by_spark = [method for method, fit in fits.items() if fit.model is not None]
    for method in by_spark:
        before = unseen.columns
        unseen = fits[method].model.transform(unseen).select(*before, F.col(CLUSTER).alias(f"{method}_cluster"))
    point = vector_to_array(F.col(COMPONENTS)).alias("point")
    narrow = unseen.select("account_id", point, *(f"{method}_cluster" for method in by_spark))
    return narrow.mapInPandas(_placing(placement, by_spark), schema)


def _placing(placement: Placement, by_spark: list[str]) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    def place(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for frame in frames:
            if frame.empty:
                continue
            points = np.array(frame["point"].tolist(), dtype=np.float64)
            known = {method: frame[f"{method}_cluster"].to_numpy(dtype=np.int64) for method in by_spark}
            yield placement.of_others(frame["account_id"].to_numpy(), points, known)

    return place


def _placement(space: Space, fits: Mapping[str, Fitted], agreed: Consensus | None, rule: OutlierRule) -> Placement:
    placers = {method: fit.placer for method, fit in fits.items() if fit.placer is not None}
    if agreed is None:
        return Placement(placers, rule, tuple(fits), {}, None)
    centres, numbers = centres_of(space.points.to_numpy(), agreed.clusters)
    keys = zip(*(_clusters(fit).tolist() for fit in fits.values()), strict=True)
    members: dict[tuple[int, ...], list[int]] = {}
    for place, key in enumerate(keys):
        members.setdefault(key, []).append(place)
    votes = {key: _vote(agreed, np.array(places)) for key, places in members.items()}
    return Placement(placers, rule, tuple(fits), votes, Placer(True, centres, numbers, np.ones(len(numbers))))


def _vote(agreed: Consensus, places: Ints) -> tuple[int, float]:
    """Of some accounts the most frequent cluster, the first of equals, and how sure its members are on average."""
    cluster = int(np.bincount(agreed.clusters[places]).argmax())
    return cluster, float(agreed.confidence[places[agreed.clusters[places] == cluster]].mean())


def _own_confidence(points: Floats, fit: Fitted, placer: Placer) -> Floats:
    if not placer.by_centre:
        return placer.confidence
    places = np.searchsorted(placer.clusters, _clusters(fit))
    return silhouette_by_centres(points, places, placer.points)


def _clusters(fit: Fitted) -> Ints:
    if fit.clusters is None:
        raise ValueError(f"{fit.candidate.method} was not fitted")
    return fit.clusters


def _columns(method: str, clusters: Ints, confidence: Floats) -> dict[str, Any]:
    return {f"{method}_cluster": clusters.astype(np.int32), f"{method}_confidence": confidence.astype(np.float64)}


def _type(name: str) -> str:
    return "int" if name.endswith("_cluster") else "double"
