"""Ids that survive retraining: which cluster of now is which segment of the run before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from segmentation.arrays import Floats

#: how much shared members count against the closeness of the centres, when enough accounts were in both runs ...
MEMBERS_WEIGHT = 0.9
#: ... that is when at least this share of the accounts of now were; below, it falls in proportion, to 0 with no such
#: account, where the centres alone decide
ENOUGH_COMMON = 0.3
#: a pair less alike than this is a birth and a death, not one segment that changed
BAR = 0.3
#: from this share of its members on a segment came from another, or went there
ORIGIN_SHARE = 0.5
#: members of a segment that never was in a run, and of accounts in no segment
NOWHERE = -1
FIRST, KEPT, BORN, SPLIT, MERGED, ENDED = "first", "kept", "born", "split", "merged", "ended"


@dataclass(frozen=True)
class Previous:
    """What the run before found with one method."""

    #: the date that it spoke for (ISO)
    as_of: str
    #: account -> segment; -1: in none
    segments: Mapping[str, int]
    #: segment -> name
    names: Mapping[int, str]
    #: segment -> feature -> its mean there, on the scale of the `centres` of now
    centres: Mapping[int, Mapping[str, float]]
    #: highest id ever given out: ended segments' ids are not given to others
    highest: int


@dataclass(frozen=True)
class Change:
    """What became of one segment since the run before."""

    segment: int
    #: first (no run before), kept (same id), merged (took in another that ended), split (a new one, at least half of
    #: it from one that was), born (a new one from nowhere in particular) or ended
    kind: str
    #: segments of the run before that its members came from; of an ended one those of now where its members went
    previous: tuple[int, ...]


@dataclass(frozen=True)
class Matched:
    """Segment ids for the clusters of now."""

    #: segment id of each cluster number
    ids: tuple[int, ...]
    #: segment -> name carried over from the run before
    names: Mapping[int, str]
    #: one per segment with members, by id, then one per segment that ended
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Flows:
    """Where the accounts in both runs were before and are now."""

    living: tuple[int, ...]
    before: tuple[int, ...]
    #: accounts by cluster of now (rows) and segment of before (columns); last on both sides those in none
    counts: Floats
    #: share of a cluster's members that came from a segment, and of a segment's that went to a cluster
    came: Floats
    given: Floats


def match(
    clusters: Mapping[str, int], centres: pd.DataFrame, order: Sequence[int], previous: Previous | None
) -> Matched:
    """Ids for `clusters` (account -> cluster, -1 for none) by one-to-one matching with the run before.

    `centres`: one row per cluster, one column per feature. `order`: every cluster number, in the order in which
    new ids are given out; those without members come last and have no change. Pairs are chosen so that their
    similarities add up to the most (Kuhn 1955, Munkres 1957); the similarity of a pair is that of its members
    (Jaccard, over accounts in both runs) and of its centres (1 at no distance, falling with its square, each feature
    divided by its spread over all centres), weighted as said above. ValueError when `order` leaves a cluster out.
    """
    filled = {cluster for cluster in clusters.values() if cluster != NOWHERE}
    if not filled <= set(order):
        raise ValueError(f"clusters {sorted(filled - set(order))} are not in the order given")
    living = [cluster for cluster in order if cluster in filled]
    empty = [cluster for cluster in order if cluster not in filled]
    if previous is None or not previous.segments:  # or of the run before nothing is left but its ids
        ids = {
            cluster: place for place, cluster in enumerate([*living, *empty], previous.highest + 1 if previous else 0)
        }
        return Matched(_numbered(ids), {}, tuple(Change(ids[cluster], FIRST, ()) for cluster in living))
    before = sorted(set(previous.segments.values()) - {NOWHERE})
    flows = _flows(clusters, previous.segments, living, before)
    same = _paired(_similarity(flows, len(clusters), centres, previous), flows)
    fresh = iter(range(previous.highest + 1, previous.highest + 1 + len(order)))
    ids = {cluster: same[cluster] if cluster in same else next(fresh) for cluster in [*living, *empty]}
    changes = [_change(place, ids, same, flows) for place in range(len(living))]
    changes += [_ended(segment, ids, flows) for segment in before if segment not in same.values()]
    changes.sort(key=lambda change: (change.kind == ENDED, change.segment))
    names = {segment: previous.names[segment] for segment in same.values() if segment in previous.names}
    return Matched(_numbered(ids), names, tuple(changes))


def _numbered(ids: Mapping[int, int]) -> tuple[int, ...]:
    return tuple(ids.get(cluster, NOWHERE) for cluster in range(max(ids, default=NOWHERE) + 1))


def _flows(
    clusters: Mapping[str, int], segments: Mapping[str, int], living: Sequence[int], before: Sequence[int]
) -> Flows:
    row = {cluster: place for place, cluster in enumerate([*living, NOWHERE])}
    column = {segment: place for place, segment in enumerate([*before, NOWHERE])}
    counts: Floats = np.zeros((len(row), len(column)))
    for account in clusters.keys() & segments.keys():
        counts[row[clusters[account]], column[segments[account]]] += 1.0
    came = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    given = counts / np.maximum(counts.sum(axis=0, keepdims=True), 1.0)
    return Flows(tuple(living), tuple(before), counts, came[:-1, :-1], given[:-1, :-1])


def _similarity(flows: Flows, accounts: int, centres: pd.DataFrame, previous: Previous) -> Floats:
    """How alike each cluster (row) and each segment of before (column) are, 0 to 1."""
    counts = flows.counts
    either = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    jaccard: Floats = np.divide(counts, either, out=np.zeros_like(counts), where=either > 0)[:-1, :-1]
    weight = MEMBERS_WEIGHT * min(1.0, float(counts.sum()) / max(accounts, 1) / ENOUGH_COMMON)
    near = _closeness(centres, flows.living, previous, flows.before)
    # Without centres to compare the members decide alone.
    return jaccard if near is None else weight * jaccard + (1.0 - weight) * near


def _closeness(
    centres: pd.DataFrame, living: Sequence[int], previous: Previous, before: Sequence[int]
) -> Floats | None:
    then = pd.DataFrame([previous.centres.get(segment, {}) for segment in before])
    shared = [name for name in centres.columns if name in then.columns]
    now = centres.reindex(index=list(living), columns=shared).to_numpy(dtype=np.float64)
    old = then.reindex(columns=shared).to_numpy(dtype=np.float64)
    both = np.concatenate([now, old])
    # few accounts of which the driver sees none have no centre, and are near nobody
    both = both[~np.isnan(both).all(axis=1)]
    if not len(both):
        return None
    usable = ~np.isnan(both).any(axis=0) & (np.ptp(both, axis=0) > 0)
    if not usable.any():
        return None
    spread = both[:, usable].std(axis=0)
    # Mean square per feature: of two unrelated centres it is about 2, which leaves e^-2 = 0.14.
    squares = cdist(now[:, usable] / spread, old[:, usable] / spread, "sqeuclidean") / int(usable.sum())
    near: Floats = np.nan_to_num(np.exp(-squares))
    return near


def _paired(alike: Floats, flows: Flows) -> dict[int, int]:
    """Cluster -> segment of before, for the pairs that reach the bar."""
    # Pairs under the bar are worth nothing, so that none is given up a good one for the sake of two poor ones.
    worth = np.where(alike >= BAR, alike, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return {flows.living[r]: flows.before[c] for r, c in zip(rows, columns, strict=True) if worth[r, c] > 0}


def _change(place: int, ids: Mapping[int, int], same: Mapping[int, int], flows: Flows) -> Change:
    """What became of the cluster in that place of `living`."""
    cluster, came, given = flows.living[place], flows.came[place], flows.given[place]
    places = [p for p, segment in enumerate(flows.before) if segment != same.get(cluster)]
    most = [flows.before[p] for p in places if came[p] >= ORIGIN_SHARE]
    joined = [flows.before[p] for p in places if given[p] >= ORIGIN_SHARE]
    ended = [segment for segment in joined if segment not in same.values()]
    own = [same[cluster]] if cluster in same else []
    previous = tuple(sorted({*own, *most, *joined}))
    if own:
        return Change(ids[cluster], MERGED if ended else KEPT, previous)
    return Change(ids[cluster], MERGED if len(ended) > 1 else SPLIT if most else BORN, previous)


def _ended(segment: int, ids: Mapping[int, int], flows: Flows) -> Change:
    p = flows.before.index(segment)
    took = (flows.came[:, p] >= ORIGIN_SHARE) | (flows.given[:, p] >= ORIGIN_SHARE)
    heirs = sorted(ids[cluster] for cluster, some in zip(flows.living, took, strict=True) if some)
    return Change(segment, ENDED, tuple(heirs))
