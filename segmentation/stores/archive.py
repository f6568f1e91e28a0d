"""The package as a zip for `spark-submit --py-files`: it serves the driver and Python on the executors alike.

`python -m segmentation.stores.archive dist/segmentation.zip`. It holds what the wheel holds: `segmentation/` and,
inside it, `conf/`. Equal files give an equal zip.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from segmentation.stores.conf import conf_dir
from segmentation.stores.files import whole

#: the earliest time that a zip can tell; the files' own would make every zip a different one
_NO_TIME = (1980, 1, 1, 0, 0, 0)


def write_archive(target: Path) -> Path:
    """Write the zip, over an earlier one, and return its path."""
    package = files("segmentation")
    members = dict(_members(package, "segmentation")) | dict(_members(conf_dir(), "segmentation/conf"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole(target) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, members[name].read_bytes())
    return target


def _members(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    """The files below a folder by their name in the zip; hidden ones and compiled ones are not ours."""
    for entry in folder.iterdir():
        if entry.name.startswith((".", "__pycache__")):
            continue
        inside = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _members(entry, inside)
        else:
            yield inside, entry


if __name__ == "__main__":
    written = write_archive(Path(sys.argv[1] if len(sys.argv) > 1 else "dist/segmentation.zip"))
    sys.stdout.write(f"{written}\n")
