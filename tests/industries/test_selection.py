from __future__ import annotations

from typing import Any

from segmentation.industries.result import Candidate
from segmentation.industries.selection import Searched, choose_model


def searched(name: str, log_loss: float, error: float) -> Searched:
    nothing: Any = None
    best = Candidate(name, {}, log_loss, error)
    return Searched(name, (best,), best, nothing, ())


def test_the_simpler_model_wins_within_one_standard_error() -> None:
    chosen, reason = choose_model([searched("lasso", 0.52, 0.01), searched("gbt", 0.50, 0.03)])
    assert chosen.name == "lasso"
    assert "within one standard error (0.0300) of the lowest (gbt: 0.5000)" in reason


def test_beyond_it_the_better_one_does() -> None:
    chosen, reason = choose_model([searched("lasso", 0.60, 0.01), searched("gbt", 0.50, 0.03)])
    assert (chosen.name, reason) == ("gbt", "gbt: lowest cross-validated log-loss 0.5000")
