"""Which industries can be learned at all."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from segmentation.basetable.folds import TRAIN
from segmentation.errors import InputProblem, LackingData
from segmentation.industries.filling import ALL
from segmentation.shown import counted

FEWEST_INDUSTRIES = 2
FEWEST_FOLDS = 2


@dataclass(frozen=True)
class Labels:
    """The industries to tell apart, and the ones left out."""

    #: most labelled accounts first, then by name; the place is the class index
    industries: tuple[str, ...]
    #: labelled accounts of each
    support: dict[str, int]
    #: industry left out -> why
    excluded: dict[str, str]
    #: number of cross-validation folds
    folds: int


def choose_labels(labelled: pd.DataFrame, min_accounts: int) -> Labels:
    """The learnable industries among `labelled`: one row per account with industry, split and fold.

    An industry needs `min_accounts` labelled accounts, and training accounts in two folds, or else some fold would
    have none to learn from. Raises LackingData when fewer than two industries remain, InputProblem for one
    that is called as all of them are together.
    """
    if ALL in set(labelled["industry"]):
        raise InputProblem(
            f"an industry is called {ALL!r}, as tables call all of them together: rename it in the accounts file, or "
            f"by basetable.label_groups ({{another name: [{ALL}]}})"
        )
    counts = labelled["industry"].value_counts()
    train = labelled[labelled["split"] == TRAIN]
    folds_of = train.groupby("industry")["fold"].nunique()
    kept, excluded = [], {}
    for industry in sorted(counts.index, key=lambda name: (-counts[name], name)):
        if counts[industry] < min_accounts:
            excluded[industry] = f"{counted(int(counts[industry]), 'labelled account')}, fewer than {min_accounts}"
        elif folds_of.get(industry, 0) < FEWEST_FOLDS:
            excluded[industry] = "its training accounts do not reach into two folds"
        else:
            kept.append(industry)
    _enough(kept, excluded, len(labelled))
    folds = _folds(train[train["industry"].isin(kept)])
    return Labels(tuple(kept), {name: int(counts[name]) for name in kept}, excluded, folds)


def _enough(kept: list[str], excluded: dict[str, str], labelled: int) -> None:
    if len(kept) >= FEWEST_INDUSTRIES:
        return
    found = f"only {kept[0]} has enough labelled accounts" if kept else f"none among {labelled} labelled accounts"
    left_out = f" (left out: {'; '.join(f'{name}: {why}' for name, why in excluded.items())})" if excluded else ""
    raise LackingData(
        f"an industry model needs at least two industries: {found}{left_out}; give more labels, "
        "lower industry.min_accounts, or merge industries with basetable.label_groups"
    )


def _folds(train: pd.DataFrame) -> int:
    folds = int(train["fold"].max()) + 1
    empty = sorted(set(range(folds)) - set(train["fold"]))
    if empty:
        raise InputProblem(f"no labelled training account in fold {', '.join(map(str, empty))}; use fewer folds")
    return folds
