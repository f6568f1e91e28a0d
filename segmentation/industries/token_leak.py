"""What folds that cut through accounts would pretend: the same model with tokens dealt at random, and by account."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import roc_auc_score

from segmentation.arrays import Bools, Floats, Ints

#: a classifier that remembers single accounts well, which is what random folds reward
TREES = 60
#: industries with fewer tokens, or with tokens in fewer folds, are left out of the comparison
FEWEST_TOKENS, FEWEST_FOLDS = 20, 2


def token_figures(tokens: pd.DataFrame, seed: int) -> dict[str, float]:
    """Macro AUC `token_random_auc` over folds of tokens at random, and `token_account_auc` over the accounts' folds.

    `tokens`: one row per token of a labelled account, with token_key, account_id, industry, fold (of the account) and
    its measures. Random folds go by the order of token_key, which is a hash. Nothing when fewer than two industries
    have enough tokens, or when every account has a single token, so that the two kinds of folds are one.
    """
    by = tokens.groupby("industry")
    enough = (by.size() >= FEWEST_TOKENS) & (by["fold"].nunique() >= FEWEST_FOLDS)
    rows = tokens[tokens["industry"].isin(enough.index[enough])].sort_values("token_key", ignore_index=True)
    if rows["industry"].nunique() < FEWEST_FOLDS or not rows["account_id"].duplicated().any():
        return {}
    numbers = rows.drop(columns=["token_key", "account_id", "industry", "fold"])
    values: Floats = np.log1p(np.maximum(numbers.fillna(0.0).to_numpy(dtype=np.float64), 0.0))
    label = pd.factorize(rows["industry"], sort=True)[0].astype(np.int64)
    by_account = rows["fold"].to_numpy(dtype=np.int64)
    at_random = np.arange(len(rows), dtype=np.int64) % len(np.unique(by_account))
    return {
        "token_random_auc": _macro_auc(values, label, at_random, seed),
        "token_account_auc": _macro_auc(values, label, by_account, seed),
    }


def _macro_auc(values: Floats, label: Ints, fold: Ints, seed: int) -> float:
    """Mean AUC of the industries against the rest, every token judged by trees that have not seen its fold."""
    given = np.zeros((len(label), int(label.max()) + 1))
    for held_out in np.unique(fold):
        inside: Bools = fold != held_out
        trees = ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed).fit(values[inside], label[inside])
        given[np.ix_(~inside, trees.classes_)] = trees.predict_proba(values[~inside])
    return float(np.mean([roc_auc_score(label == place, given[:, place]) for place in range(given.shape[1])]))
