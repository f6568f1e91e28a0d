"""Tell whether code has changed, by the code itself: a version is not raised with every change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fnmatch import fnmatch
from importlib.resources import files


def code_digest(packages: Sequence[str], only: str = "*.py") -> str:
    """A digest of the packages' modules of these names: another release, or a checkout, may compute otherwise.

    It is read from a zip of --py-files as well.
    """
    digest = hashlib.sha256()
    for package in packages:
        modules = (one for one in files(package).iterdir() if fnmatch(one.name, only))
        for module in sorted(modules, key=lambda one: one.name):
            digest.update(f"{package} {module.name}\n".encode() + module.read_bytes())
    return digest.hexdigest()
