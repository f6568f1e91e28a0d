"""The space in which accounts are compared: prepared features, their principal components, and what the driver sees."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.ml.feature import PCA, PCAModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Floats
from segmentation.checkpoint import settled
from segmentation.column_names import quoted
from segmentation.errors import InputProblem, did_you_mean
from segmentation.features.feature import ALL, Feature
from segmentation.models.catalogue import COMPONENTS
from segmentation.models.preparation import SCALED, Prepared, fit_preparation, prepare, selected_names
from segmentation.settings import SegmentSettings, SpaceSettings

#: the feature by which segments are numbered: log rows of an account in the last twelve months
USAGE = f"{ALL}_rows_year"
#: column of the summaries -> feature whose median it is
USE = {"recency_days": f"{ALL}_days_since_last", "active_days": f"{ALL}_active_days_year", "rows_year": USAGE}
#: how `Feature.measured` ends where months are kept apart
MONTHLY = " per month"
#: words that measure nothing: one that no feature clustered on happens to have would open a test that is a circle
JOINING = frozenset({"a", "and", "in", "of", "or", "per", "the"})
#: categories of features that are about an account as a whole
WHOLE = (ALL, None)
#: fewer accounts than this have no spread to cut
FEWEST_ACCOUNTS = 3


@dataclass(frozen=True)
class Space:
    """The accounts as the methods see them."""

    prepared: Prepared
    preparation: PipelineModel
    reducer: PCAModel
    #: as_of, account_id, the columns of USE that there are, COMPONENTS; one partition, ordered by account_id
    full: DataFrame
    #: the same for the accounts that the driver sees: all, or those with the smallest hashes
    seen: DataFrame
    #: those accounts (index account_id, ordered) x principal components
    points: pd.DataFrame
    #: log rows of the year of those accounts
    usage: Floats
    #: those accounts x all numeric features, after log1p where heavy-tailed
    values: pd.DataFrame
    #: the same, NaN where the account has nothing to measure it on: what segments are described by
    measured: pd.DataFrame
    #: numeric features that were not clustered on
    held_out: tuple[str, ...]
    #: those of them that nothing clustered on gives away
    tested: tuple[str, ...]

    @property
    def accounts(self) -> int:
        """All accounts, seen by the driver or not."""
        return self.prepared.accounts

    @property
    def sampled(self) -> bool:
        """Whether there are accounts that the driver does not see."""
        return len(self.points) < self.accounts


def build_space(
    basetable: DataFrame, features: Sequence[Feature], settings: SegmentSettings, measured: DataFrame | None = None
) -> Space:
    """Principal components of the scaled features, as many as keep the share of the variance that was asked for.

    Held-out features stay outside, so that segments can be tested on them. The components keep their variance:
    dividing it out would give noise the weight of structure. They are not centred: distances do not care, and
    bisecting k-means, which finds its first two centres by moving the mean by a share of its length, would find one
    centre twice where the mean is zero. Raises InputProblem for whatever `prepare` refuses, a held-out feature
    that nobody knows, and too few accounts. `measured`: rows of account_features, where null means not measurable;
    without them every value of the basetable counts as measured.
    """
    if USAGE not in basetable.columns:
        raise InputProblem(f"the basetable lacks {USAGE}, by which segments are numbered")
    used, held_out = hold_out(features, settings.space.held_out)
    kept = {name: F.col(feature).cast("double") for name, feature in USE.items() if feature in basetable.columns}
    prepared = prepare(basetable, used, kept, settings.space.log1p, settings.space.zero_flags)
    if prepared.accounts < FEWEST_ACCOUNTS:
        raise InputProblem(
            f"{prepared.accounts} accounts are too few to segment: at least {FEWEST_ACCOUNTS} are needed"
        )
    preparation = fit_preparation(prepared, settings.space.scaling, centred=False)
    scaled = settled(preparation.transform(prepared.frame).select("as_of", "account_id", *kept, SCALED))
    reducer = _reducer(scaled, len(selected_names(prepared, preparation)), prepared.accounts, settings.space)
    # The plan behind 400 columns would be analysed again in every iteration of every fit: cut it off here.
    full = settled(reducer.transform(scaled).drop(SCALED))
    seen = _seen(full, prepared.accounts, settings.driver_accounts)
    points, usage = _collected(seen)
    numeric = [feature for feature in features if not feature.is_categorical]
    values = _values(basetable.join(seen.select("account_id"), "account_id", "left_semi"), numeric)
    tested = open_to_tests([feature for feature in numeric if feature.name in held_out], used)
    known = values if measured is None else _measured(values, measured.join(seen.select("account_id"), "account_id"))
    return Space(prepared, preparation, reducer, full, seen, points, usage, values, known, held_out, tested)


def hold_out(features: Sequence[Feature], entries: Sequence[str]) -> tuple[list[Feature], tuple[str, ...]]:
    """The features to cluster on, and the names of the numeric ones that `entries` keep out.

    An entry is a feature's name, or its name without the category. InputProblem for one that nobody knows.
    """
    known = {name for feature in features for name in (feature.entry, feature.name) if name}
    for entry in entries:
        if entry not in known:
            meant = did_you_mean(entry, sorted(known))
            raise InputProblem(f"segments.space.held_out names {entry}, which is no feature{meant}")
    out = [feature for feature in features if feature.entry in entries or feature.name in entries]
    used = [feature for feature in features if feature not in out]
    if not any(not feature.is_categorical for feature in used):
        raise InputProblem("segments.space.held_out leaves no numeric feature to cluster on")
    return used, tuple(feature.name for feature in out if not feature.is_categorical)


def open_to_tests(held_out: Sequence[Feature], used: Sequence[Feature]) -> tuple[str, ...]:
    """Names of the held-out features that segments can be tested on: those that measure something of their own.

    That is, `measured` has a word that it has for no feature clustered on, in the same category or in all together.
    Trend and unevenness count rows, as the months that they are computed from do: a test of them would be a circle.
    """

    def own_words(one: Feature) -> set[str]:
        near = (other for other in used if one.category in WHOLE or other.category in {one.category, *WHOLE})
        return _words(one).difference(*map(_words, near))

    return tuple(one.name for one in held_out if own_words(one))


def _words(feature: Feature) -> set[str]:
    return set(re.findall(r"\w+", feature.measured.removesuffix(MONTHLY))) - JOINING


def components_needed(explained: Sequence[float], share: float) -> int:
    """How many of the components, whose shares of the variance are given, keep `share` of it; all if none do."""
    reached = np.flatnonzero(np.cumsum(explained) >= share - 1e-12)
    return int(reached[0]) + 1 if len(reached) else len(explained)


def _reducer(scaled: DataFrame, width: int, accounts: int, settings: SpaceSettings) -> PCAModel:
    most = min(settings.max_components, width, accounts - 1)
    reducer = PCA(k=most, inputCol=SCALED, outputCol=COMPONENTS).fit(scaled)
    needed = components_needed(list(map(float, reducer.explainedVariance)), settings.explained_variance)
    return reducer if needed == most else PCA(k=needed, inputCol=SCALED, outputCol=COMPONENTS).fit(scaled)


def _seen(full: DataFrame, accounts: int, most: int) -> DataFrame:
    if accounts <= most:
        return full
    # By a hash of the account: the same accounts whatever the order, and most of them again in the next run.
    chosen = full.orderBy(F.xxhash64("account_id"), "account_id").limit(most)
    return settled(chosen.coalesce(1).sortWithinPartitions("account_id"))


def _collected(seen: DataFrame) -> tuple[pd.DataFrame, Floats]:
    rows = seen.select("account_id", "rows_year", vector_to_array(F.col(COMPONENTS)).alias("point")).collect()
    rows.sort(key=lambda row: str(row["account_id"]))
    matrix = np.array([row["point"] for row in rows], dtype=np.float64)
    names = [f"component_{place + 1}" for place in range(matrix.shape[1])]
    index = pd.Index([row["account_id"] for row in rows], name="account_id")
    usage = np.array([row["rows_year"] for row in rows], dtype=np.float64)
    return pd.DataFrame(matrix, index=index, columns=names), usage


def _values(basetable: DataFrame, numeric: Sequence[Feature]) -> pd.DataFrame:
    columns = [F.col(quoted(feature.name)).cast("double") for feature in numeric]
    rows = basetable.select("account_id", F.array(*columns).alias("numbers")).collect()
    rows.sort(key=lambda row: str(row["account_id"]))
    matrix = np.array([row["numbers"] for row in rows], dtype=np.float64)
    heavy = np.array([feature.heavy_tailed for feature in numeric], dtype=bool)
    matrix[:, heavy] = np.sign(matrix[:, heavy]) * np.log1p(np.abs(matrix[:, heavy]))
    index = pd.Index([row["account_id"] for row in rows], name="account_id")
    return pd.DataFrame(matrix, index=index, columns=[feature.name for feature in numeric])


def _measured(values: pd.DataFrame, measured: DataFrame) -> pd.DataFrame:
    """`values` without those that only fill a gap: 0 for a share of nothing would count as a low share."""
    names = [name for name in values.columns if name in measured.columns]
    gaps = F.array(*(F.isnull(F.nanvl(f"`{name}`", F.lit(None).cast("double"))) for name in names))
    rows = measured.select("account_id", gaps.alias("gaps")).collect()
    index = [row["account_id"] for row in rows]
    found = pd.DataFrame([row["gaps"] for row in rows], index=index, columns=names, dtype=bool)
    return values.mask(found.reindex(index=values.index, columns=values.columns, fill_value=False))
