"""The bytes of a log file, packed or not: their SHA-256, and the lines in them."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

_BLOCK = 1 << 20
#: bytes of the longest first line that is told whole; a text without line feeds may be larger than the memory
LONGEST_FIRST = 8 << 20
#: how a packed text is unpacked, by the ending of its name
UNPACKED: dict[str, Callable[[Any], Any]] = {".gz": lambda packed: gzip.GzipFile(fileobj=packed), ".bz2": bz2.BZ2File}


class Lines(NamedTuple):
    """What is seen of a text."""

    #: physical lines, a last one without its line feed included
    number: int
    #: of one longer than LONGEST_FIRST only its beginning, which is longer than that as well
    first: bytes
    #: SHA-256 of the text in a packed file; None of any other
    unpacked_id: str | None


class Hashed:
    """A file that is hashed while it is read, from its beginning on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        block = self._stream.read(size)
        self._digest.update(block)
        return block

    def hexdigest(self) -> str:
        """SHA-256 of the whole file; what nobody has read is read now, such as what follows broken packed data."""
        while self.read(_BLOCK):
            pass
        return self._digest.hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of its bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def count_lines(file: Hashed, ending: str, most: float) -> Lines:
    """The lines of a text, unpacked by the ending of its name; no block is read when more than `most` were seen."""
    lines, last, head = 0, b"\n", b""
    digest = hashlib.sha256() if ending in UNPACKED else None
    stream = UNPACKED[ending](file) if ending in UNPACKED else file
    while lines <= most and (block := stream.read(_BLOCK)):
        if not lines and len(head) <= LONGEST_FIRST:
            head += block
        lines += block.count(b"\n")
        last = block[-1:]
        if digest:
            digest.update(block)
    unpacked_id = digest.hexdigest() if digest else None
    if head == codecs.BOM_UTF8:
        return Lines(0, b"", unpacked_id)  # to Spark a mark alone is no line
    return Lines(lines + (last != b"\n"), head.split(b"\n", 1)[0], unpacked_id)
