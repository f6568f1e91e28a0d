"""The key behind the hashed identifiers. It is in the environment and nowhere else: no file, no setting, no message."""

from __future__ import annotations

import hmac
import os

from segmentation.errors import InputProblem
from segmentation.settings import PrivacySettings

MIN_LENGTH = 32


def read_key(settings: PrivacySettings) -> bytes | None:
    """The key, or None when identifiers are not to be hashed; raises InputProblem when it is missing or too short."""
    if not settings.hash_ids:
        return None
    name = settings.key_variable
    value = os.environ.get(name, "").strip()  # a line feed at the end of a secret's file is no part of it
    if len(value) < MIN_LENGTH:
        found = f"holds {len(value)} characters" if value else "is not set"
        raise InputProblem(
            f"privacy.hash_ids is on and the environment variable {name} {found}; the key needs {MIN_LENGTH} or more. "
            f'A good one: export {name}="$(python3 -c "import secrets; print(secrets.token_hex(32))")" '
            "- keep it safe: under another key nothing stored matches"
        )
    return os.fsencode(value)


def key_fingerprint(key: bytes) -> str:
    """Eight hex characters by which runs tell whether they use the same key; they say nothing about it."""
    return hmac.digest(key, b"fingerprint", "sha256").hex()[:8]
