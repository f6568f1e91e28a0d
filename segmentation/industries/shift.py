"""Whether the labelled accounts are like the unlabelled ones that are to be filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.arrays import Bools, Floats
from segmentation.models.metrics import auc, interval_out_of_fold, resampled, weighted_auc

FOLDS = 5
#: accounts on each side without which nothing is measured
FEWEST = 10
#: the inverse of the ridge: strong, since there are as many features as accounts
WEAKNESS = 0.001
FEATURES_LISTED = 20
FALSE_DISCOVERIES = 0.05
COLUMNS = ["feature", "distance", "labelled", "unlabelled", "q_value"]


@dataclass(frozen=True)
class Shift:
    """How well labelled accounts are told from unlabelled ones."""

    #: of a classifier on accounts it has not seen: 0.5, they are alike; None: too few on one side
    auc: float | None
    #: 95 % bootstrap interval over accounts, widened as those of slice cv
    low: float | None
    high: float | None
    labelled: int
    unlabelled: int
    #: the most different features: feature, distance (Kolmogorov-Smirnov), mean of the labelled and of the unlabelled
    #: accounts, q_value (after Benjamini-Hochberg over all features); only q <= 5 %, largest distance first
    features: pd.DataFrame
    #: the same in words
    sentence: str


def shift(numbers: Floats, labelled: Bools, names: Sequence[str], resamples: int, seed: int) -> Shift:
    """Classifier two-sample test (Lopez-Paz and Oquab 2017) and the features that differ most.

    `numbers` is accounts x features (named by `names`), heavy tails taken off. A ridge logistic regression is asked,
    out of fold, which accounts are labelled: it sees shifts of means in many features at once, while the distances
    see any change of a single one.
    """
    known, unknown = int(labelled.sum()), int((~labelled).sum())
    if min(known, unknown) < FEWEST:
        said = f"{known} labelled and {unknown} unlabelled accounts: too few to compare"
        return Shift(None, None, None, known, unknown, pd.DataFrame(columns=COLUMNS), said)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=WEAKNESS, max_iter=200))
    score = cross_val_predict(model, numbers, labelled, cv=folds, method="decision_function")
    spread = resampled({"auc": lambda drawn: weighted_auc(labelled, score, drawn)}, len(score), resamples, seed)
    value = auc(labelled, score) or 0.0  # both sides are there
    low, high = interval_out_of_fold(spread["auc"], value, FOLDS, (0.0, 1.0))
    features = _features(numbers, labelled, names)
    said = _words(value, low, high, features)
    return Shift(value, low, high, known, unknown, features, said)


def _features(numbers: Floats, labelled: Bools, names: Sequence[str]) -> pd.DataFrame:
    known, unknown = numbers[labelled], numbers[~labelled]
    varies = np.flatnonzero(np.ptp(numbers, axis=0) > 0)
    tests = [ks_2samp(known[:, place], unknown[:, place], method="asymp") for place in varies]
    frame = pd.DataFrame(
        {
            "feature": [names[int(place)] for place in varies],
            "distance": [float(test.statistic) for test in tests],
            "labelled": known[:, varies].mean(axis=0),
            "unlabelled": unknown[:, varies].mean(axis=0),
            "q_value": false_discovery_control([test.pvalue for test in tests]) if tests else [],
        },
        columns=COLUMNS,
    )
    differ: pd.DataFrame = frame[frame["q_value"] <= FALSE_DISCOVERIES]
    return differ.sort_values(["distance", "feature"], ascending=[False, True], ignore_index=True).head(FEATURES_LISTED)


def _words(value: float, low: float | None, high: float | None, features: pd.DataFrame) -> str:
    between = f" (95 % interval {low:.3f} to {high:.3f})" if low is not None and high is not None else ""
    told = f"labelled accounts are told from unlabelled ones with AUC {value:.3f}{between}"
    alike = low is None or low <= 0.5  # noqa: PLR2004  # the AUC of a guess
    if alike and features.empty:
        return f"{told}: no sign that they differ"
    most = f"; most different: {', '.join(features['feature'][:3])}" if len(features) else ""
    return f"{told}: they differ, so figures from labelled accounts hold for the others only so far{most}"
