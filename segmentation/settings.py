"""Every setting, as frozen types; `conf/base.yml` explains each key and holds its default.

Nothing here reads a file: `segmentation.stores.conf` does, and turns a ValidationError into one line per wrong key.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]


class Frozen(BaseModel):
    """Base of all settings: immutable, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SessionSettings(Frozen):
    """How a Spark session is started when none is active."""

    app_name: str
    master: str | None
    driver_memory: str | None
    shuffle_partitions: Positive | None
    spark: dict[str, str]


class StorageSettings(Frozen):
    """Where tables and runs live: folders below the data directory, or a catalog and schema."""

    catalog: str | None
    schema_name: str
    tracking_uri: str | None
    experiment: str


class SyntheticSettings(Frozen):
    """The planted-truth generator."""

    seed: int
    rows: Positive
    accounts: Positive
    tokens_per_account: Annotated[float, Field(ge=1.0)]
    months: Annotated[int, Field(ge=1, le=120)]
    end: dt.date
    format: Literal["csv", "jsonl", "parquet"]
    files_per_month: Positive
    processes: Positive
    majority_share: Share
    labelled_share: Share
    noise: Annotated[float, Field(ge=0.0)]
    signal: Annotated[float, Field(ge=0.0)]
    duplicate_share: Share
    bad_timestamp_share: Share
    missing_field_share: Share
    unknown_event_share: Share
    outdated_share: Share
    two_account_token_share: Share


class IngestSettings(Frozen):
    """Rules that hold for every log."""

    earliest: dt.date
    future_days: Annotated[int, Field(ge=0)]
    max_text_length: Positive
    max_line_length: Positive
    max_number: Annotated[float, Field(gt=0.0)]


class PrivacySettings(Frozen):
    """Whether identifiers are stored as keyed hashes, and the name of the environment variable that holds the key."""

    hash_ids: bool
    key_variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RuleSettings(Frozen):
    """One rule of a source: a name, what becomes of a row on which it holds, and the condition."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    disposition: Literal["quarantined", "dropped", "flagged"]
    when: str


class TimeSettings(Frozen):
    """How a source writes its event times: in text formats, as a number since 1970, or as a real timestamp."""

    column: str
    formats: tuple[str, ...] = ()
    epoch: Literal["seconds", "millis", "micros", "nanos"] | None = None
    zone: str = "UTC"


class CategorySettings(Frozen):
    """Which event names belong to one category: an exact name wins, then the longest prefix, then the first pattern."""

    name: str
    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


class SourceSettings(Frozen):
    """One kind of log: its format and how its columns map onto ours. Values are Spark SQL over the log's columns."""

    name: str
    format: Literal["csv", "jsonl", "parquet"]
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    columns: tuple[str, ...]
    #: Parquet: a file in which one of these columns has another type (Spark's name of it) is refused
    types: dict[str, str] = {}
    time: TimeSettings
    token: str
    account_id: str
    event_name: str
    duration_s: str | None = None
    value: str | None = None
    status: str | None = None
    error_when: str | None = None
    product: str | None = None
    os: str | None = None
    attributes: tuple[str, ...] = ()
    #: what identifies an event: of its rows only the one with the greatest revision (then time) is kept
    event_id: str | None = None
    #: a whole number or a time; null is the lowest
    revision: str | None = None
    duplicates: Literal["drop", "keep"] = "drop"
    rules: tuple[RuleSettings, ...] = ()
    categories: tuple[CategorySettings, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> SourceSettings:
        if self.format != "parquet" and not self.time.formats and not self.time.epoch:
            raise ValueError(f"time.formats or time.epoch: how is the text in {self.time.column!r} to be read?")
        if self.revision is not None and self.event_id is None:
            raise ValueError("revision without event_id: of what is it a revision?")
        if self.event_id is not None and self.duplicates == "keep":
            raise ValueError("event_id keeps one row per event, duplicates: keep keeps equal rows; choose one")
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError(f"rules {sorted({n for n in names if names.count(n) > 1})} are given twice")
        return self


class FeatureSettings(Frozen):
    """How the cube becomes features."""

    max_names_per_category: Annotated[int, Field(ge=64)]


class BasetableSettings(Frozen):
    """Labels, folds and missing values."""

    as_of: dt.date | None
    imputation: Literal["basetable", "logs"]
    max_missing_share: Share
    folds: Annotated[int, Field(ge=2)]
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)]
    fold_seed: int
    label_groups: dict[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _month_start(self) -> BasetableSettings:
        if self.as_of is not None and self.as_of.day != 1:
            raise ValueError(
                f"as_of {self.as_of} is not the first day of a month; the cube is monthly, "
                f"so use {self.as_of.replace(day=1)}"
            )
        return self


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

    methods: tuple[str, ...]
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
    seed: int

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

    models: tuple[str, ...]
    min_accounts: Positive
    repeats: Positive
    class_weight_cap: Annotated[float, Field(ge=1.0)]
    bootstrap: Positive
    resamples: Annotated[int, Field(ge=0)]
    learning_shares: tuple[Annotated[float, Field(gt=0.0, lt=1.0)], ...]
    ablation: bool
    predictable_auc: Annotated[float, Field(ge=0.5, lt=1.0)]
    fill_precision: Annotated[float, Field(gt=0.0, lt=1.0)]
    fill_confidence: Annotated[float, Field(gt=0.0, lt=1.0)]
    audit: AuditSettings
    gate: GateSettings
    parallelism: Positive
    seed: int


class OutlookSettings(Frozen):
    """What accounts will do next: churn and customer lifetime value."""

    horizon_months: Positive
    active_months: Positive
    min_accounts: Positive
    value_months: Positive
    bootstrap: Positive
    seed: int


class ModelSettings(Frozen):
    """One entry of `models:`: fixed parameters and the grid searched over, by Spark ML parameter name."""

    params: dict[str, float | int | str | bool]
    grid: dict[str, tuple[float | int, ...]]


class Settings(Frozen):
    """The resolved settings of one job."""

    session: SessionSettings
    storage: StorageSettings
    synthetic: SyntheticSettings
    ingest: IngestSettings
    privacy: PrivacySettings
    features: FeatureSettings
    basetable: BasetableSettings
    segments: SegmentSettings
    industry: IndustrySettings
    outlook: OutlookSettings
    models: dict[str, ModelSettings]
