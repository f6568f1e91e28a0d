"""Small basetables whose truth is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from segmentation.features.feature import Feature
from segmentation.settings import ModelSettings

AS_OF = dt.date(2026, 1, 1)
CATEGORIES = ("Document", "System", "Licensing")
ROWS, DAYS = "rows counted", "days marked"
MODELS = {
    "kmeans": ModelSettings(params={"maxIter": 20}, grid={}),
    "gmm": ModelSettings(params={"maxIter": 20}, grid={}),
    "bisecting": ModelSettings(params={"maxIter": 10}, grid={}),
    "ward": ModelSettings(params={}, grid={}),
    "hdbscan": ModelSettings(params={"min_cluster_size": 10}, grid={}),
    "lasso": ModelSettings(params={"maxIter": 12, "elasticNetParam": 1.0}, grid={"regParam": (0.01, 0.5)}),
    "gbt": ModelSettings(params={"maxIter": 2}, grid={"maxDepth": (2,)}),
    "xgboost": ModelSettings(params={"n_estimators": 2}, grid={"max_depth": (2,)}),
}


def feature(name: str, measured: str = "", **known: object) -> Feature:
    return Feature(name, "", measured, "", build=lambda: None, **known)  # type: ignore[arg-type, return-value]


def usage_features() -> list[Feature]:
    shares = [feature(f"{c.lower()}_share_year", ROWS, category=c, entry="share_year") for c in CATEGORIES]
    return [
        feature("all_rows_year", ROWS, heavy_tailed=True, category="all", entry="rows_year"),
        *shares,
        *(feature(f"{c.lower()}_active_days_year", DAYS, category=c, entry="active_days_year") for c in CATEGORIES),
        feature("constant"),
        feature("dominant_os", fill="Other"),
    ]


def groups(sizes: Sequence[int] = (30, 50, 40), seed: int = 1) -> pd.DataFrame:
    """Accounts of three well separated kinds, told apart by `kind`; kind 0 is used most, kind 2 least."""
    random = np.random.default_rng(seed)
    kind = np.repeat(np.arange(len(sizes)), sizes)
    random.shuffle(kind)
    n = len(kind)
    centres = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    frame = pd.DataFrame(
        {
            "as_of": AS_OF,
            "account_id": [f"a{i:04d}" for i in range(n)],
            "all_rows_year": np.array([9000.0, 900.0, 90.0])[kind] * np.exp(random.normal(0, 0.1, n)),
            "constant": 1.0,
            "dominant_os": np.where(kind == 2, "Mac", "Windows"),
        }
    )
    for place, category in enumerate(CATEGORIES):
        frame[f"{category.lower()}_share_year"] = centres[kind, place] + random.normal(0, 0.02, n)
        frame[f"{category.lower()}_active_days_year"] = 300 * centres[kind, place] + random.normal(0, 5, n)
    return frame.assign(kind=kind)


def labelled(
    shares: dict[str, float], signal: dict[str, float], n: int = 300, seed: int = 2, unlabelled: int = 20
) -> pd.DataFrame:
    """Accounts whose industries have the given shares; an industry with a signal shifts a feature of its own by it.

    One fifth is the test split; two folds keep the tests quick.
    """
    random = np.random.default_rng(seed)
    names = list(shares)
    industry = np.repeat(np.array(names, dtype=object), [round(share * n) for share in shares.values()])
    n = len(industry)
    order = np.arange(n)
    frame = pd.DataFrame({f"f{place}": random.normal(0, 1, n) for place in range(8)})
    for place, name in enumerate(names):
        frame.loc[industry == name, f"f{place}"] += signal.get(name, 0.0)
    frame["dominant_os"] = random.choice(["Mac", "Windows"], n)
    frame["industry"] = industry
    # Rows of an industry stand together, so counting through them spreads each over splits and folds.
    frame["split"] = np.where(order % 5 == 0, "test", "train")
    frame["fold"] = ((order // 5) % 2).astype("int32")
    frame.loc[frame.index[random.choice(n, unlabelled, replace=False)], "industry"] = None
    frame.insert(0, "as_of", AS_OF)
    frame.insert(1, "account_id", [f"a{i:04d}" for i in random.permutation(n)])
    return frame


def label_features() -> list[Feature]:
    return [*(feature(f"f{place}") for place in range(8)), feature("dominant_os", fill="Other")]
