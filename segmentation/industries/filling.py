"""Which missing industries may be filled in: the surest first choices, and only where that was right often enough.

Everything is said per industry, since one that is never right would hide among the others in a common figure. `given`
is accounts x classes, calibrated and out of fold, of one repeat: an account must be counted once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.stats import beta

from segmentation.arrays import Bools, Floats, Ints
from segmentation.shown import whole_percents

#: all industries together
ALL = "all"
FILL, REVIEW = "fill", "review"
#: from strict to loose
GRID: tuple[float, ...] = tuple(hundredth / 100 for hundredth in range(99, 4, -1))
COLUMNS = ["industry", "threshold", "filled", "precision", "low", "coverage"]


def coverage_table(given: Floats, actual: Ints, industries: tuple[str, ...], confidence: float) -> pd.DataFrame:
    """Table industry_coverage without as_of: one row per industry (and `all`) and threshold, strict ones first.

    `filled` counts the accounts whose first choice is the industry with at least that probability, `precision` is how
    many of them are right, with its one-sided lower bound (Clopper and Pearson 1934), and `coverage` how many of the
    industry's accounts these are. Of thresholds that fill the same accounts the strictest stands.
    """
    rows = [
        (industry, *row)
        for place, industry in [*enumerate(industries), (None, ALL)]
        for row in _steps(given, actual, place, confidence)
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"filled": "int64"})


def _steps(
    given: Floats, actual: Ints, place: int | None, confidence: float
) -> Iterator[tuple[float, int, float, float, float]]:
    first = given.argmax(axis=1)
    mine: Bools = np.ones(len(actual), dtype=np.bool_) if place is None else first == place
    probability, right = given.max(axis=1)[mine], (first == actual)[mine]
    support = len(actual) if place is None else int((actual == place).sum())
    before = 0
    for threshold in GRID:
        sure = probability >= threshold
        filled, hits = int(sure.sum()), int(right[sure].sum())
        if filled > before:
            low = float(lower_bound(hits, filled, confidence))
            yield threshold, filled, hits / filled, low, hits / support if support else 0.0
        before = filled


def lower_bound(hits: Ints | int, filled: Ints | int, confidence: float) -> Floats:
    """One-sided lower bound of the share of fills that are right (Clopper and Pearson 1934)."""
    low: Floats = np.where(hits > 0, beta.ppf(1.0 - confidence, np.maximum(hits, 1), filled - hits + 1), 0.0)
    return low


def with_confidence(coverage: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """The table as `coverage_table` gives it with that confidence, from one that was made with any."""
    filled: Ints = coverage["filled"].to_numpy(np.int64)
    hits: Ints = np.rint(coverage["precision"].to_numpy(np.float64) * filled).astype(np.int64)
    return coverage.assign(low=lower_bound(hits, filled, confidence))


def thresholds(coverage: pd.DataFrame, precision: float, confidence: float) -> dict[str, float | None]:
    """Industry (and `all`) -> lowest probability from which on filling it in is right in `precision` of cases.

    True of each industry with `confidence`, in spite of the search: thresholds are tried from strict to loose, and
    the first that fails ends it, so that a bad one passes only if it is the first bad one tried (fixed-sequence
    testing; Angelopoulos et al. 2021). Ones that fill too few accounts to pass even without a mistake are not tried;
    whether they do depends on the probabilities alone, not on what was right. None: no threshold passes.
    """
    fewest = fewest_accounts(precision, confidence)
    found: dict[str, float | None] = {}
    for industry, steps in coverage.groupby("industry", sort=False):
        tried = steps[steps["filled"] >= fewest].sort_values("threshold", ascending=False)
        passed = (tried["low"] >= precision).cummin()
        found[str(industry)] = float(tried["threshold"][passed].min()) if passed.any() else None
    return found


def promised(asked: float, lows: Iterable[float | None]) -> float:
    """The share of fills that is right at least: as asked for, or less where fills were decided when less was.

    `lows`: precision_low of the industries' cards. Whole percents, never rounded up.
    """
    least = min((float(low) for low in lows if low is not None and not math.isnan(low)), default=1.0)
    return asked if least >= asked else whole_percents(least) / 100.0


def fewest_accounts(precision: float, confidence: float) -> int:
    """So many fills without a mistake show the precision with the confidence; fewer cannot."""
    return math.ceil(math.log(1.0 - confidence) / math.log(precision))


def decide(given: Floats, industries: tuple[str, ...], limits: Mapping[str, float | None]) -> pd.DataFrame:
    """One row per row of `given` (unlabelled accounts x classes, calibrated): decision, industry, probability, second.

    `limits` are those of `thresholds`; an industry without one is never filled in. What was measured on labelled
    accounts holds for unlabelled ones as far as they are alike: see shift.py.
    """
    order = np.argsort(-given, axis=1, kind="stable")
    names = np.array(industries, dtype=object)
    probability = np.take_along_axis(given, order[:, :1], axis=1)[:, 0] if len(given) else np.empty(0)
    # A probability above every threshold is out of reach: 2 stands for "never".
    limit = np.array([2.0 if limits.get(name) is None else limits[name] for name in industries], dtype=np.float64)
    decision = np.where(probability >= limit[order[:, 0]], FILL, REVIEW).astype(object)
    return pd.DataFrame(
        {
            "decision": decision,
            "industry": names[order[:, 0]],
            "probability": probability,
            "second": names[order[:, 1]],
        }
    )


def fills_per_industry(decisions: pd.DataFrame) -> dict[str, int]:
    """How many accounts an industry is filled in for; of an industry without any nothing."""
    filled = decisions.loc[decisions["decision"] == FILL, "industry"]
    return {str(name): int(accounts) for name, accounts in filled.value_counts().items()}


def fill_sentence(decisions: pd.DataFrame, precision: float, confidence: float) -> str:
    """The decisions in one line."""
    filled = int((decisions["decision"] == FILL).sum())
    rest = len(decisions) - filled
    return (
        f"{filled:,} account{'s' * (filled != 1)} can be filled at >= {100 * precision:g}% precision (per industry, "
        f"with {100 * confidence:g}% confidence), {rest:,} {'goes' if rest == 1 else 'go'} to review"
    )
