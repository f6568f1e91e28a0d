"""Every setting, as frozen types; `conf/base.yml` explains each key and holds its default.

Nothing here reads a file: `segmentation.stores.conf` does, and turns a ValidationError into one line per wrong key.
"""

from __future__ import annotations

from segmentation.settings.accounts import BasetableSettings, FeatureSettings
from segmentation.settings.base import Frozen
from segmentation.settings.findings import (
    AuditSettings,
    GateSettings,
    IndustrySettings,
    ModelSettings,
    OutlookSettings,
    SegmentSettings,
    SpaceSettings,
)
from segmentation.settings.logs import (
    CategorySettings,
    IngestSettings,
    PrivacySettings,
    RuleSettings,
    SourceSettings,
    TimeSettings,
)
from segmentation.settings.results import ExploreSettings, ExportSettings, ReportSettings
from segmentation.settings.session import SessionSettings, StorageSettings
from segmentation.settings.synthetic import SyntheticSettings


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
    explore: ExploreSettings
    export: ExportSettings
    report: ReportSettings
    models: dict[str, ModelSettings]


__all__ = [
    "AuditSettings",
    "BasetableSettings",
    "CategorySettings",
    "ExploreSettings",
    "ExportSettings",
    "FeatureSettings",
    "Frozen",
    "GateSettings",
    "IndustrySettings",
    "IngestSettings",
    "ModelSettings",
    "OutlookSettings",
    "PrivacySettings",
    "ReportSettings",
    "RuleSettings",
    "SegmentSettings",
    "SessionSettings",
    "Settings",
    "SourceSettings",
    "SpaceSettings",
    "StorageSettings",
    "SyntheticSettings",
    "TimeSettings",
]
