"""One walk of the whole path on small generated logs, for every test that reads what a walk leaves."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from segmentation.jobs.command import main
from segmentation.runtime import Exit

#: small enough to be walked in a minute; three methods' worth of segments, two points of the grid
SETTINGS = {
    "synthetic.rows": 60000,
    "synthetic.accounts": 300,
    "synthetic.months": 15,
    "synthetic.labelled_share": 0.6,
    "segments.methods": "[kmeans, gmm]",
    "segments.k_min": 4,
    "segments.k_max": 6,
    "segments.resamples": 3,
    "industry.min_accounts": 8,
    "industry.bootstrap": 100,
    "industry.repeats": 1,
    "industry.resamples": 3,
    "industry.learning_shares": "[0.5]",
    "models.lasso.grid": "{regParam: [0.01, 0.03]}",
}
SMALL = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
AS_OF = dt.date(2026, 1, 1)


def generate(folder: Path) -> None:
    """Raw logs, accounts file and planted truth below `folder`."""
    assert main(["generate", "--data-dir", str(folder), *SMALL]) == Exit.OK


def arguments(folder: Path) -> list[str]:
    """Of `segmentation run` over the logs that `generate` wrote below `folder`."""
    raw = folder / "raw"
    paths = ["--input", str(raw / "logs"), "--accounts", str(raw / "accounts.csv"), "--data-dir", str(folder)]
    return ["--source", "generated", "--label", "industry", *paths, *SMALL]


def walk(folder: Path) -> int:
    """The exit code of `segmentation run` over the logs that `generate` wrote below `folder`."""
    return main(["run", *arguments(folder)])
