"""Leakage audit before an industry model is trained: what would make its figures too good to be true.

Each check is a function from small frames to findings; a fatal one stops the run, any other is reported.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from segmentation.arrays import Floats, Ints
from segmentation.errors import InputProblem
from segmentation.features.feature import Feature
from segmentation.industries.audit_exhibits import Exhibits
from segmentation.industries.single_feature import copied_label, is_flag, rank_auc
from segmentation.industries.token_leak import token_figures
from segmentation.settings import AuditSettings
from segmentation.shown import counted

#: an industry with fewer labelled accounts is now and then told perfectly by an honest feature: of the generator's
#: industries with 10 to 19 accounts 1 in 75 has a feature with an AUC above .999, of those with 30 and more none
FEWEST_FOR_AUC = 30
#: but a feature that is one and the same number for all accounts of an industry, and for no other, is a label
FEWEST_FOR_FLAG = 10
#: from which share of the labels on (beyond the largest industry's) a feature counts as a copy of them: on the
#: generator's data, where some industries are told by one feature nearly perfectly, no clean one comes above .16
COPY = 0.9
SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """One thing that the audit noticed."""

    #: account, token, feature_auc, after_as_of, stale, label or token_gap
    kind: str
    #: what, in words
    what: str
    #: the figure behind it: accounts, an AUC, a gap
    figure: float
    #: whether it stops the run
    fatal: bool
    #: what to do about it
    fix: str
    #: the accounts concerned, a few of them; told to whoever runs it, and kept nowhere
    accounts: str = ""


@dataclass(frozen=True)
class Audit:
    """All findings, and figures that are of interest when there are none."""

    findings: tuple[Finding, ...]
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def fatal(self) -> tuple[Finding, ...]:
        """The findings that stop the run."""
        return tuple(finding for finding in self.findings if finding.fatal)

    def table(self) -> pd.DataFrame:
        """One row per finding: kind, what, figure, fatal, fix. Without accounts: those stand in tables alone."""
        names = [name for name in Finding.__dataclass_fields__ if name != "accounts"]
        return pd.DataFrame([asdict(finding) for finding in self.findings], columns=[*names, "accounts"])[names]


def audit(exhibits: Exhibits, features: Sequence[Feature], settings: AuditSettings, seed: int) -> Audit:
    """Every check on one basetable. Raises nothing: `require_clean` does."""
    known = [feature for feature in features if feature.name in exhibits.labelled]
    figures = token_figures(exhibits.token_values, seed)
    findings = [
        *check_accounts(exhibits.accounts),
        *check_tokens(exhibits.tokens),
        *check_dates(exhibits.accounts, exhibits.recount),
        *check_undeclared(exhibits.undeclared, exhibits.as_of),
        *check_labels(exhibits.labelled, known),
    ]
    aucs = single_feature_aucs(exhibits.labelled, known)
    findings += check_feature_auc(aucs, settings.feature_auc)
    if not aucs.empty:
        figures["largest_feature_auc"] = float(aucs["auc"].max())
    findings += check_token_gap(figures, settings.token_gap)
    return Audit(tuple(findings), figures)


def require_clean(found: Audit) -> None:
    """Raises InputProblem naming every fatal finding with its fix."""
    if found.fatal:
        said = "; ".join(f"{one.what}{_named(one)} ({one.fix})" for one in found.fatal)
        raise InputProblem(f"the leakage audit stops the run before training: {said}")


def check_accounts(accounts: pd.DataFrame) -> list[Finding]:
    """An account that stands in the basetable twice, in two folds or in two splits (account_id, split, fold)."""
    by = accounts.groupby("account_id")
    what = {
        "twice in the basetable": by.size(),
        "in two folds": by["fold"].nunique(),
        "in both splits": by["split"].nunique(),
    }
    fix = "build it again: `segmentation basetable --force`"
    findings = []
    for said, count in what.items():
        twice = count.index[count > 1]
        if len(twice):
            told = f"{counted(len(twice), 'account')} {said}"
            findings.append(Finding("account", told, len(twice), True, fix, _names(twice)))
    return findings


def check_tokens(tokens: pd.DataFrame) -> list[Finding]:
    """A token whose features went to accounts in two folds or splits (token_key, account_id, split, fold).

    What was fitted on one account would be tested on its twin. Within one fold it does no harm to the figures.
    """
    places = tokens.drop_duplicates(["token_key", "split", "fold"]).groupby("token_key").size()
    shared = places.index[places > 1]
    if not len(shared):
        return []
    names = _names(tokens.loc[tokens["token_key"].isin(shared), "account_id"].unique())
    said = f"usage of {counted(len(shared), 'token')} went to accounts in different folds"
    fix = "build the features again: `segmentation basetable --force`"
    return [Finding("token", said, len(shared), True, fix, names)]


def check_dates(accounts: pd.DataFrame, recount: pd.DataFrame) -> list[Finding]:
    """Usage features that hold more, or something later, than the cube has before as_of (features of `recount`).

    Fewer rows than were counted again only mean that late rows came since the basetable was built: reported.
    """
    features = [name for name in recount.columns if name != "account_id"]
    both = accounts.merge(recount, on="account_id", how="left", suffixes=("", " again"))
    findings = []
    for name in features:
        # an account without any row before as_of has nothing to be counted, and nothing that could be recent
        recency = name.endswith("days_since_last")
        again = both[f"{name} again"].fillna(np.inf if recency else 0.0)
        later = (both[name] < np.maximum(again, 1.0)) if recency else (both[name] > again)
        fewer = (both[name] > again) if recency else (both[name] < again)
        if later.any():
            said = f"{name} of {counted(later.sum(), 'account')} counts what is not in the cube before as_of"
            fix = "rows on or after as_of have entered, or rows were erased: `segmentation basetable --force`"
            names = _names(both.loc[later, "account_id"])
            findings.append(Finding("after_as_of", said, int(later.sum()), True, fix, names))
        elif fewer.any():
            said = f"{name} of {counted(fewer.sum(), 'account')} lacks rows that came in late"
            fix = "`segmentation basetable` for that as_of takes them in"
            findings.append(Finding("stale", said, int(fewer.sum()), False, fix, _names(both.loc[fewer, "account_id"])))
    return findings


def check_undeclared(undeclared: Mapping[str, dt.date | None], as_of: dt.date) -> list[Finding]:
    """Columns of the basetable that no feature declares, dates that reach as_of first of all."""
    findings = []
    for name, latest in undeclared.items():
        if latest is not None and latest >= as_of:
            said = f"column {name} holds dates up to {latest}, and nothing on or after {as_of} may enter"
            findings.append(Finding("after_as_of", said, 1.0, True, f"take {name} out of the basetable"))
        else:
            said = f"column {name} is no feature of the catalogue, and may come from the label"
            fix = f"declare {name} in features/catalogue.py, or take it out of the basetable"
            findings.append(Finding("label", said, 1.0, True, fix))
    return findings


def check_labels(labelled: pd.DataFrame, features: Sequence[Feature]) -> list[Finding]:
    """Features from which the label can be read off: each value, or each stretch of values, has one label."""
    index, names = _index(labelled)
    findings = []
    for feature in features if len(names) > 1 else ():
        values = labelled[feature.name].to_numpy()
        share = copied_label(values, index, ordered=not feature.is_categorical)
        if share >= COPY:
            said = f"the label can be read off {feature.name}: {share:.0%} of what the largest industry leaves open"
            findings.append(Finding("label", said, share, True, f"take {feature.name} out: it comes from the label"))
            continue
        for place, name in enumerate(names):
            positive = index == place
            if positive.sum() >= FEWEST_FOR_FLAG and is_flag(values, positive):
                said = f"{feature.name} is {values[positive][0]} for all accounts of {name} and for no other"
                fix = f"take {feature.name} out: it comes from the label"
                findings.append(Finding("label", said, float(positive.sum()), True, fix))
    return findings


def single_feature_aucs(labelled: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """One row per industry with enough accounts and numeric feature: industry, feature, auc (better direction)."""
    index, names = _index(labelled)
    numeric = [feature.name for feature in features if not feature.is_categorical]
    enough = [place for place in range(len(names)) if (index == place).sum() >= FEWEST_FOR_AUC]
    positive = np.array([index == place for place in enough], dtype=np.bool_).reshape(len(enough), len(index))
    values: Floats = labelled[numeric].to_numpy(dtype=np.float64)
    areas = rank_auc(values, positive[~positive.all(axis=1)])
    told = [names[place] for place, row in zip(enough, positive, strict=True) if not row.all()]
    wide = pd.DataFrame(np.maximum(areas, 1.0 - areas), index=told, columns=numeric)
    return wide.rename_axis("industry").reset_index().melt("industry", var_name="feature", value_name="auc")


def check_feature_auc(aucs: pd.DataFrame, limit: float) -> list[Finding]:
    """One feature that alone tells an industry from all others better than `limit` (frame of the function above)."""
    too_good = aucs[aucs["auc"] > limit].sort_values(["industry", "auc", "feature"], ascending=[True, False, True])
    findings = []
    for industry, rows in too_good.groupby("industry"):
        best, others = rows.iloc[0], len(rows) - 1
        also = f", and {others} more do" if others else ""
        said = f"{best['feature']} alone tells {industry} from all others with an AUC of {best['auc']:.4f}{also}"
        fix = "find out whether it comes from the label; if it is honest, raise industry.audit.feature_auc"
        findings.append(Finding("feature_auc", said, float(best["auc"]), True, fix))
    return findings


def check_token_gap(figures: Mapping[str, float], limit: float) -> list[Finding]:
    """Whether folds that cut through accounts would have flattered the model: reported, since ours do not."""
    if "token_random_auc" not in figures:
        return []
    random, account = figures["token_random_auc"], figures["token_account_auc"]
    if random - account <= limit:
        return []
    said = (
        f"with tokens dealt to folds at random the macro AUC is {random:.2f}, with whole accounts {account:.2f}: "
        "tokens of one account resemble each other"
    )
    return [Finding("token_gap", said, random - account, False, "believe no figure of folds that cut through accounts")]


def _index(labelled: pd.DataFrame) -> tuple[Ints, list[str]]:
    codes, names = pd.factorize(labelled["industry"], sort=True)
    return codes.astype(np.int64), list(names)


def _named(one: Finding) -> str:
    return f": {one.accounts}" if one.accounts else ""


def _names(ids: pd.Index | pd.Series | npt.NDArray[np.str_]) -> str:
    names = sorted(map(str, ids))
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
