"""The penalty is chosen by a written rule, and the screen says what the figures allow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from segmentation.errors import InputProblem
from segmentation.jobs.forecast_churn import summary_lines
from segmentation.outlook.churn import Candidate, simplest


def candidates(lost: list[np.ndarray]) -> list[Candidate]:
    return [Candidate({"regParam": 0.01 * 3**place}, float(one.mean()), 0.0) for place, one in enumerate(lost)]


def test_the_largest_penalty_within_one_standard_error_is_taken() -> None:
    random = np.random.default_rng(1)
    best, noise = random.gamma(1.0, 0.5, 200), random.normal(0.0, 0.2, 200)
    alike, worse = best + noise - noise.mean() + 0.005, best + 0.1
    place, reason = simplest(candidates([best, alike, worse]), [best, alike, worse])
    assert place == 1
    assert "within one standard error of the lowest" in reason
    assert simplest(candidates([best, worse]), [best, worse]) == (
        0, f"{{'regParam': 0.01}}: log-loss {best.mean():.4f} on accounts not seen, the lowest",
    )  # fmt: skip


def test_a_penalty_without_figures_is_passed_over_wherever_it_stands() -> None:
    good, lost = np.array([0.2, 0.4, 0.3]), np.full(3, np.nan)
    for given, place in (([lost, good], 1), ([good, lost], 0)):
        assert simplest(candidates(given), given)[0] == place
    with pytest.raises(InputProblem, match="no penalty gives finite probabilities"):
        simplest(candidates([lost, lost]), [lost, lost])


def test_a_difference_that_may_be_chance_is_not_called_one() -> None:
    row = {"slice": "test", "metric": "auc", "accounts": 200, "churned": 30, "value": 0.7, "low": 0.6, "high": 0.8,
           "recency": 0.65, "reason": None}  # fmt: skip
    rows = [row | {"population": "all", "better_low": 0.01}, row | {"population": "active", "better_low": -0.01}]
    everybody, active = summary_lines(pd.DataFrame(rows), 3)
    assert everybody == (
        "churn, all accounts: 30 of 200 silent for 3 months; AUC 0.70 (0.60 - 0.80) on later months, better than "
        "recency alone (0.65)"
    )
    assert "not shown to be better than recency alone" in active
    nothing = [one | {"value": None, "reason": "no account of 9 fell silent: nothing to tell apart"} for one in rows]
    assert summary_lines(pd.DataFrame(nothing), 3)[1].endswith("; no account of 9 fell silent: nothing to tell apart")
