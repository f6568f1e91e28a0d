"""Segments, industries, the outlook, and the models behind them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from segmentation.settings.base import Frozen, Positive, Seed, Share


class SpaceSettings(Frozen):
    """The space in which accounts are compared with each other."""

    log1p: bool
    zero_flags: bool
    scaling: Literal["standard", "robust"]
    explained_variance: Annotated[float, Field(gt=0.0, le=1.0)]
    max_components: Positive
    held_out: tuple[str, ...]


class SegmentSettings(Frozen):
    """The unsupervised half."""

    methods: Annotated[tuple[str, ...], Field(min_length=1)]
    k_min: Annotated[int, Field(ge=2)]
    k_max: Annotated[int, Field(ge=2)]
    k: Annotated[int, Field(ge=2)] | None
    silhouette_tolerance: Annotated[float, Field(ge=0.0)]
    bic_tolerance: Share
    min_share: Share
    min_jaccard: Share
    resamples: Annotated[int, Field(ge=0)]
    outlier_share: Share
    driver_accounts: Annotated[int, Field(ge=100)]
    space: SpaceSettings
    seed: Seed

    @model_validator(mode="after")
    def _range(self) -> SegmentSettings:
        if self.k_max < self.k_min:
            raise ValueError(f"k_max {self.k_max} is below k_min {self.k_min}")
        return self


class AuditSettings(Frozen):
    """From where on a result is too good to be true."""

    feature_auc: Annotated[float, Field(gt=0.5, le=1.0)]
    token_gap: Annotated[float, Field(ge=0.0)]


class GateSettings(Frozen):
    """What a new model must show before it becomes champion."""

    margin: Annotated[float, Field(ge=0.0)]
    min_test_accounts: Positive
    max_overfit: Annotated[float, Field(ge=0.0)]
    max_shift_auc: Annotated[float, Field(gt=0.5, le=1.0)]


class IndustrySettings(Frozen):
    """The supervised half."""

    models: Annotated[tuple[str, ...], Field(min_length=1)]
    min_accounts: Positive
    repeats: Positive
    class_weight_cap: Annotated[float, Field(ge=1.0)]
    #: fewer permutations cannot tell a single industry from chance: the least p-value would be above 5 %
    bootstrap: Annotated[int, Field(ge=19)]
    resamples: Annotated[int, Field(ge=0)]
    learning_shares: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...]
    ablation: bool
    predictable_auc: Annotated[float, Field(ge=0.5, lt=1.0)]
    fill_precision: Annotated[float, Field(gt=0.0, lt=1.0)]
    fill_confidence: Annotated[float, Field(gt=0.0, lt=1.0)]
    audit: AuditSettings
    gate: GateSettings
    parallelism: Positive
    seed: Seed


class OutlookSettings(Frozen):
    """What accounts will do next: churn and customer lifetime value."""

    horizon_months: Positive
    active_months: Annotated[int, Field(ge=1, le=23)]  # how long ago a row was is told up to two years alone
    min_accounts: Positive
    value_months: Positive
    bootstrap: Positive
    seed: Seed


def _number(given: object) -> object:
    """YAML takes 1e-5, which has no point, and 1.0e5, which has no sign, for texts."""
    if isinstance(given, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)[eE][+-]?\d+", given):
        return float(given)
    return given


class ModelSettings(Frozen):
    """One entry of `models:`: fixed parameters and the grid searched over, by the library's own names."""

    params: dict[str, Annotated[float | int | str | bool, BeforeValidator(_number)]]
    grid: dict[str, Annotated[tuple[float | int, ...], Field(min_length=1)]]
