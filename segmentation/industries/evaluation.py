"""Every metric of a slice beside its interval, its baselines and what chance alone would reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from segmentation.industries import metrics as m
from segmentation.industries.metrics import Floats, Ints

#: draws of the stratified random baseline, averaged so that one lucky draw does not set the bar
RANDOM_DRAWS = 20
AUC, MACRO_AUC, ACCURACY, TOP2, LOG_LOSS = "auc", "macro_auc", "accuracy", "top2_accuracy", "log_loss"


@dataclass(frozen=True)
class Measured:
    """One row of the metrics table."""

    #: train (what the fit has seen), cv (out of fold) or test (never seen)
    slice: str
    metric: str
    #: the industry of an AUC against the rest; None for a metric over all of them
    industry: str | None
    #: None where it is not defined, with the reason
    value: float | None
    #: 95 % bootstrap interval over accounts
    low: float | None
    high: float | None
    #: the same metric for answering every account with the shares of the training split
    majority: float | None
    #: the same metric for drawing the answer at random from those shares (mean of some draws)
    random: float | None
    #: upper end (97.5 %) of the metric, and the share of permutations reaching `value`, with the labels dealt out
    #: again at random; only for AUC
    chance_high: float | None
    p_value: float | None
    #: accounts behind the value: of the industry, or all of the slice
    support: int
    reason: str | None = None


@dataclass(frozen=True)
class Slice:
    """The accounts that one set of metrics is about."""

    name: str
    #: class index of each account
    actual: Ints
    #: one row of probabilities per account
    given: Floats


def evaluate(part: Slice, industries: tuple[str, ...], priors: Floats, resamples: int, seed: int) -> pd.DataFrame:
    """One row per metric and industry of a slice (columns of `Measured`); no rows' worth of guesses for no accounts.

    AUC of a constant answer is 0.5 by definition, so that is the majority baseline's; an industry that is absent
    from the slice (or alone in it) has no AUC at all.
    """
    accounts = len(part.actual)
    if not accounts:
        rows = [_undefined(part.name, metric, None, 0, "no labelled account") for metric in (ACCURACY, LOG_LOSS)]
        return pd.DataFrame([asdict(row) for row in rows])
    weights = m.resample_weights(accounts, resamples, seed)
    random = _random_scores(accounts, priors, seed)
    rows = _ranking_rows(part, industries, weights, random, seed)
    rows += _mean_rows(part, priors, weights, random)
    return pd.DataFrame([asdict(row) for row in rows])


def _ranking_rows(
    part: Slice, industries: tuple[str, ...], weights: Floats, random: list[Floats], seed: int
) -> list[Measured]:
    rows, resampled, permuted, by_chance = [], [], [], []
    for place, industry in enumerate(industries):
        positive, score = part.actual == place, part.given[:, place]
        support, value = int(positive.sum()), m.auc(positive, score)
        if value is None:
            reason = "no account of it in the slice" if not support else "no account of another industry in the slice"
            rows.append(_undefined(part.name, AUC, industry, support, reason))
            continue
        resampled.append(m.weighted_auc(positive, score, weights))
        permuted.append(m.permuted_auc(positive, score, len(weights), seed + place))
        by_chance.append(float(np.mean([m.auc(positive, draw[:, place]) for draw in random])))
        spread = (resampled[-1], permuted[-1], by_chance[-1])
        rows.append(_ranked(part.name, AUC, industry, value, *spread, support))
    values = [row.value for row in rows if row.value is not None]
    if not values:
        return [*rows, _undefined(part.name, MACRO_AUC, None, len(part.actual), "no industry has an AUC")]
    left_out = len(industries) - len(values)
    # A mean over industries is only a resample's macro AUC if the resample drew every one of them.
    spread = (np.mean(resampled, axis=0), np.mean(permuted, axis=0), float(np.mean(by_chance)))
    partial = f"mean over {len(values)} of {len(industries)} industries" if left_out else None
    macro = _ranked(part.name, MACRO_AUC, None, float(np.mean(values)), *spread, len(part.actual), partial)
    return [*rows, macro]


def _ranked(
    name: str,
    metric: str,
    industry: str | None,
    value: float,
    resampled: Floats,
    permuted: Floats,
    by_chance: float,
    support: int,
    reason: str | None = None,
) -> Measured:
    low, high = m.interval(resampled)
    reached = (1 + int((permuted >= value).sum())) / (1 + len(permuted))
    chance = float(np.percentile(permuted, 97.5))
    return Measured(name, metric, industry, value, low, high, 0.5, by_chance, chance, reached, support, reason)


def _mean_rows(part: Slice, priors: Floats, weights: Floats, random: list[Floats]) -> list[Measured]:
    """Metrics that are means over accounts."""
    actual, n = part.actual, len(part.actual)
    constant = np.tile(priors, (n, 1))
    # A random answer is certain of itself: probability one for the class drawn.
    certain = [np.eye(len(priors))[draw.argmax(axis=1)] for draw in random]
    per_account: dict[str, Callable[[Floats], Floats]] = {
        ACCURACY: lambda given: m.account_hits(actual, given, 1),
        TOP2: lambda given: m.account_hits(actual, given, m.TOP),
        LOG_LOSS: lambda given: m.account_losses(actual, given),
    }
    rows = []
    for metric, measure in per_account.items():
        each = measure(part.given)
        low, high = m.interval(weights @ each / n)
        draws = certain if metric == LOG_LOSS else random
        by_chance = float(np.mean([measure(draw).mean() for draw in draws]))
        majority = float(measure(constant).mean())
        rows.append(
            Measured(part.name, metric, None, float(each.mean()), low, high, majority, by_chance, None, None, n)
        )
    return rows


def _random_scores(accounts: int, priors: Floats, seed: int) -> list[Floats]:
    """Scores whose highest class is drawn from the priors, and whose second is drawn from what is left.

    Adding Gumbel noise to log shares draws without replacement in proportion to the shares (Gumbel 1954).
    """
    random = np.random.default_rng(seed)
    shares = np.log(np.clip(priors, m.SMALLEST_PROBABILITY, 1.0))
    return [shares + random.gumbel(size=(accounts, len(priors))) for _ in range(RANDOM_DRAWS)]


def _undefined(name: str, metric: str, industry: str | None, support: int, reason: str) -> Measured:
    return Measured(name, metric, industry, None, None, None, None, None, None, None, support, reason)
