"""How good probabilities of one event are: four metrics, their spread over resampled accounts, and two baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from segmentation.arrays import Bools, Floats
from segmentation.models.metrics import (
    SMALLEST_PROBABILITY,
    interval,
    resample_weights,
    weighted_auc,
    weighted_average_precision,
)

AUC, PR_AUC, LOG_LOSS, BRIER = "auc", "pr_auc", "log_loss", "brier"


@dataclass(frozen=True)
class Measured:
    """One metric of one population and slice: a row of table churn_metrics, and how far it is from recency."""

    population: str
    slice: str
    metric: str
    #: None where it is not defined, with the reason
    value: float | None
    #: 95 % bootstrap interval over accounts
    low: float | None
    high: float | None
    base_rate: float | None
    recency: float | None
    #: by how much `value` is better than `recency` (positive: better), 95 % bootstrap interval over the same accounts
    better_low: float | None
    better_high: float | None
    accounts: int
    churned: int
    reason: str | None


def measure(
    population: str,
    part: str,
    churned: Bools,
    answers: tuple[Floats, float, Floats],
    fewest: int,
    resamples: int,
    seed: int,
) -> list[Measured]:
    """The four metrics of a slice.

    `answers` are three: a probability per account by the model, one for all of them (the training share), and one per
    account by recency alone. With one outcome only there is nothing to rank and no metric; with fewer than `fewest`
    accounts of either outcome the metrics stand with a warning.
    """
    total, hits = len(churned), int(churned.sum())
    if hits in (0, total):
        return _nothing_to_rank(population, part, total, hits)
    given, share, recency = answers
    fewer = min(hits, total - hits)
    warning = f"only {fewer} of one outcome: hardly a figure" if fewer < fewest else None
    spreads = _spreads(churned, given, recency, resamples, seed)
    base = np.full(total, share)
    rows = []
    for name, metric in METRICS.items():
        of_model, of_recency = spreads[name]
        better = (of_model - of_recency) * (1.0 if name in (AUC, PR_AUC) else -1.0)
        value, by_share, by_recency = (metric(churned, one) for one in (given, base, recency))
        (low, high), (better_low, better_high) = interval(of_model), interval(better)
        rows.append(
            Measured(
                population, part, name, value, low, high, by_share, by_recency, better_low, better_high,
                total, hits, warning,
            )
        )  # fmt: skip
    return rows


def _nothing_to_rank(population: str, part: str, total: int, hits: int) -> list[Measured]:
    said = "no account" if hits == 0 else "every account"
    why = f"{said} of {total} fell silent: nothing to tell apart"
    return [
        Measured(population, part, name, None, None, None, None, None, None, None, total, hits, why) for name in METRICS
    ]


def as_frame(rows: list[Measured]) -> pd.DataFrame:
    """One row per metric, columns of `Measured`."""
    return pd.DataFrame([asdict(row) for row in rows])


def losses(churned: Bools, given: Floats) -> Floats:
    """-ln(probability given to what happened), one per account."""
    picked = np.where(churned, given, 1.0 - given)
    result: Floats = -np.log(np.clip(picked, SMALLEST_PROBABILITY, 1.0))
    return result


def _squares(churned: Bools, given: Floats) -> Floats:
    result: Floats = (given - churned) ** 2
    return result


METRICS: dict[str, Callable[[Bools, Floats], float]] = {
    AUC: lambda churned, given: float(roc_auc_score(churned, given)),
    PR_AUC: lambda churned, given: float(average_precision_score(churned, given)),
    LOG_LOSS: lambda churned, given: float(losses(churned, given).mean()),
    BRIER: lambda churned, given: float(_squares(churned, given).mean()),
}


def _spreads(
    churned: Bools, given: Floats, recency: Floats, resamples: int, seed: int
) -> dict[str, tuple[Floats, Floats]]:
    """Per metric its value in every resample: of the model, and of recency, on the same draws."""
    parts: dict[str, tuple[list[Floats], list[Floats]]] = {name: ([], []) for name in METRICS}
    for drawn in resample_weights(len(churned), resamples, seed):
        for place, score in enumerate((given, recency)):
            areas = weighted_areas(churned, score, drawn)
            means = [drawn @ each(churned, score) / len(churned) for each in (losses, _squares)]
            for name, values in zip(METRICS, (*areas, *means), strict=True):
                parts[name][place].append(values)
    return {name: (np.concatenate(model), np.concatenate(base)) for name, (model, base) in parts.items()}


def weighted_areas(churned: Bools, score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(ROC AUC, average precision) of every row of `weights`, which says how often each account counts.

    NaN where only one outcome was drawn. Equal scores stand or fall together.
    """
    area = weighted_auc(churned, score, weights)
    return area, np.where(np.isnan(area), np.nan, weighted_average_precision(churned, score, weights))
