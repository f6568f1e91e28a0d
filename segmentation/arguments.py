"""Arguments that several commands take, and what a path is, there and in settings."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path


def expanded(path: str) -> Path:
    """The path, with the user's home for a leading `~`; ValueError where that is nobody's, such as `~nobody/logs`.

    A shell leaves `~` as it is in `--data-dir=~/logs`, and settings no shell has seen. `./~` is a folder of that name.
    """
    try:
        return Path(path).expanduser() if path.startswith("~") else Path(path)
    except RuntimeError as problem:
        raise ValueError(f"{path}: {problem}") from None


def given_path(text: str) -> Path:
    """The type of every option that is a path: refused when blank, which would be the working directory."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: name a path (the folder you are in is `.`)")
    try:
        return expanded(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that every job takes."""
    parser.add_argument("--data-dir", type=given_path, default=Path("data"), metavar="DIR",
                        help="where tables, model runs and drops live (default: data)")  # fmt: skip
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="conf/NAME.yml over conf/base.yml (default: local, cluster under spark-submit, databricks)",
    )
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE",
                        help="one setting, such as segments.k_max=6; may be repeated")  # fmt: skip
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS",
                        help="how long to wait for another job that writes there (default: 0)")  # fmt: skip
    parser.add_argument("--show-settings", action="store_true", help="print the resolved settings and stop")


def add_as_of(parser: argparse.ArgumentParser) -> None:
    """--as-of and --force, for the jobs that speak for a date."""
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        type=dt.date.fromisoformat,
        help="first day of a month; nothing on or after it enters (default: basetable.as_of of the settings, else for "
        "run and basetable the last that the logs reach, for all others the latest that is stored)",
    )
    parser.add_argument("--force", action="store_true", help="do it again although nothing it depends on has changed")
