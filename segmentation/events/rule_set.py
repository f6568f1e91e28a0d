"""Everything that decides what becomes of a row, as one frozen value: a batch is read by the rules of its plan."""

from __future__ import annotations

import hashlib

from segmentation.settings import CategorySettings, Frozen, IngestSettings, SourceSettings


class RuleSet(Frozen):
    """The rules that files are read by."""

    source: SourceSettings
    categories: tuple[CategorySettings, ...]
    ingest: IngestSettings
    #: event names counted exactly per category
    max_names: int
    #: tells keys of identifiers apart without giving anything of them away; None: identifiers are stored as they are
    key_fingerprint: str | None = None

    def text(self) -> str:
        """JSON, the same for equal rules."""
        return self.model_dump_json()

    def hash(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text().encode()).hexdigest()
