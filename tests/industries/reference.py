"""The same logistic regression by scikit-learn: what Spark's figures are held against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.features.feature import Feature
from segmentation.models.preparation import NEAR_CONSTANT


def numbers(frame: pd.DataFrame, features: Sequence[Feature]) -> np.ndarray:
    """Numeric features as models see them before anything is fitted, then one column per value of the others."""
    columns = []
    for feature in features:
        values = frame[feature.name]
        if feature.is_categorical:
            columns += [(values == one).astype(float).to_numpy() for one in sorted(values.unique())]
        else:
            plain = values.to_numpy(dtype=float)
            columns.append(np.sign(plain) * np.log1p(np.abs(plain)) if feature.heavy_tailed else plain)
    return np.column_stack(columns)


def lasso(accounts: int, reg_param: float) -> Pipeline:
    """Standardised L1 logistic regression; scikit-learn adds losses up where Spark takes their mean."""
    model = LogisticRegression(
        l1_ratio=1.0, C=1.0 / (accounts * reg_param), solver="saga", max_iter=3000, tol=1e-4, random_state=0
    )
    return make_pipeline(VarianceThreshold(NEAR_CONSTANT), StandardScaler(), model)


def lasso_auc(frame: pd.DataFrame, features: Sequence[Feature], positive: str, reg_param: float) -> dict[str, float]:
    """AUC of `positive` on the training accounts, out of fold over the stored folds, and on the test accounts."""
    known = frame[frame["industry"].notna()].sort_values("account_id", ignore_index=True)
    data, actual = numbers(known, features), (known["industry"] == positive).to_numpy()
    train, fold = (known["split"] == "train").to_numpy(), known["fold"].to_numpy()
    fitted = lasso(int(train.sum()), reg_param).fit(data[train], actual[train])
    unseen = np.full(len(known), np.nan)
    for one in range(int(fold.max()) + 1):
        seen, left_out = train & (fold != one), train & (fold == one)
        unseen[left_out] = (
            lasso(int(seen.sum()), reg_param).fit(data[seen], actual[seen]).predict_proba(data[left_out])[:, 1]
        )
    scores = fitted.predict_proba(data)[:, 1]
    return {
        "train": float(roc_auc_score(actual[train], scores[train])),
        "cv": float(roc_auc_score(actual[train], unseen[train])),
        "test": float(roc_auc_score(actual[~train], scores[~train])),
    }
