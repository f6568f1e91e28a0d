"""Every metric of a slice beside its interval, its baselines and what chance alone would reach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from segmentation.arrays import Floats, Ints
from segmentation.industries.cards import FALSE_DISCOVERIES
from segmentation.industries.measures import (
    ACCURACY,
    AUC,
    LOG_LOSS,
    RANGES,
    RANKINGS,
    Key,
    Measure,
    Ranking,
    all_measures,
    overall_measures,
)
from segmentation.models import metrics as m

#: draws of the stratified random baseline, averaged so that one lucky draw does not set the bar
RANDOM_DRAWS = 20
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
    #: 95 % bootstrap interval over accounts, as `Slice.interval` gives it
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
    #: in so many folds, each answered by a fit on the others; None where one fit answered for all
    folds: int | None = None

    @property
    def repeats(self) -> Floats:
        """Repeats x accounts x classes, be it one repeat."""
        return self.given if self.given.ndim == REPEATED else self.given[None]

    def interval(self, metric: str, value: float, resampled: Floats) -> tuple[float, float] | tuple[None, None]:
        """95 % interval of a metric (of `RANGES`, or between 0 and 1) from its resamples over accounts."""
        if self.folds is None:
            return m.interval(resampled)
        return m.interval_out_of_fold(resampled, value, self.folds, RANGES.get(metric, (0.0, 1.0)))


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
    present = [place for place in range(len(industries)) if 0 < int((part.actual == place).sum()) < accounts]
    repeats = [all_measures(part.actual, given, present) for given in part.repeats]
    means = {key: partial(_over_repeats, repeats, key) for key in repeats[0]}
    spreads = m.resampled(means, accounts, resamples, seed)
    chance = _by_chance(part.actual, present, priors, seed)
    rows = [row for ranking in RANKINGS for row in _ranking_rows(ranking, part, industries, spreads, chance, seed)]
    rows += _overall_rows(part, priors, repeats, spreads, chance)
    return pd.DataFrame([asdict(row) for row in rows])


def _over_repeats(repeats: list[dict[Key, Measure]], key: Key, drawn: Floats) -> Floats:
    """A metric's mean over the repeats, for every row of weights."""
    result: Floats = np.mean([measures[key](drawn) for measures in repeats], axis=0)
    return result


def _by_chance(actual: Ints, present: list[int], priors: Floats, seed: int) -> dict[Key, float]:
    """Every metric of answers drawn from the priors, mean over some draws."""
    once, found = np.ones((1, len(actual))), []
    for draw in _random_scores(len(actual), priors, seed):
        # a random answer is certain of itself: probability one for the class drawn
        certain = np.eye(len(priors))[draw.argmax(axis=1)]
        values = {key: measure(once)[0] for key, measure in overall_measures(actual, draw, certain).items()}
        for ranking, place in product(RANKINGS, present):
            values[ranking.name, place] = ranking.value(actual == place, draw[:, place])
        found.append(values)
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


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
    ranking: Ranking, part: Slice, industries: tuple[str, ...], spreads: dict[Key, Floats],
    chance: dict[Key, float], seed: int,
) -> list[Measured]:  # fmt: skip
    rows, found, n = [], [], len(part.actual)
    for place, industry in enumerate(industries):
        support, key = int((part.actual == place).sum()), (ranking.name, place)
        if key not in spreads:
            reason = "no account of it in the slice" if not support else "no account of another industry in the slice"
            rows.append(Measured(part.name, ranking.name, industry, None, support=support, reason=reason))
            continue
        found.append(_figures(ranking, part, place, spreads[key], chance[key], seed))
        rows += _ranked(part, ranking.name, industry, found[-1], support)
    if not found:
        return [*rows, Measured(part.name, ranking.mean_name, None, None, support=n, reason="no industry has an AUC")]
    left_out = len(industries) - len(found)
    why = f"mean over {len(found)} of {len(industries)} industries" if left_out else None
    return [*rows, *_ranked(part, ranking.mean_name, None, _mean(found), n, why)]


def _figures(ranking: Ranking, part: Slice, place: int, spread: Floats, chance: float, seed: int) -> _Figures:
    positive = part.actual == place
    scores = [given[:, place] for given in part.repeats]
    # a relabelling is one for all industries: dealt apart, their mean would vary less than chance does
    dealt = int((part.actual < place).sum())
    # so many that the one industry that is told from chance can be, corrected for all others: the least p-value is
    # 1 / (1 + times), and is multiplied by their number
    times = max(len(spread), math.ceil(part.given.shape[-1] / FALSE_DISCOVERIES))
    return _Figures(
        values=np.array([ranking.value(positive, score) for score in scores]),
        constant=0.5 if ranking.name == AUC else float(positive.mean()),
        by_chance=chance,
        resampled=spread,
        permuted=np.mean([ranking.permuted(positive, score, times, seed, dealt) for score in scores], axis=0),
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
    part: Slice, metric: str, industry: str | None, of: _Figures, support: int, reason: str | None = None
) -> list[Measured]:
    value = float(of.values.mean())
    low, high = part.interval(metric, value, of.resampled)
    reached = (1 + int((of.permuted >= value).sum())) / (1 + len(of.permuted))
    chance = float(np.percentile(of.permuted, 97.5))
    baselines = of.constant, of.by_chance
    row = Measured(part.name, metric, industry, value, low, high, *baselines, chance, reached, support, reason)
    return [row, *_repeat_spread(part.name, metric, industry, of.values, support)]


def _repeat_spread(name: str, metric: str, industry: str | None, values: Floats, support: int) -> list[Measured]:
    if len(values) < FEWEST_REPEATS:
        return []
    return [Measured(name, metric + REPEAT_SD, industry, float(np.std(values, ddof=1)), support=support)]


def _overall_rows(
    part: Slice, priors: Floats, repeats: list[dict[Key, Measure]], spreads: dict[Key, Floats],
    chance: dict[Key, float],
) -> list[Measured]:  # fmt: skip
    """Metrics over all industries: means over accounts, and the Matthews correlation."""
    n = len(part.actual)
    constant = np.tile(priors, (n, 1))
    rows, once = [], np.ones((1, n))
    for key, of_constant in overall_measures(part.actual, constant, constant).items():
        metric, _ = key
        per_repeat = np.array([measures[key](once)[0] for measures in repeats])
        value = float(per_repeat.mean())
        low, high = part.interval(metric, value, spreads[key])
        baselines = float(of_constant(once)[0]), chance[key]
        rows.append(Measured(part.name, metric, None, value, low, high, *baselines, support=n))
        rows += _repeat_spread(part.name, metric, None, per_repeat, n)
    return rows


def _random_scores(accounts: int, priors: Floats, seed: int) -> Iterator[Floats]:
    """Scores whose highest class is drawn from the priors, and whose second is drawn from what is left.

    Adding Gumbel noise to log shares draws without replacement in proportion to the shares (Gumbel 1954).
    """
    random = np.random.default_rng(seed)
    shares = np.log(np.clip(priors, m.SMALLEST_PROBABILITY, 1.0))
    return (shares + random.gumbel(size=(accounts, len(priors))) for _ in range(RANDOM_DRAWS))
