"""How Spark starts, and where tables and runs live."""

from __future__ import annotations

from segmentation.settings.base import Frozen, Positive


class SessionSettings(Frozen):
    """How a Spark session is started when none is active."""

    app_name: str
    master: str | None
    driver_memory: str | None
    shuffle_partitions: Positive | None
    spark: dict[str, str]
    remote: str | None = None


class StorageSettings(Frozen):
    """Where tables and runs live: folders below the data directory, or a catalog and schema."""

    catalog: str | None
    schema_name: str
    tracking_uri: str | None
    experiment: str
    scratch: str | None = None
