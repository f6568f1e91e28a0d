"""What the basetable of each date was built from, as the table's note says: jobs tell by it what has changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from segmentation.code_digest import code_digest
from segmentation.features.feature import Feature
from segmentation.runtime import Job
from segmentation.schemas import ACCOUNTS, ACTIVITY, BASETABLE, TOKENS

#: packages whose code decides what a basetable of given tables holds
_FORMULAS = ("segmentation.features", "segmentation.basetable")


@dataclass(frozen=True)
class Built:
    """The build of one date."""

    #: column of the accounts file
    label: str
    label_groups: dict[str, Any] = field(default_factory=dict)
    #: digest of all that the rows depend on
    made_from: str | None = None
    #: when: a build that was forced is another one
    at: str | None = None


def built_of(job: Job, as_of: dt.date) -> Built | None:
    """The last build of the date; None where nothing tells."""
    return _noted(job).get(str(as_of))


def labels_of(job: Job, as_of: dt.date) -> set[str]:
    """The label's column in the accounts file; where nothing tells of this date, those of all others."""
    noted = _noted(job)
    return {noted[str(as_of)].label} if str(as_of) in noted else {one.label for one in noted.values()}


def is_behind(job: Job, as_of: dt.date, features: Sequence[Feature]) -> bool:
    """Whether the date would be built from other tables, settings or code today; False where nothing tells.

    `features`: those that a basetable has today.
    """
    built = built_of(job, as_of)
    if built is None or built.made_from is None:
        return False
    return built.made_from != digest_of(job, as_of, features, built.label)


def digest_of(job: Job, as_of: dt.date, features: Sequence[Feature], label: str) -> str:
    """A digest of what the basetable depends on; equal ones mean equal basetables."""
    settings = job.settings.model_dump(mode="json", include={"basetable", "features"})
    del settings["basetable"]["as_of"]  # it may be left to the logs
    versions = job.tables.versions([ACTIVITY, ACCOUNTS, TOKENS])
    columns = [one.name for one in features]
    asked = {"as_of": str(as_of), "label": label, "columns": columns, "code": code_digest(_FORMULAS)}
    return hashlib.sha256(json.dumps({**asked, **versions, **settings}, sort_keys=True).encode()).hexdigest()


def note_with(job: Job, as_of: dt.date, built: Built) -> str:
    """The note after this build: those of other dates stay."""
    noted = {**_noted(job), str(as_of): built}
    return json.dumps({date: asdict(one) for date, one in noted.items()}, sort_keys=True)


def _noted(job: Job) -> dict[str, Built]:
    """By as_of; earlier releases noted the last build alone."""
    noted = json.loads(job.tables.note(BASETABLE) or "{}")
    if "as_of" in noted:
        return {noted["as_of"]: Built(noted["label"], noted.get("basetable", {}).get("label_groups") or {})}
    return {date: Built(**one) for date, one in noted.items()}
