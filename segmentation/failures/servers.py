"""Faults of servers that a job speaks to, Spark Connect and MLflow, told by what their clients say."""

from __future__ import annotations

import re

_CONNECT_GONE = re.compile(r"StatusCode\.UNAVAILABLE|failed to connect to all addresses|RetriesExceeded")
_SESSION_GONE = re.compile(r"INVALID_HANDLE\.SESSION_\w+|SESSION_NOT_FOUND|SESSION_CLOSED|session_id .* not found")
_NO_DELTA = re.compile(r"(?:DATA_SOURCE_NOT_FOUND|Failed to find the data source)[^\n]*\bdelta\b", re.IGNORECASE)
_TRACKING_GONE = re.compile(r"HTTPS?ConnectionPool\(host='([^']*)', port=(\d+)\)")


def server_fault(text: str) -> str | None:
    """What is wrong with a server and how to mend it, as one line; None when the text tells of something else."""
    if gone := _TRACKING_GONE.search(text):
        return f"the MLflow server at {gone[1]}:{gone[2]} does not answer: start it, or correct storage.tracking_uri"
    if _CONNECT_GONE.search(text):
        return "the Spark Connect server is gone (stopped, killed, or out of memory): start it again"
    if _SESSION_GONE.search(text):
        return "the Spark Connect server no longer knows this session (it was restarted, or let the session go)"
    if _NO_DELTA.search(text):
        return "this Spark does not know Delta: start it with Delta's jars (--jars) and Delta's two settings"
    return None
