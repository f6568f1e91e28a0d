"""Where this process runs, as its environment tells; asked here and nowhere else."""

from __future__ import annotations

import os


def on_databricks() -> bool:
    """Whether this is a cluster, a job or a notebook of Databricks."""
    return "DATABRICKS_RUNTIME_VERSION" in os.environ


def is_submitted() -> bool:
    """Whether Spark's own launcher scripts started this process."""
    return "SPARK_ENV_LOADED" in os.environ
