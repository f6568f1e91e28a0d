"""Faults of servers that a job speaks to, Spark Connect and MLflow, told by what their clients say."""

from __future__ import annotations

import re

_CONNECT_GONE = re.compile(r"StatusCode\.UNAVAILABLE|failed to connect to all addresses|RetriesExceeded")
_SESSION_GONE = re.compile(r"INVALID_HANDLE\.SESSION_\w+|SESSION_NOT_FOUND|SESSION_CLOSED|session_id .* not found")
_NO_DELTA = re.compile(r"(?:DATA_SOURCE_NOT_FOUND|Failed to find the data source)[^\n]*\bdelta\b", re.IGNORECASE)
#: what Python says where it speaks to a server by TLS
_TLS = re.compile(r"\bSSL\w*Error\(")
_TLS_WORDS = re.compile(r"\[SSL: \w+\] ([^\n()]*)")
#: OpenSSL's words for an authority that it does not know; 1.1 wrote them without a hyphen
_UNTRUSTED = re.compile(r"self.signed|unable to get")
_ANSWERS_BADLY = re.compile(r"too many (\d{3}) error responses")
_TRACKING_FAILED = re.compile(r"HTTPS?ConnectionPool\(host='([^']*)', port=(\d+)\)")


def server_fault(text: str) -> str | None:
    """What is wrong with a server and how to mend it, as one line; None when the text tells of something else."""
    if tracking := _TRACKING_FAILED.search(text):
        return _tracking_fault(f"the MLflow server at {tracking[1]}:{tracking[2]}", text)
    if _CONNECT_GONE.search(text):
        return "the Spark Connect server is gone (stopped, killed, or out of memory): start it again"
    if _SESSION_GONE.search(text):
        return "the Spark Connect server no longer knows this session (it was restarted, or let the session go)"
    if _NO_DELTA.search(text):
        return "this Spark does not know Delta: start it with Delta's jars (--jars) and Delta's two settings"
    return None


def _tracking_fault(server: str, text: str) -> str:
    if _TLS.search(text) and _UNTRUSTED.search(text):
        return (
            f"the certificate of {server} is not trusted here: name the file of its authority in the environment "
            "variable MLFLOW_TRACKING_SERVER_CERT_PATH"
        )
    if _TLS.search(text):
        words = _TLS_WORDS.search(text)
        told = f" ({words[1].strip()})" if words else ""
        return f"{server} cannot be spoken to by https{told}: mend that, or correct storage.tracking_uri"
    if code := _ANSWERS_BADLY.search(text):
        return f"{server} answers with error {code[1]}: its own log says why"
    return f"{server} does not answer: start it, or correct storage.tracking_uri"
