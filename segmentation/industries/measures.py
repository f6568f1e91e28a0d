"""What is measured of one set of answers: how each industry is ranked, and metrics over all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from segmentation.arrays import Bools, Floats, Ints
from segmentation.models import metrics as m

AUC, PR_AUC, MACRO_AUC, MACRO_PR_AUC = "auc", "pr_auc", "macro_auc", "macro_pr_auc"
ACCURACY, TOP2, MCC, LOG_LOSS, BRIER = "accuracy", "top2_accuracy", "mcc", "log_loss", "brier"
#: the least and the largest value that a metric can have, where that is not 0 and 1
RANGES = {MCC: (-1.0, 1.0), LOG_LOSS: (0.0, math.inf), BRIER: (0.0, 2.0)}
#: a metric's name, and the place of its industry among the industries; None for a metric over all of them
Key = tuple[str, int | None]
#: a metric of some answers, for every row of weights
Measure = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Ranking:
    """A metric of one industry against the rest: its value, its resamples, and under dealt-out labels."""

    name: str
    mean_name: str
    value: Callable[[Bools, Floats], float | None]
    resampled: Callable[[Bools, Floats, Floats], Floats]
    permuted: Callable[[Bools, Floats, int, int, int], Floats]


RANKINGS = (
    Ranking(AUC, MACRO_AUC, m.auc, m.weighted_auc, m.permuted_auc),
    Ranking(PR_AUC, MACRO_PR_AUC, m.average_precision, m.weighted_average_precision, m.permuted_average_precision),
)


def all_measures(actual: Ints, given: Floats, present: list[int]) -> dict[Key, Measure]:
    """Every metric of one repeat's probabilities (accounts x classes), rankings for the industries at `present`."""
    ranked: dict[Key, Measure] = {
        (ranking.name, place): partial(ranking.resampled, actual == place, given[:, place])
        for ranking in RANKINGS
        for place in present
    }
    return ranked | overall_measures(actual, given, given)


def overall_measures(actual: Ints, scores: Floats, probabilities: Floats) -> dict[Key, Measure]:
    """Metrics over all industries: of the guesses that scores rank, and losses of probabilities."""
    return {
        (ACCURACY, None): m.mean_of(m.account_hits(actual, scores, 1)),
        (TOP2, None): m.mean_of(m.account_hits(actual, scores, m.TOP)),
        (MCC, None): partial(m.weighted_mcc, actual, scores.argmax(axis=1), scores.shape[1]),
        (LOG_LOSS, None): m.mean_of(m.account_losses(actual, probabilities)),
        (BRIER, None): m.mean_of(m.account_briers(actual, probabilities)),
    }
