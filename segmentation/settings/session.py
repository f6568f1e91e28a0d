"""How Spark starts, and where tables and runs live."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from segmentation.arguments import expanded
from segmentation.settings.base import Frozen, Positive

#: megabytes of heap below which Spark does not start
LEAST_MEMORY = 512
_LOCAL = r"local(\[(\*|[1-9]\d*)(, *[1-9]\d*)?\])?"
_MASTER = rf"^({_LOCAL}|local-cluster\[.+\]|spark://.+|k8s://.+|yarn)$"


def _enough(memory: str) -> str:
    """Spark asks for one and a half times the 300 MB that it takes for itself."""
    if int(memory[:-1]) * 1024 ** "kmgt".index(memory[-1].lower()) < LEAST_MEMORY * 1024:
        raise ValueError(f"{memory} is less than the {LEAST_MEMORY}m that Spark needs to start")
    return memory


def _at_home(folder: str) -> str:
    """Whatever begins otherwise stays letter by letter: it may be an address, to be refused by name."""
    return str(expanded(folder)) if folder.startswith("~") else folder


class SessionSettings(Frozen):
    """How a Spark session is started when none is active."""

    app_name: str
    master: Annotated[str, Field(pattern=_MASTER)] | None
    driver_memory: Annotated[str, Field(pattern=r"^[1-9]\d*[kKmMgGtT]$"), AfterValidator(_enough)] | None
    shuffle_partitions: Positive | None
    spark: dict[str, str]
    remote: str | None = None


class StorageSettings(Frozen):
    """Where tables and runs live: folders below the data directory, or a catalog and schema."""

    catalog: str | None
    schema_name: str
    tracking_uri: str | None
    experiment: str
    scratch: Annotated[str, AfterValidator(_at_home)] | None = None
