"""What training the industry model gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Candidate:
    """One model at one point of its grid, judged by cross-validation."""

    #: entry of the model catalogue
    model: str
    #: the point of the grid, by Spark ML parameter name
    params: Mapping[str, float | int | str | bool]
    #: mean over the folds of the log-loss (nats per account) on accounts that the fold's fit has not seen
    log_loss: float
    #: standard error of that mean over the folds
    standard_error: float


@dataclass(frozen=True)
class IndustryResult:
    """The chosen industry model, what it is worth, and its scores for all accounts of one as_of."""

    #: raw basetable columns -> `prediction` (index) and `predicted_industry`; fitted on the training split
    model: PipelineModel
    #: entry of the model catalogue, and why this one, in words
    model_name: str
    reason: str
    #: the chosen point of its grid
    params: Mapping[str, float | int | str | bool]
    candidates: tuple[Candidate, ...]
    #: the industries it tells apart, most accounts first, and how many labelled accounts each has
    industries: tuple[str, ...]
    support: Mapping[str, int]
    #: industry left out -> why
    excluded: Mapping[str, str]
    #: one row per slice (train, cv, test), metric and industry; the columns are those of `evaluation.evaluate`
    metrics: pd.DataFrame
    #: one row per pair: industry, predicted, accounts; out-of-fold predictions of the training split
    confusion: pd.DataFrame
    #: one row per industry and feature: industry, feature, effect (coefficient x standard deviation, in log-odds),
    #: largest first; no rows for a model without coefficients
    drivers: pd.DataFrame
    #: table `industry_scores` without its `model`, for every account, labelled or not
    scores: DataFrame
    #: labelled accounts in the training and in the test split
    train_accounts: int
    test_accounts: int
    #: names of the raw columns that the model reads
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
