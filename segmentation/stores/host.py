"""Where this process runs, as its environment tells; asked here and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

from segmentation.settings import SessionSettings


def on_databricks() -> bool:
    """Whether this is a cluster, a job or a notebook of Databricks."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def is_submitted() -> bool:
    """Whether Spark's own launcher scripts started this process."""
    return "SPARK_ENV_LOADED" in os.environ


def remote_address(settings: SessionSettings) -> str | None:
    """The Connect server that a new session goes to: `session.remote`, else $SPARK_REMOTE; None for none."""
    return settings.remote or os.environ.get("SPARK_REMOTE") or None


def spark_path(path: Path) -> str:
    """A path of this machine as Spark has to be given it: a bare one a cluster with HDFS would look for there.

    On Databricks a bare one is right: its folders (/Volumes) are Spark's own and shown to the machine as well.
    """
    return str(path) if on_databricks() else f"file:{path}"
