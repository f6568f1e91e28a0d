"""Whether a new industry model may take the place of the one in use, and why, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segmentation.arrays import Floats
from segmentation.models.metrics import mean_of, resampled
from segmentation.settings import GateSettings
from segmentation.shown import counted

#: one-sided confidence of "not worse by more than the margin"
CONFIDENCE = 0.95
FEWEST_CLASSES = 2
#: what became of a model, as its version is tagged; overruled: refused, and published by command all the same
PASSED, REFUSED, OVERRULED = "passed", "refused", "overruled"
#: before a reason against a model
_AGAINST = f"{REFUSED}: "


@dataclass(frozen=True)
class Evidence:
    """What one model has shown."""

    #: account -> its out-of-fold loss (nats), on the same folds for both models
    losses: Mapping[str, float]
    #: macro AUC on what the fit has seen, and out of fold; None: not defined
    train_auc: float | None
    cv_auc: float | None
    #: of the test split: industries present, and labelled accounts
    test_classes: int
    test_accounts: int
    #: how well labelled accounts are told from unlabelled ones; None: not measured
    shift_auc: float | None
    #: whether every metric that has a value has a finite one
    metrics_finite: bool
    #: out-of-fold log-loss of answering with the training shares; None: not measured
    baseline_loss: float | None = None


@dataclass(frozen=True)
class Decision:
    """The verdict, with every reason for and against it."""

    promote: bool
    #: passes and refusals alike, each with its figure; refusals begin with "refused:"
    reasons: tuple[str, ...]
    #: mean loss of the challenger less the champion's over their common accounts; None without a comparison
    difference: float | None = None
    #: 5 % and 95 % points of that difference over resampled accounts: the upper one is what the margin is held against
    low: float | None = None
    high: float | None = None

    @property
    def refusals(self) -> tuple[str, ...]:
        """The reasons against it, without that word."""
        return tuple(one.removeprefix(_AGAINST) for one in self.reasons if one.startswith(_AGAINST))


@dataclass(frozen=True)
class _Check:
    passed: bool
    said: str

    @property
    def reason(self) -> str:
        return self.said if self.passed else _AGAINST + self.said


def judge(
    challenger: Evidence, champion: Evidence | None, settings: GateSettings, resamples: int, seed: int
) -> Decision:
    """Promote the challenger if it stands by itself and is not worse than the champion.

    By itself: finite figures, better than answering with the shares, a test split of several industries and enough
    accounts, no wide gap between seen and unseen accounts, and labelled accounts like those to be scored. Against the
    champion: non-inferior, that is, the one-sided 95 % bound of the paired difference in log-loss is below the margin
    (paired bootstrap over accounts, Efron and Tibshirani 1993). Two equal models pass; the newer data decide.
    """
    checks = [
        _finite(challenger),
        _better_than_shares(challenger),
        _test_split(challenger, settings),
        _overfit(challenger, settings),
        _shift(challenger, settings),
    ]
    compared, spread = _compare(challenger, champion, settings, resamples, seed)
    checks.append(compared)
    return Decision(all(check.passed for check in checks), tuple(check.reason for check in checks), *spread)


def _finite(one: Evidence) -> _Check:
    if not one.losses:
        return _Check(False, "no out-of-fold loss of any account")
    broken = sum(not math.isfinite(loss) for loss in one.losses.values())
    if broken:
        return _Check(False, f"{broken} of {len(one.losses)} out-of-fold losses are not finite")
    if not one.metrics_finite:
        return _Check(False, "a metric is not finite")
    return _Check(True, f"all metrics and {len(one.losses)} out-of-fold losses are finite")


def _better_than_shares(one: Evidence) -> _Check:
    if one.baseline_loss is None or not one.losses:
        return _Check(True, "not compared with answering the training shares")
    mean = float(np.mean(list(one.losses.values())))
    said = f"out-of-fold log-loss {mean:.4f} against {one.baseline_loss:.4f} for answering with the training shares"
    return _Check(mean < one.baseline_loss, said)


def _test_split(one: Evidence, settings: GateSettings) -> _Check:
    said = f"{counted(one.test_accounts, 'test account')} in {counted(one.test_classes, 'industry', 'industries')}"
    enough = one.test_accounts >= settings.min_test_accounts and one.test_classes >= FEWEST_CLASSES
    wanted = f"; wanted are {settings.min_test_accounts} in {FEWEST_CLASSES} or more (industry.gate.min_test_accounts)"
    return _Check(enough, said if enough else said + wanted)


def _overfit(one: Evidence, settings: GateSettings) -> _Check:
    if not _both_finite(one.train_auc, one.cv_auc):
        return _Check(False, "no AUC on the training accounts or out of fold, so nothing is known of overfitting")
    train, cv = float(one.train_auc or 0.0), float(one.cv_auc or 0.0)
    said = f"AUC {train:.3f} seen, {cv:.3f} out of fold: a gap of {train - cv:.3f}"
    return _Check(train - cv <= settings.max_overfit, f"{said}, limit {settings.max_overfit:g}")


def _both_finite(*values: float | None) -> bool:
    return all(value is not None and math.isfinite(value) for value in values)


def _shift(one: Evidence, settings: GateSettings) -> _Check:
    if one.shift_auc is None:
        return _Check(True, "shift between labelled and unlabelled accounts not measured")
    said = f"labelled accounts are told from unlabelled ones with AUC {one.shift_auc:.3f}"
    passed = math.isfinite(one.shift_auc) and one.shift_auc <= settings.max_shift_auc
    return _Check(passed, f"{said}, limit {settings.max_shift_auc:g}")


def _compare(
    challenger: Evidence, champion: Evidence | None, settings: GateSettings, resamples: int, seed: int
) -> tuple[_Check, tuple[float | None, float | None, float | None]]:
    nothing = (None, None, None)
    if champion is None:
        return _Check(True, "there is no champion to compare with"), nothing
    common = sorted(set(challenger.losses) & set(champion.losses))
    if len(common) < settings.min_test_accounts:
        few = f"only {len(common)} accounts were judged by both models, fewer than {settings.min_test_accounts}"
        return _Check(False, few), nothing
    old = np.array([champion.losses[account] for account in common])
    if not np.isfinite(old).all():
        return _Check(True, "the champion's own out-of-fold losses are not finite: nothing to be worse than"), nothing
    differences = np.array([challenger.losses[account] for account in common]) - old
    if not np.isfinite(differences).all():
        return _Check(False, "the losses cannot be compared: the challenger's are not all finite"), nothing
    difference, low, high = _paired(differences, resamples, seed)
    said = (
        f"out-of-fold log-loss differs from the champion's by {difference:+.4f} over {len(common)} accounts, "
        f"at most {high:+.4f} with {CONFIDENCE:.0%} confidence; margin {settings.margin:g}"
    )
    return _Check(high <= settings.margin, said), (difference, low, high)


def _paired(differences: Floats, resamples: int, seed: int) -> tuple[float, float, float]:
    means = resampled({"mean": mean_of(differences)}, len(differences), resamples, seed)["mean"]
    low, high = np.percentile(means, [100 * (1 - CONFIDENCE), 100 * CONFIDENCE])
    return float(differences.mean()), float(low), float(high)
