"""Probabilities that mean what they say: bias-corrected temperature scaling with a doubt, and how far it succeeded.

`given` is accounts x classes, or repeats x accounts x classes: the repeats of a cross-validation are not averaged,
because their mean is an ensemble, better and less sure of itself than the one fit that is put to use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax
from scipy.stats import norm

from segmentation.arrays import Floats, Ints
from segmentation.models.metrics import SMALLEST_PROBABILITY, wilson

#: each shift is drawn towards the one that alone restores the shares of the classes (Saerens et al. 2002): squared
#: distances, summed, times this are added to the summed loss, a normal prior of standard deviation 1, so that an
#: industry of five accounts cannot move its own far
RIDGE = 0.5
#: added to the count of each class before its share is taken
PSEUDO_COUNT = 0.5
#: bounds of ln(scale); beyond them probabilities are flat or certain whatever the data
SCALE_BOUNDS = (np.log(0.05), np.log(20.0))
#: bounds of the doubt, and where the search for it begins
DOUBT_BOUNDS, FIRST_DOUBT = (0.0, 0.5), 0.02
#: both lines' figures must hold at once in 95 % of samples, so each has an interval of 97.5 % (Bonferroni)
LINE_CONFIDENCE = 0.975
NEWTON_STEPS = 50
SMALLEST_STEP = 1e-10
TOP, POOLED = "top", "pooled"
#: dimensions of `given` without repeats
AS_TABLE = 2


@dataclass(frozen=True)
class Calibration:
    """(1 - doubt) x softmax(scale x ln p + shift) + doubt x share: one shift and one share per class."""

    scale: float
    shifts: tuple[float, ...]
    #: of so many accounts the model knows nothing whatever it says, so they get the shares
    doubt: float
    shares: tuple[float, ...]


def fit_calibration(given: Floats, actual: Ints) -> Calibration:
    """The calibration with the smallest log-loss on `given`, ridge on the shifts.

    Temperature scaling (Guo et al. 2017) with a bias per class (Alexandari et al. 2020), which also takes back what
    class weights did to the shares; and a doubt, as item response theory has for guesses (Birnbaum 1968): no scale
    makes a model honest that is right 86 times in 100 where it is surest. `given` must be out of fold: fitted on seen
    accounts the calibration would learn to trust them.
    """
    accounts, classes = len(actual), given.shape[-1]
    counts = np.bincount(actual, minlength=classes) + PSEUDO_COUNT
    answers, actual = _stacked(given, actual)
    shares = counts / counts.sum()
    centre = np.log(shares) - np.log(np.clip(answers.mean(axis=0), SMALLEST_PROBABILITY, 1.0))
    start = np.concatenate([[0.0, FIRST_DOUBT], centre])
    found = minimize(
        _loss_and_slope,
        start,
        # an account counts once against the ridge, however many repeats answer for it
        args=(_logs(answers), np.eye(classes)[actual], shares, centre, RIDGE * len(actual) / accounts),
        jac=True,
        method="L-BFGS-B",
        bounds=[SCALE_BOUNDS, DOUBT_BOUNDS, *[(None, None)] * classes],
        options={"gtol": 1e-8},
    )
    scale, doubt, *shifts = (float(value) for value in found.x)
    return Calibration(float(np.exp(scale)), tuple(shifts), doubt, tuple(float(share) for share in shares))


def _loss_and_slope(
    point: Floats, logs: Floats, is_actual: Floats, shares: Floats, centre: Floats, ridge: float
) -> tuple[float, Floats]:
    """Mean log-loss with its ridge, and its derivatives by ln(scale), doubt and shifts."""
    scale, doubt, off = np.exp(point[0]), point[1], point[2:] - centre
    stated = softmax(scale * logs + point[2:], axis=1)
    of_actual, share_of_actual = (stated * is_actual).sum(axis=1), is_actual @ shares
    total = np.maximum((1.0 - doubt) * of_actual + doubt * share_of_actual, SMALLEST_PROBABILITY)
    error = (stated - is_actual) * ((1.0 - doubt) * of_actual / total)[:, None]
    value = -np.log(total).sum() + ridge * (off**2).sum()
    by_doubt = ((of_actual - share_of_actual) / total).sum()
    slope = np.concatenate([[scale * (error * logs).sum(), by_doubt], error.sum(axis=0) + 2.0 * ridge * off])
    return float(value) / len(logs), slope / len(logs)


def apply(calibration: Calibration, given: Floats) -> Floats:
    """Calibrated probabilities, of the shape of `given`."""
    stated = softmax(calibration.scale * _logs(given) + np.array(calibration.shifts), axis=-1)
    answers: Floats = (1.0 - calibration.doubt) * stated + calibration.doubt * np.array(calibration.shares)
    return answers


def as_sql(calibration: Calibration, probabilities: str) -> str:
    """What `apply` does, as Spark SQL over `probabilities`, an expression of type array<double>: again an array."""
    shifts = f"array({', '.join(f'{shift!r}D' for shift in calibration.shifts)})"
    shares = f"array({', '.join(f'{share!r}D' for share in calibration.shares)})"
    powers = (
        f"zip_with({probabilities}, {shifts}, (p, s) -> "
        f"exp({calibration.scale!r}D * ln(least(greatest(p, {SMALLEST_PROBABILITY!r}D), 1D)) + s))"
    )
    # A function of the array of powers, so that it is computed once and divided by its own sum.
    certain = f"transform(array({powers}), e -> transform(e, x -> x / aggregate(e, 0D, (a, y) -> a + y)))[0]"
    return f"zip_with({certain}, {shares}, (p, s) -> {1.0 - calibration.doubt!r}D * p + {calibration.doubt!r}D * s)"


def _stacked(given: Floats, actual: Ints) -> tuple[Floats, Ints]:
    """Repeats below each other: one row per repeat and account."""
    repeats = len(given) if given.ndim > AS_TABLE else 1
    return given.reshape(repeats * len(actual), given.shape[-1]), np.tile(actual, repeats)


def _logs(given: Floats) -> Floats:
    logs: Floats = np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0))
    return logs


def cross_calibrated(given: Floats, actual: Ints, fold: Ints) -> Floats:
    """One repeat's out-of-fold probabilities, accounts x classes, each fold calibrated by what the others say.

    With a single fold there is nothing to calibrate by, and `given` comes back as it is.
    """
    answers = given.copy()
    folds = np.unique(fold)
    for one in folds if len(folds) > 1 else []:
        held_out = fold == one
        answers[held_out] = apply(fit_calibration(given[~held_out], actual[~held_out]), given[held_out])
    return answers


def _pairs(given: Floats, actual: Ints, scope: str) -> tuple[Floats, Floats, Ints]:
    """Stated probability, whether it came true, and the account: of first choices, or of every account and class."""
    answers, tiled = _stacked(given, actual)
    account = np.arange(len(answers)) % max(len(actual), 1)
    if scope == TOP:
        return answers.max(axis=1), (answers.argmax(axis=1) == tiled).astype(np.float64), account
    classes = answers.shape[1]
    return answers.ravel(), np.eye(classes)[tiled].ravel(), np.repeat(account, classes)


def reliability(given: Floats, actual: Ints, bins: int = 10) -> pd.DataFrame:
    """One row per scope and bin of equal width that holds anything: what was said beside what came true.

    Scope `top` is about first choices, `pooled` about every account with every class. Columns: scope, bin (from 0),
    mean_probability, share_right, low and high (95 %, Wilson 1927), accounts (pairs, where pooled; of one repeat).
    """
    repeats = len(given) if given.ndim > AS_TABLE else 1
    rows = []
    for scope in (TOP, POOLED):
        stated, true, _ = _pairs(given, actual, scope)
        place = np.minimum((stated * bins).astype(np.int64), bins - 1)
        for one in np.unique(place):
            inside = place == one
            share, n = float(true[inside].mean()), float(inside.sum() / repeats)
            rows.append((scope, int(one), float(stated[inside].mean()), share, *wilson(share, n), round(n)))
    columns = ["scope", "bin", "mean_probability", "share_right", "low", "high", "accounts"]
    return pd.DataFrame(rows, columns=columns)


def calibration_lines(given: Floats, actual: Ints) -> pd.DataFrame:
    """One row per scope: slope and intercept of what came true on the log-odds of what was said (Cox 1958).

    The slope is fitted with an intercept of its own: below 1 the probabilities are too extreme. The intercept is
    fitted with the slope held at 1: below 0 they are too high on the whole (Van Calster et al. 2019); pooled over
    classes it says nothing, since probabilities sum to one whatever they are: missing. Intervals (97.5 % each) are
    robust to an account's pairs hanging together (Liang and Zeger 1986). `calibrated`: they hold 1 and (`top`) 0.
    Without hits, or without misses, nothing is defined: missing. Nor is a slope where all that was said is one and the
    same, or all hits had higher odds (or lower) than all misses: slope and `calibrated` are missing. Columns: scope,
    slope, slope_low, slope_high, intercept, intercept_low, intercept_high, calibrated, accounts.
    """
    rows: list[tuple[object, ...]] = []
    for scope in (TOP, POOLED):
        stated, true, account = _pairs(given, actual, scope)
        if true.min(initial=1.0) == true.max(initial=0.0) or not len(true):
            rows.append((scope, *[None] * 7, len(actual)))
            continue
        odds = logit(np.clip(stated, SMALLEST_PROBABILITY, 1.0 - SMALLEST_PROBABILITY))
        ones, nothing = np.ones((len(odds), 1)), np.zeros(len(odds))
        intercept = _line(ones, odds, true, account) if scope == TOP else (None, None, None)
        if _apart(odds, true):
            rows.append((scope, None, None, None, *intercept, None, len(actual)))
            continue
        slope = _line(np.column_stack([odds, ones]), nothing, true, account)
        held = slope[1] <= 1.0 <= slope[2]
        if intercept[1] is not None and intercept[2] is not None:
            held = held and intercept[1] <= 0.0 <= intercept[2]
        rows.append((scope, *slope, *intercept, held, len(actual)))
    of = [f"{figure}{end}" for figure in ("slope", "intercept") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["scope", *of, "calibrated", "accounts"])


def _apart(odds: Floats, true: Floats) -> bool:
    """Whether no odds of a hit lie among those of misses: then no slope is the likeliest (Albert and Anderson 1984)."""
    hits, misses = odds[true == 1.0], odds[true == 0.0]
    return bool(hits.min() >= misses.max() or hits.max() <= misses.min())


def _line(design: Floats, offset: Floats, true: Floats, account: Ints) -> tuple[float, float, float]:
    """First coefficient of a logistic regression by Newton's method, with its cluster-robust interval."""
    point = np.zeros(design.shape[1])
    for _ in range(NEWTON_STEPS):
        said = expit(design @ point + offset)
        curvature = (design * (said * (1.0 - said))[:, None]).T @ design + 1e-9 * np.eye(len(point))
        step = np.linalg.solve(curvature, design.T @ (true - said))
        point = point + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < SMALLEST_STEP:
            break
    scores = design * (true - said)[:, None]
    sums = np.zeros((int(account.max()) + 1, len(point)))
    np.add.at(sums, account, scores)
    inverse = np.linalg.inv(curvature)
    error = float(np.sqrt((inverse @ sums.T @ sums @ inverse)[0, 0]))
    reach = float(norm.ppf(0.5 + LINE_CONFIDENCE / 2.0)) * error
    return float(point[0]), float(point[0]) - reach, float(point[0]) + reach
