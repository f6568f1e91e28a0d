"""What training segments gives back."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Candidate:
    """One method tried with one number of segments."""

    method: str
    k: int
    #: mean silhouette (squared Euclidean) of the accounts, -1 to 1; None where fewer than two segments were found
    silhouette: float | None
    #: KMeans: sum of squared distances to the own centre
    inertia: float | None
    #: GMM: natural logarithm of the likelihood of all accounts
    log_likelihood: float | None
    #: GMM: Bayesian information criterion (Schwarz 1978), the lower the better
    bic: float | None
    #: accounts in the smallest segment
    smallest: int
    #: why the fit gave nothing; None when it went well
    failure: str | None = None


@dataclass(frozen=True)
class Segment:
    """One segment of the chosen model."""

    #: 0 has the highest usage
    segment: int
    #: unique within the run, made of what sets the segment apart
    name: str
    accounts: int
    #: accounts as a share of all, 0 to 1
    share: float
    #: mean of the usage feature, in log rows a year
    usage: float


@dataclass(frozen=True)
class SegmentationResult:
    """One method's segmentation of all accounts of one as_of."""

    method: str
    k: int
    #: why this k, in words
    reason: str
    #: raw basetable columns -> `prediction` (the segment) and `segment_name`
    model: PipelineModel
    #: every k tried, in order
    candidates: tuple[Candidate, ...]
    segments: tuple[Segment, ...]
    #: one row per segment and feature: segment, name, feature, difference (of the segment's mean from the mean of all
    #: accounts, in standard deviations, after log1p), largest first
    profile: pd.DataFrame
    #: table `segments` without its `model`
    assignments: DataFrame
    #: accounts, and principal components with the share of the variance that they keep
    accounts: int
    components: int
    explained_variance: float
    #: names of the raw columns that the model reads
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
