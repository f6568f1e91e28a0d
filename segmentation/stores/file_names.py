"""Names of files as Spark takes them."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

#: what Spark unpacks, too, while nobody here could count the lines in it
_PACKED_OTHERWISE = (".deflate", ".lz4", ".snappy", ".zst")


def spelled(path: Path) -> bytes:
    """The path in bytes; what of it is not UTF-8 is written out."""
    return str(path).encode("utf-8", "backslashreplace")


def misnamed(path: Path, packed: Container[str]) -> str | None:
    """Why Spark does not read a file of this path; `packed` are the endings of those that it unpacks.

    To Java a name is letters, to a disk it may be any bytes.
    """
    if spelled(path).decode() != str(path):
        return "misnamed: its name, or that of a folder above it, is not UTF-8; rename it"
    name, ending = path.name, path.suffix
    if ":" in name:
        return "misnamed: Spark takes what stands before the colon in its name for a protocol; rename it"
    if name.startswith((".", "_")):
        return "misnamed: Spark passes over files whose names begin with a dot or an underscore; rename it"
    if ending not in packed and ending.lower() in packed:
        return f"misnamed: Spark unpacks {ending.lower()} and not {ending}; rename it to end in {ending.lower()}"
    if ending.lower() in _PACKED_OTHERWISE:
        return f"misnamed: {ending} is unpacked by Spark and not read here; unpack it, or pack it anew as .gz"
    return None
