"""From the clusters of one method to its segments: ids that survive, profiles, names, sentences, summaries."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Ints
from segmentation.features.feature import Feature
from segmentation.features.words import spoken
from segmentation.models.catalogue import CLUSTER
from segmentation.segments.matching import BORN, ENDED, FIRST, KEPT, Change, Matched, Previous, match
from segmentation.segments.naming import name_segments, sentence, told_by_segment, words_for
from segmentation.segments.profiles import profile as profiled
from segmentation.segments.result import Segment
from segmentation.segments.scoring import NO_SEGMENT
from segmentation.segments.space import USAGE, USE, Space
from segmentation.shown import counted, shown_share


@dataclass(frozen=True)
class Described:
    """The segments of one method."""

    #: id and name of each cluster number, those without members included
    ids: tuple[int, ...]
    names: tuple[str, ...]
    segments: tuple[Segment, ...]
    profile: pd.DataFrame
    summaries: pd.DataFrame
    changes: tuple[Change, ...]
    #: of the accounts that the driver sees
    sampled: Ints


def describe(
    method: str,
    clustered: DataFrame,
    clusters: Ints,
    numbers: int,
    stability: Mapping[int, float],
    space: Space,
    features: Sequence[Feature],
    previous: Previous | None,
    attributes: pd.DataFrame | None,
) -> Described:
    """What the clusters are.

    `clustered`: every account with its CLUSTER and the columns of USE; `clusters`: those of the accounts that the
    driver sees, from which profiles and matches are made; `numbers`: how many cluster numbers there are, 0 first;
    `stability`: cluster number -> figure, where measured. Ids of a first run follow usage, highest first.
    """
    known = _counted(clustered)
    filled = sorted(known, key=lambda number: (-known[number]["usage"], -known[number]["accounts"], number))
    order = filled + [number for number in range(numbers) if number not in known]
    matched = match(_by_account(space, clusters), _centres(space.measured, clusters), order, previous)
    ids = np.array(matched.ids, dtype=np.int64)
    sampled = np.where(clusters >= 0, ids[clusters], NO_SEGMENT)
    profile = profiled(space.measured, sampled, space.tested, attributes)
    words = words_for(features, [name for name in space.values.columns if name not in space.held_out])
    names = _without_profile(matched.ids, known) | name_segments(profile, words, USAGE, matched.names)
    told = told_by_segment(profile)
    segments = []
    for number in filled:
        one, row = int(ids[number]), known[number]
        share = row["accounts"] / space.accounts
        size = _size(row["accounts"], share)
        said = sentence(told.get(one, []), spoken(features), words, USAGE, size, matched.names.get(one))
        segments.append(Segment(one, names[one], said, row["accounts"], share, stability.get(number), row["usage"]))
    segments.sort(key=lambda segment: segment.segment)
    use = {int(ids[number]): row for number, row in known.items()}
    summaries = _summaries(method, segments, use, matched, previous)
    named = tuple(names[one] for one in matched.ids)
    return Described(matched.ids, named, tuple(segments), profile, summaries, matched.changes, sampled)


def _without_profile(ids: Sequence[int], known: Collection[int]) -> dict[int, str]:
    """Names for segments of which the driver sees nobody."""
    return {one: f"{'Few accounts' if number in known else 'Empty'} {one}" for number, one in enumerate(ids)}


def _size(accounts: int, share: float) -> str:
    """How a segment's sentence begins."""
    return f"{counted(accounts, 'account')} ({shown_share(share, ' ')} of all)"


def resized(summaries: pd.DataFrame, sizes: Mapping[int, int], is_earlier: bool) -> pd.DataFrame:
    """Summaries of a model whose segments have other accounts than at its training: their sizes are today's.

    `sizes`: segment -> accounts, those in no segment included. `is_earlier`: it was trained for an earlier date, so
    that today it brings no news. A segment that nobody is in any more has ended, and its figures go: the last who was
    may have been forgotten.
    """
    everybody = max(sum(sizes.values()), 1)
    rows = [
        row if row["change"] == ENDED else _of_size(row, sizes.get(row["segment"], 0), everybody, is_earlier)
        for row in summaries.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=summaries.columns).astype(summaries.dtypes)


def _of_size(row: dict[Any, Any], accounts: int, everybody: int, is_earlier: bool) -> dict[Any, Any]:
    if not accounts:
        return row | ended_summary(row["method"], row["segment"], row["name"], "no account is in it any more", ())
    rest, share = row["sentence"].removeprefix(_size(row["accounts"], row["share"])), accounts / everybody
    news = {"change": KEPT, "previous": [row["segment"]]} if is_earlier else {}
    return row | {"accounts": accounts, "share": share, "sentence": _size(accounts, share) + rest} | news


def _counted(clustered: DataFrame) -> dict[int, dict[str, Any]]:
    """Cluster -> its accounts, mean usage and medians of USE; None where the basetable has no such feature."""
    known = [name for name in USE if name in clustered.columns]
    rows = (
        clustered.where(F.col(CLUSTER) >= 0)
        .groupBy(F.col(CLUSTER).cast("int").alias(CLUSTER))
        .agg(
            F.count(F.lit(1)).alias("accounts"),
            F.avg("rows_year").alias("usage"),
            *(F.median(name).alias(name) for name in known),
        )
        .collect()
    )
    return {row[CLUSTER]: dict.fromkeys(USE) | {k: v for k, v in row.asDict().items() if k != CLUSTER} for row in rows}


def _by_account(space: Space, clusters: Ints) -> dict[str, int]:
    return dict(zip(map(str, space.points.index), map(int, clusters), strict=True))


def _centres(values: pd.DataFrame, clusters: Ints) -> pd.DataFrame:
    inside = clusters >= 0
    return values[inside].groupby(clusters[inside]).mean()


def _summaries(
    method: str, segments: Sequence[Segment], use: Mapping[int, Any], matched: Matched, previous: Previous | None
) -> pd.DataFrame:
    """Table segment_summaries less as_of."""
    changes = {change.segment: change for change in matched.changes}
    names = {one.segment: one.name for one in segments}
    rows: list[dict[str, Any]] = []
    new = BORN if previous and previous.segments else FIRST
    for one in segments:
        # A segment whose members the driver does not see has no match either.
        change = changes.get(one.segment)
        rows.append({
            "method": method, "segment": one.segment, "name": one.name, "sentence": one.sentence,
            "accounts": one.accounts, "share": one.share, "stability": one.stability,
            "change": change.kind if change else new, "previous": list(change.previous) if change else [],
            **{name: use[one.segment][name] for name in USE},
        })  # fmt: skip
    for change in matched.changes:
        if change.kind == ENDED:
            heirs = [names[heir] for heir in change.previous if heir in names]
            went = f"most of its accounts went to {'; '.join(heirs)}" if heirs else "its accounts went separate ways"
            name = previous.names.get(change.segment, f"Segment {change.segment}") if previous else ""
            rows.append(ended_summary(method, change.segment, name, went, change.previous))
    return pd.DataFrame(rows)


def ended_summary(method: str, segment: int, name: str, why: str, heirs: Sequence[int]) -> dict[str, Any]:
    """The row of table segment_summaries, less as_of, by which nobody is given the id of a segment that is no more."""
    return {
        "method": method, "segment": segment, "name": name, "sentence": f"Ended: {why}.", "accounts": 0, "share": 0.0,
        "stability": None, "change": ENDED, "previous": list(heirs), **dict.fromkeys(USE),
    }  # fmt: skip
