"""What training segments gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from segmentation.arrays import Floats, Ints
from segmentation.segments.matching import Change


@dataclass(frozen=True)
class Candidate:
    """One method tried with one number of segments. Measures are those of the accounts that the driver sees."""

    method: str
    k: int
    #: mean silhouette, -1 to 1, the higher the better (Rousseeuw 1987)
    silhouette: float | None = None
    #: similarity of each cluster to its nearest, the lower the better (Davies and Bouldin 1979)
    davies_bouldin: float | None = None
    #: spread between over spread within, the higher the better (Calinski and Harabasz 1974)
    calinski_harabasz: float | None = None
    #: sum of squared distances to the own centre; its bend over k is the elbow
    inertia: float | None = None
    #: GMM: natural logarithm of the likelihood of all accounts
    log_likelihood: float | None = None
    #: GMM: Bayesian information criterion (Schwarz 1978), the lower the better
    bic: float | None = None
    #: accounts of each cluster; noise is in none
    sizes: tuple[int, ...] = ()
    #: mean Jaccard similarity of the clusters over resamples, 0 to 1; None where it was not measured
    stability: float | None = None
    #: why the fit gave nothing; None when it went well
    failure: str | None = None


@dataclass(frozen=True)
class Segment:
    """One segment of the chosen clustering."""

    #: survives retraining; 0 had the highest usage in the first run
    segment: int
    #: unique within the run, made of what sets the segment apart
    name: str
    sentence: str
    accounts: int
    #: accounts as a share of all, 0 to 1
    share: float
    #: mean Jaccard similarity over resamples
    stability: float | None
    #: mean of the usage feature, in log rows a year
    usage: float


@dataclass(frozen=True)
class SegmentationResult:
    """One method's segmentation of all accounts of one as_of."""

    method: str
    k: int
    #: why this k, in words
    reason: str
    #: raw basetable columns -> `prediction` (the segment) and `segment_name`; None for ward, hdbscan and consensus
    model: PipelineModel | None
    #: every k tried, in order
    candidates: tuple[Candidate, ...]
    segments: tuple[Segment, ...]
    #: table segment_profiles less as_of and method
    profile: pd.DataFrame
    #: table segment_summaries less as_of: one row per segment, and per segment that ended
    summaries: pd.DataFrame
    #: what became of the segments of the run before
    changes: tuple[Change, ...]
    #: table `segments` without its `model`
    assignments: DataFrame
    #: the segment of each account of `SegmentationRun.points`, in its order; -1 for none
    sampled: Ints
    #: accounts, and principal components with the share of the variance that they keep
    accounts: int
    components: int
    explained_variance: float
    #: names of the raw columns that the model reads
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]


@dataclass(frozen=True)
class SegmentationRun:
    """All methods of the settings, in their order, and the consensus last where there is one."""

    results: tuple[SegmentationResult, ...]
    #: methods that gave no segments, and why in words
    skipped: Mapping[str, str]
    #: how outlying accounts were found, in words, and how many there are among all accounts
    outlier_rule: str
    outliers: int
    #: accounts that the driver sees (index account_id, ordered) x principal components
    points: pd.DataFrame
    #: the same accounts x all numeric features, after log1p where heavy-tailed; those held out included
    values: pd.DataFrame
    #: names of the features that were not clustered on
    held_out: tuple[str, ...]

    def positions(self) -> pd.DataFrame:
        """Table account_positions less as_of: the accounts of `points` on the first two principal components.

        To the millionth, so that the last bits of a decomposition on other machines do not make another table.
        """
        flat: Floats = self.points.to_numpy(dtype=float).round(6)
        second = flat[:, 1] if flat.shape[1] > 1 else np.zeros(len(flat))
        return pd.DataFrame({"account_id": self.points.index.astype(str), "x": flat[:, 0], "y": second})
