"""Every metric of a slice beside its interval, its baselines and what chance alone would reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from segmentation.arrays import Bools, Floats, Ints
from segmentation.models import metrics as m

#: draws of the stratified random baseline, averaged so that one lucky draw does not set the bar
RANDOM_DRAWS = 20
AUC, PR_AUC, MACRO_AUC, MACRO_PR_AUC = "auc", "pr_auc", "macro_auc", "macro_pr_auc"
ACCURACY, TOP2, MCC, LOG_LOSS, BRIER = "accuracy", "top2_accuracy", "mcc", "log_loss", "brier"
#: behind a metric's name: standard deviation of its value over the repeats of the cross-validation
REPEAT_SD = "_repeat_sd"
FEWEST_REPEATS = 2
#: axes of repeats x accounts x classes
REPEATED = 3


@dataclass(frozen=True)
class Measured:
    """One row of the metrics table."""

    #: train (what the fit has seen), cv (out of fold) or test (never seen)
    slice: str
    metric: str
    #: the industry of a metric against the rest; None for a metric over all of them
    industry: str | None
    #: None where it is not defined, with the reason
    value: float | None
    #: 95 % bootstrap interval over accounts
    low: float | None = None
    high: float | None = None
    #: the same metric for answering every account with the shares of the training split
    majority: float | None = None
    #: the same metric for drawing the answer at random from those shares (mean of some draws)
    random: float | None = None
    #: upper end (97.5 %) of the metric, and the share of permutations reaching `value`, with the labels dealt out
    #: again at random; only for AUC and average precision
    chance_high: float | None = None
    p_value: float | None = None
    #: accounts behind the value: of the industry, or all of the slice
    support: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Slice:
    """The accounts that one set of metrics is about."""

    name: str
    #: class index of each account
    actual: Ints
    #: one row of probabilities per account: accounts x classes, or repeats x accounts x classes. Metrics are means
    #: over repeats; the mean of the probabilities would be an ensemble, better than the one fit that is put to use
    given: Floats

    @property
    def repeats(self) -> Floats:
        """Repeats x accounts x classes, be it one repeat."""
        return self.given if self.given.ndim == REPEATED else self.given[None]


@dataclass(frozen=True)
class _Ranking:
    """A metric of one industry against the rest: its value, its resamples, and under dealt-out labels."""

    name: str
    mean_name: str
    value: Callable[[Bools, Floats], float | None]
    resampled: Callable[[Bools, Floats, Floats], Floats]
    permuted: Callable[[Bools, Floats, int, int], Floats]


RANKINGS = (
    _Ranking(AUC, MACRO_AUC, m.auc, m.weighted_auc, m.permuted_auc),
    _Ranking(PR_AUC, MACRO_PR_AUC, m.average_precision, m.weighted_average_precision, m.permuted_average_precision),
)


def evaluate(part: Slice, industries: tuple[str, ...], priors: Floats, resamples: int, seed: int) -> pd.DataFrame:
    """One row per metric and industry of a slice (columns of `Measured`); no rows' worth of guesses for no accounts.

    AUC of a constant answer is 0.5 by definition, its average precision the industry's share and its Matthews
    correlation 0, so these are the majority baselines'; an industry that is absent from the slice (or alone in it)
    has neither of the first two. With several repeats, rows named with `_repeat_sd` hold their spread.
    """
    accounts = len(part.actual)
    if not accounts:
        rows = [
            Measured(part.name, metric, None, None, reason="no labelled account") for metric in (ACCURACY, LOG_LOSS)
        ]
        return pd.DataFrame([asdict(row) for row in rows])
    weights = m.resample_weights(accounts, resamples, seed)
    random = _random_scores(accounts, priors, seed)
    rows = [row for ranking in RANKINGS for row in _ranking_rows(ranking, part, industries, weights, random, seed)]
    rows += _overall_rows(part, priors, weights, random)
    return pd.DataFrame([asdict(row) for row in rows])


@dataclass(frozen=True)
class _Figures:
    """What a ranking gives for one industry, or as a mean over several."""

    #: one per repeat
    values: Floats
    #: of the two baselines
    constant: float
    by_chance: float
    #: one per resample, one per permutation
    resampled: Floats
    permuted: Floats


def _ranking_rows(
    ranking: _Ranking, part: Slice, industries: tuple[str, ...], weights: Floats, random: list[Floats], seed: int
) -> list[Measured]:
    rows, found, n = [], [], len(part.actual)
    for place, industry in enumerate(industries):
        support = int((part.actual == place).sum())
        if support in (0, n):
            reason = "no account of it in the slice" if not support else "no account of another industry in the slice"
            rows.append(Measured(part.name, ranking.name, industry, None, support=support, reason=reason))
            continue
        found.append(_figures(ranking, part, place, weights, random, seed + place))
        rows += _ranked(part.name, ranking.name, industry, found[-1], support)
    if not found:
        return [*rows, Measured(part.name, ranking.mean_name, None, None, support=n, reason="no industry has an AUC")]
    left_out = len(industries) - len(found)
    partial = f"mean over {len(found)} of {len(industries)} industries" if left_out else None
    return [*rows, *_ranked(part.name, ranking.mean_name, None, _mean(found), n, partial)]


def _figures(ranking: _Ranking, part: Slice, place: int, weights: Floats, random: list[Floats], seed: int) -> _Figures:
    positive = part.actual == place
    scores = [given[:, place] for given in part.repeats]
    return _Figures(
        values=np.array([ranking.value(positive, score) for score in scores]),
        constant=0.5 if ranking.name == AUC else float(positive.mean()),
        by_chance=float(np.mean([ranking.value(positive, draw[:, place]) for draw in random])),
        resampled=np.mean([ranking.resampled(positive, score, weights) for score in scores], axis=0),
        permuted=np.mean([ranking.permuted(positive, score, len(weights), seed) for score in scores], axis=0),
    )


def _mean(found: list[_Figures]) -> _Figures:
    """Over industries; a resample that did not draw every one of them has none."""
    return _Figures(
        values=np.mean([one.values for one in found], axis=0),
        constant=float(np.mean([one.constant for one in found])),
        by_chance=float(np.mean([one.by_chance for one in found])),
        resampled=np.mean([one.resampled for one in found], axis=0),
        permuted=np.mean([one.permuted for one in found], axis=0),
    )


def _ranked(
    name: str, metric: str, industry: str | None, of: _Figures, support: int, reason: str | None = None
) -> list[Measured]:
    value = float(of.values.mean())
    low, high = m.interval(of.resampled)
    reached = (1 + int((of.permuted >= value).sum())) / (1 + len(of.permuted))
    chance = float(np.percentile(of.permuted, 97.5))
    baselines = of.constant, of.by_chance
    row = Measured(name, metric, industry, value, low, high, *baselines, chance, reached, support, reason)
    return [row, *_repeat_spread(name, metric, industry, of.values, support)]


def _repeat_spread(name: str, metric: str, industry: str | None, values: Floats, support: int) -> list[Measured]:
    if len(values) < FEWEST_REPEATS:
        return []
    return [Measured(name, metric + REPEAT_SD, industry, float(np.std(values, ddof=1)), support=support)]


def _overall_rows(part: Slice, priors: Floats, weights: Floats, random: list[Floats]) -> list[Measured]:
    """Metrics over all industries: means over accounts, and the Matthews correlation."""
    actual, n, classes = part.actual, len(part.actual), len(priors)
    constant = np.tile(priors, (n, 1))
    # A random answer is certain of itself: probability one for the class drawn.
    certain = [np.eye(classes)[draw.argmax(axis=1)] for draw in random]

    def mean_of(per_account: Callable[[Floats], Floats]) -> Callable[[Floats, Floats], Floats]:
        return lambda given, drawn: drawn @ per_account(given) / n

    measures: dict[str, Callable[[Floats, Floats], Floats]] = {
        ACCURACY: mean_of(lambda given: m.account_hits(actual, given, 1)),
        TOP2: mean_of(lambda given: m.account_hits(actual, given, m.TOP)),
        MCC: lambda given, drawn: m.weighted_mcc(actual, given.argmax(axis=1), classes, drawn),
        LOG_LOSS: mean_of(lambda given: m.account_losses(actual, given)),
        BRIER: mean_of(lambda given: m.account_briers(actual, given)),
    }
    rows, once = [], np.ones((1, n))
    for metric, measure in measures.items():
        per_repeat = np.array([measure(given, once)[0] for given in part.repeats])
        low, high = m.interval(np.mean([measure(given, weights) for given in part.repeats], axis=0))
        draws = certain if metric in (LOG_LOSS, BRIER) else random
        baselines = float(measure(constant, once)[0]), float(np.mean([measure(draw, once)[0] for draw in draws]))
        rows.append(Measured(part.name, metric, None, float(per_repeat.mean()), low, high, *baselines, support=n))
        rows += _repeat_spread(part.name, metric, None, per_repeat, n)
    return rows


def _random_scores(accounts: int, priors: Floats, seed: int) -> list[Floats]:
    """Scores whose highest class is drawn from the priors, and whose second is drawn from what is left.

    Adding Gumbel noise to log shares draws without replacement in proportion to the shares (Gumbel 1954).
    """
    random = np.random.default_rng(seed)
    shares = np.log(np.clip(priors, m.SMALLEST_PROBABILITY, 1.0))
    return [shares + random.gumbel(size=(accounts, len(priors))) for _ in range(RANDOM_DRAWS)]
