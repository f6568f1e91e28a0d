"""One clustering out of several: accounts belong together when most clusterings put them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from segmentation.arrays import Floats, Ints
from segmentation.segments.choice import every_k_small, k_range, smallest
from segmentation.segments.local import NOISE, lone_threads
from segmentation.segments.stability import AT_ONCE, Stability, found_again
from segmentation.settings import SegmentSettings

FEWEST_METHODS = 2


@dataclass(frozen=True)
class Consensus:
    """The consensus of several clusterings of the same accounts."""

    clusters: Ints
    k: int
    #: in plain words
    reason: str
    #: per account its mean co-association with the other members of its cluster, 0 to 1
    confidence: Floats


def consensus(methods: Mapping[str, Sequence[Ints]], settings: SegmentSettings) -> Consensus | None:
    """Evidence accumulation (Fred and Jain 2005); None with fewer than two methods.

    `methods` holds, per method, clusterings of the same accounts: the chosen one and its refits on resamples. The
    co-association of two accounts is the share of clusterings that put them into one cluster, every method counting
    the same; average linkage merges by it. The number of clusters is the one that lives longest between two merges,
    from k_min to k_max, among those whose smallest cluster is as large as that of a method must be (all, if none is).
    Noise is together with nobody, itself excepted.
    """
    if len(methods) < FEWEST_METHODS:
        return None
    together = co_association(methods)
    accounts, tree = len(together), _tree(together)
    counts = [k for k in k_range(settings) if k <= accounts]
    cuts = {k: _cut(tree, k) for k in counts}
    # Where several merges stand at one height there is no cut between them.
    real = [k for k in counts if cuts[k].max() + 1 == k] or counts
    large = [k for k in real if np.bincount(cuts[k]).min() >= smallest(accounts, settings)]
    lifetimes = {k: lifetime(tree[:, 2], k) for k in large or real}
    k = max(lifetimes, key=lambda count: (lifetimes[count], -count))
    if settings.k is not None:
        reason = f"k = {k} was given in the settings"
    else:
        reason = (
            f"k = {k} of {counts[0]} to {counts[-1]} lives longest: co-association of {len(methods)} methods "
            f"falls by {lifetimes[k]:.3f} before two of its segments merge"
        ) + ("" if large else f"; {every_k_small(settings)}")
    # no cut gives so many where all methods agree on fewer
    if (apart := len(np.unique(cuts[k]))) < k:
        reason += f"; the methods tell only {apart} apart"
    return Consensus(cuts[k], apart, reason, _agreement(together, cuts[k]))


def consensus_stability(agreed: Consensus, refits: Mapping[str, Sequence[Ints]], drawn: Ints) -> Stability:
    """How well its segments come out again: of every resample the consensus of the methods' refits, with its k.

    `refits` holds per method one clustering per row of `drawn`; read as that of any other method (`bootstrap`). Where
    the methods of a resample agree on more than k clusters, which no merge tells apart, these are what came out.
    """

    def once(place: int) -> Ints:
        tree = _tree(co_association({method: [clusterings[place]] for method, clusterings in refits.items()}))
        return _cut(tree, _told_apart(tree[:, 2], agreed.k))

    with lone_threads(AT_ONCE) as pool:
        clusterings = tuple(pool.map(once, range(len(drawn))))
    return found_again(agreed.clusters, clusterings, drawn)


def co_association(methods: Mapping[str, Sequence[Ints]]) -> npt.NDArray[np.float32]:
    """Accounts x accounts: share of the clusterings in which two are together, each method with the same weight."""
    accounts = len(next(iter(methods.values()))[0])
    counted = np.zeros((accounts, accounts), dtype=np.float32)
    for clusterings in methods.values():
        # Counts first: sums of whole numbers are exact, so that equal pairs stay equal to the last digit.
        members = np.hstack([_members(clusters) for clusters in clusterings])
        counted += (members @ members.T) / np.float32(len(clusterings))
    together: npt.NDArray[np.float32] = counted / np.float32(len(methods))
    np.fill_diagonal(together, 1.0)
    return together


def _members(clusters: Ints) -> npt.NDArray[np.float32]:
    """Accounts x clusters, 1 for a member."""
    numbers = np.unique(clusters[clusters != NOISE])
    members: npt.NDArray[np.float32] = (clusters[:, None] == numbers[None, :]).astype(np.float32)
    return members


def lifetime(heights: Floats, k: int) -> float:
    """How far the tree's height rises while there are k clusters; `heights` of its merges, lowest first."""
    accounts = len(heights) + 1
    reached = heights[accounts - k - 1] if k < accounts else 0.0
    return float(heights[accounts - k] - reached)


def _tree(together: npt.NDArray[np.float32]) -> Any:
    """Merges of accounts, those most often together first."""
    return linkage(squareform(1.0 - together, checks=False), method="average")


def _told_apart(heights: Floats, k: int) -> int:
    """The fewest clusters, k or more, between two merges of different `heights` (lowest first); k if there are none."""
    counts = len(heights) + 1 - np.searchsorted(heights, np.unique(heights[heights > 0]))
    return int(min(counts[counts >= k], default=k))


def _cut(tree: Any, k: int) -> Ints:
    """At most k clusters from 0 on; fewer where merges at one height cannot be told apart."""
    clusters: Ints = np.unique(fcluster(tree, k, criterion="maxclust"), return_inverse=True)[1].astype(np.int64)
    return clusters


def _agreement(together: npt.NDArray[np.float32], clusters: Ints) -> Floats:
    """Per account its mean co-association with the other members of its cluster; of a member without others 1."""
    confidence = np.ones(len(clusters))
    for number in np.unique(clusters):
        members = np.flatnonzero(clusters == number)
        if len(members) > 1:
            block = together[np.ix_(members, members)].astype(np.float64)
            confidence[members] = (block.sum(axis=1) - 1.0) / (len(members) - 1)
    return np.clip(confidence, 0.0, 1.0)
