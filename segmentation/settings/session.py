"""How Spark starts, and where tables and runs live."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segmentation.settings.base import Frozen, Positive


class SessionSettings(Frozen):
    """How a Spark session is started when none is active."""

    app_name: str
    master: Annotated[str, Field(pattern=r"^(local(\[.+\]|-cluster\[.+\])?|spark://.+|k8s://.+|yarn)$")] | None
    driver_memory: Annotated[str, Field(pattern=r"^[1-9]\d*[kKmMgGtT]$")] | None
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
