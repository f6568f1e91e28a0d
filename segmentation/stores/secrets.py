"""Secrets: the key behind hashed identifiers, which is in the environment alone, and others that no text may show."""

from __future__ import annotations

import hmac
import os
import re

from segmentation.errors import InputProblem
from segmentation.settings import PrivacySettings

MIN_LENGTH = 32
HIDDEN = "***"
#: names of settings and of parts of an address whose values nobody but Spark and MLflow should see
_SECRET = (
    r"[\w.-]*(?:(?:secret|password|passwd|passphrase|credential|private[._-]?key|azure[._-]account[._-]key|azure[._-]sas)"
    r"[\w.-]{0,200}|access[._-]?key(?:[._-]?id)?"
    r"|(?:session|access|auth|oauth2?|bearer|refresh|api)[._-]?token)"  # any other token may be a licence
)
# what stands before the @ of Azure's storage is a container. A password may hold slashes, even behind digits, which in
# addresses without one are a port; lengths are bounded, as a long text would take its square of steps
_IN_ADDRESS = re.compile(
    r"(?i)(?<=://)(?<!abfss://)(?<!abfs://)(?<!wasbs://)(?<!wasb://)(?:"
    r"(?<!sc://)(?<!http://)(?<!https://)(?<!hdfs://)(?<!artifacts://)[^/\s:'\"]{0,200}:\S{0,500}"
    r"|[^/\s:@'\"]{0,200}:(?!\d+(?:[^\w.~%!$&*+=@-]|$))[^\s'\",]{0,500}|[^/\s]+)(?=@)"
)
# a quoted value goes up to its last quote, whatever stands between; what is escaped in it is no end
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.|'')*')?(?:(?<=["'])[^\s;&,{}]*|[^\s;&,{}]*[^\s;&,{}:])"""
# a name is looked for where it begins alone: from every dot in it on, a long one would take its square of steps
_GIVEN = re.compile(rf"(?i)((?<![\w.-]){_SECRET}['\"]?\s*[=:]\s*|[;?&]token=|[?&](?:sig|signature|password)=){_VALUE}")


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


def veiled(text: str) -> str:
    """The text without passwords of addresses (`https://user:password@host`, `;token=...`) and of settings."""
    return _GIVEN.sub(rf"\1{HIDDEN}", _IN_ADDRESS.sub(HIDDEN, text))


def veiled_value(name: str, value: str) -> str:
    """The value of a setting of that name, hidden as a whole where the name tells that it is a secret."""
    # in the name of a setting a token is no licence, but what an executor's variable logs in with
    return HIDDEN if re.fullmatch(rf"(?i){_SECRET}|[\w.-]*token", name) else veiled(value)
