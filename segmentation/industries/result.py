"""What training the industry model gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from segmentation.industries.calibration import Calibration
from segmentation.industries.gate import Evidence

Point = Mapping[str, float | int | str | bool]


@dataclass(frozen=True)
class Recipe:
    """How a model is made: an entry of the model catalogue at one point of its grid."""

    model: str
    #: by the library's own parameter names
    params: Point = field(default_factory=dict)
    #: what is no matter of the grid, where it is not as today's settings have it (None)
    fixed: Point | None = None

    def __str__(self) -> str:
        """Such as `lasso regParam=0.015`."""
        told = {**(self.fixed or {}), **self.params}  # what is in the grid wins, as in the fit
        return " ".join([self.model, *(f"{name}={value}" for name, value in told.items())])


@dataclass(frozen=True)
class Candidate:
    """One model at one point of its grid, judged by repeated cross-validation."""

    #: entry of the model catalogue
    model: str
    #: the point of the grid, by the library's own parameter names
    params: Point
    #: mean log-loss (nats per account) of calibrated probabilities on accounts that the fold's fit has not seen
    log_loss: float
    #: standard error of that mean over accounts
    standard_error: float
    #: the same log-loss before calibration
    raw_log_loss: float
    #: log-loss less that of the candidate with the lowest, and the standard error of this paired difference
    difference: float
    difference_error: float
    #: account -> its loss, the mean over the repeats
    losses: Mapping[str, float] = field(repr=False)
    #: whether it only came along to be compared with (the champion's recipe)
    extra: bool = False
    #: as the recipe's
    fixed: Point | None = None

    @property
    def recipe(self) -> Recipe:
        """How it is made."""
        return Recipe(self.model, self.params, self.fixed)


@dataclass(frozen=True)
class Fill:
    """What becomes of the unlabelled accounts."""

    #: table `industry_fill` without as_of and model: one row per unlabelled account, in order of account_id
    decisions: pd.DataFrame
    #: table `industry_coverage` without as_of
    coverage: pd.DataFrame
    #: industry -> probability from which on it is filled in; None: never
    thresholds: Mapping[str, float | None]
    #: how many can be filled in at the wanted precision, and how many go to review
    sentence: str


@dataclass(frozen=True)
class Calibrated:
    """How the probabilities were calibrated, and what that is worth on accounts that the fit has not seen."""

    by: Calibration
    #: one row per slice (cv, test), scope and bin: columns of `calibration.reliability` behind `slice`
    reliability: pd.DataFrame
    #: one row per slice and scope: columns of `calibration.calibration_lines` behind `slice`
    lines: pd.DataFrame


@dataclass(frozen=True)
class IndustryResult:
    """The chosen industry model, what it is worth, and its scores for all accounts of one as_of."""

    #: raw basetable columns -> `probabilities` (calibrated array), `prediction` (index) and `predicted_industry`;
    #: fitted on the training split
    model: PipelineModel
    #: entry of the model catalogue, and why this one, in words
    model_name: str
    reason: str
    #: the chosen point of its grid
    params: Point
    candidates: tuple[Candidate, ...]
    #: the industries it tells apart, most accounts first, and how many labelled accounts each has
    industries: tuple[str, ...]
    support: Mapping[str, int]
    #: industry left out -> why
    excluded: Mapping[str, str]
    #: one row per slice (train, cv, test), metric and industry; the columns are those of `evaluation.evaluate`
    metrics: pd.DataFrame
    #: one row per pair: industry, predicted, accounts; out-of-fold predictions of the training split,
    #: those of the first repeat
    confusion: pd.DataFrame
    #: table `industry_drivers` without as_of and model, largest effect first within the industry
    drivers: pd.DataFrame
    #: table `industry_scores` without its `model`, for every account, labelled or not
    scores: DataFrame
    #: labelled accounts in the training and in the test split
    train_accounts: int
    test_accounts: int
    #: names of the raw columns that the model reads
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    #: table `industry_cards` without as_of and model
    cards: pd.DataFrame
    fill: Fill
    #: table `industry_suspects` without as_of
    suspects: pd.DataFrame
    calibrated: Calibrated
    #: one row per share of the training accounts and industry: share, accounts (of the industry), industry, auc
    learning_curve: pd.DataFrame
    #: one row per category: category, features, macro_auc without it, loss, low, high; no rows when switched off
    ablation: pd.DataFrame
    #: what the gate judges the chosen model by
    evidence: Evidence
    #: labelled against unlabelled accounts: one row per shifted feature; `evidence.shift_auc` is the whole
    shift: pd.DataFrame
    #: what a reader should know besides, in words
    notes: tuple[str, ...] = ()

    def losses_of(self, recipe: Recipe) -> Mapping[str, float] | None:
        """Out-of-fold losses per account of a candidate, on the same folds as all others; None: it was none."""
        return next((one.losses for one in self.candidates if one.recipe == recipe), None)
