"""Everything that decides what becomes of a row, as one frozen value: a batch is read by the rules of its plan."""

from __future__ import annotations

import hashlib

from segmentation.settings import CategorySettings, Frozen, IngestSettings, SourceSettings

#: how this release makes a time of what a log says; one that does it otherwise has the next number
TIMES = 3
#: the first applied the source's zone to times that name their own offset, too, the second to Parquet's nanoseconds in
#: UTC: in UTC that makes no difference (and a fraction of a second, which both left out of numbers, no other month)
ALIKE_IN_UTC = {1, 2, 3}


class RuleSet(Frozen):
    """The rules that files are read by."""

    source: SourceSettings
    categories: tuple[CategorySettings, ...]
    ingest: IngestSettings
    #: event names counted exactly per category
    max_names: int
    #: tells keys of identifiers apart without giving anything of them away; None: identifiers are stored as they are
    key_fingerprint: str | None = None
    #: `TIMES` of the release that reads by them; 0 in plans of releases that did not say, nor write replays down
    times: int = 0

    @property
    def keep_new(self) -> bool:
        """Whether columns and keys that the source does not name are kept: not where ids are hidden."""
        return self.key_fingerprint is None

    def text(self) -> str:
        """JSON, the same for equal rules."""
        return self.model_dump_json()

    def keeps_times_of(self, earlier: RuleSet) -> bool:
        """Whether a row that has a time by the earlier rules has the same one by these.

        Formats after the earlier ones read only what had no time.
        """
        ours, theirs = self.source, earlier.source
        alike = ours.time.zone == "UTC" and {self.times, earlier.times} <= ALIKE_IN_UTC
        return (
            earlier.times > 0
            and (self.times == earlier.times or alike)
            and (ours.format, ours.delimiter) == (theirs.format, theirs.delimiter)
            and ours.time.formats[: len(theirs.time.formats)] == theirs.time.formats
            and ours.time.model_copy(update={"formats": ()}) == theirs.time.model_copy(update={"formats": ()})
            and self.ingest.max_line_length >= earlier.ingest.max_line_length
        )

    def hash(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.text().encode()).hexdigest()
