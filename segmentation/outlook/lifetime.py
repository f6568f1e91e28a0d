"""How often customers come back, and what they spend then, by two models of Fader and Hardie.

BG/NBD (Fader, Hardie and Lee 2005, "Counting your customers" the easy way): while a customer is one, visits come at
a rate of its own, drawn from a gamma distribution (r, alpha); after each repeat visit it leaves with a probability of
its own, drawn from a beta distribution (a, b). Gamma-gamma (Fader and Hardie 2013): values of one customer's visits
are gamma (p, nu), and nu is gamma (q, v) over customers, independently of how often they come.

Everywhere one entry of an array is one customer: `repeats` visits after the first, `recency` the time from the first
visit to the last, `age` the time from the first visit to now. Any unit of time will do; parameters are in that unit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import betaincinv, betaln, digamma, gammaln

from segmentation.arrays import Floats
from segmentation.errors import InputProblem, LackingData

#: parameters are searched between exp(-12) and exp(12): beyond, customers do not differ in what the parameter tells
LARGEST_LOG = 12.0
#: slope of the mean log-likelihood (by the logarithm of a parameter) below which a maximum is reached
FLAT = 1e-4
#: a parameter whose logarithm is so near to an end of the range is at its end
SAME = 1e-6
#: where a distribution is looked at to take a mean over it: the middles of five hundred equal parts
_MIDDLES = (np.arange(500) + 0.5) / 500.0
#: a model of four parameters from fewer customers is not one
FEWEST = 10


@dataclass(frozen=True)
class BgNbd:
    """Parameters of BG/NBD; r and a, b have no unit, alpha is a time."""

    r: float
    alpha: float
    a: float
    b: float
    #: of all customers together
    log_likelihood: float
    customers: int
    #: parameters that ran into the end of the range searched: the data do not tell how customers differ in them
    at_bounds: tuple[str, ...] = ()


@dataclass(frozen=True)
class GammaGamma:
    """Parameters of gamma-gamma; p and q have no unit, v is an amount of value."""

    p: float
    q: float
    v: float
    log_likelihood: float
    customers: int
    at_bounds: tuple[str, ...] = ()

    @property
    def mean(self) -> float | None:
        """Mean value of a visit over all customers; None where q is 1 or less and there is no mean."""
        return self.p * self.v / (self.q - 1.0) if self.q > 1.0 else None


def fit_bg_nbd(repeats: Floats, recency: Floats, age: Floats) -> BgNbd:
    """The parameters of greatest likelihood (equation 6 of the paper).

    Raises LackingData for fewer than ten customers, when nobody came back, and when no start of the search reaches a
    maximum, InputProblem for impossible histories.
    """
    _check_histories(repeats, recency, age)
    # customers with equal histories count together: of a million, far fewer histories differ
    rows, counts = np.unique(np.stack([repeats, recency, age]), axis=1, return_counts=True)
    weights = counts / counts.sum()

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, slope = bg_nbd_log_likelihood(np.exp(logs), rows[0], rows[1], rows[2])
        return -float(weights @ value), -(slope @ weights) * np.exp(logs)

    typical = float(np.mean(age))
    starts = [np.log([r, r * typical / max(float(repeats.mean()), 0.1), a, b])
              for r, (a, b) in itertools.product((0.3, 1.5), ((0.5, 2.0), (0.2, 8.0)))]  # fmt: skip
    found = _maximum(loss, starts, "BG/NBD")
    r, alpha, a, b = (float(value) for value in np.exp(found.x))
    bounds = _at_bounds(found.x, ("r", "alpha", "a", "b"))
    return BgNbd(r, alpha, a, b, -float(found.fun) * len(repeats), len(repeats), bounds)


def bg_nbd_log_likelihood(params: Floats, repeats: Floats, recency: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Log-likelihood of each customer's history under (r, alpha, a, b), and its slope: one row per parameter."""
    r, alpha, a, b = params
    both = r + repeats
    shared = gammaln(both) - gammaln(r) + r * np.log(alpha)
    stayed = betaln(a, b + repeats) - betaln(a, b) - both * np.log(alpha + age)
    # after its last visit; who never came back never had the occasion to leave
    again = np.maximum(repeats, 1.0)
    left = betaln(a + 1.0, b + again - 1.0) - betaln(a, b) - both * np.log(alpha + recency)
    total = np.logaddexp(stayed, np.where(repeats > 0, left, -np.inf))
    gone = np.where(repeats > 0, np.exp(np.minimum(left - total, 0.0)), 0.0)
    mixed = digamma(a + b) - digamma(a + b + repeats)
    slope = np.stack(
        [
            digamma(both) - digamma(r) + np.log(alpha)
            - (1.0 - gone) * np.log(alpha + age) - gone * np.log(alpha + recency),
            r / alpha - both * ((1.0 - gone) / (alpha + age) + gone / (alpha + recency)),
            mixed + gone / a,
            mixed - digamma(b) + (1.0 - gone) * digamma(b + repeats) + gone * digamma(b + again - 1.0),
        ]
    )  # fmt: skip
    return shared + total, slope


def alive(model: BgNbd, repeats: Floats, recency: Floats, age: Floats) -> Floats:
    """Probability that a customer still is one; 1 for who never came back, as BG/NBD has it."""
    odds: Floats = 1.0 / (1.0 + _odds_of_having_left(model, repeats, recency, age))
    return odds


def expected_repeats(model: BgNbd, ahead: float, repeats: Floats, recency: Floats, age: Floats) -> Floats:
    """Visits expected in the next `ahead` units of time, given the history (section 4 of the paper).

    Not by the hypergeometric function of its equation 10, which is infinity times nought where customers hardly
    differ in their rates or in leaving, but by the mean it stands for: of what is expected at a given probability of
    leaving, over the beta distribution of those who are still customers, at the middles of equal parts of it (right to
    one in ten thousand; two in a thousand where nearly everybody leaves either at once or never).
    """
    given_alive = np.empty(len(repeats))
    for visits in np.unique(repeats):
        who = repeats == visits
        ages, place = np.unique(age[who], return_inverse=True)
        # leaving so rarely makes no difference any more, and smaller numbers would be nought
        leaving = np.maximum(betaincinv(model.a, model.b + visits, _MIDDLES), 1e-12)
        quieter = np.log1p(np.outer(ahead / (model.alpha + ages), leaving))
        given_alive[who] = (-np.expm1(-(model.r + visits) * quieter) / leaving).mean(axis=1)[place]
    result: Floats = given_alive / (1.0 + _odds_of_having_left(model, repeats, recency, age))
    return result


def _odds_of_having_left(model: BgNbd, repeats: Floats, recency: Floats, age: Floats) -> Floats:
    quiet = (model.r + repeats) * (np.log(model.alpha + age) - np.log(model.alpha + recency))
    again = np.maximum(repeats, 1.0)
    # a busy customer long silent: the odds grow beyond any number, and the probability is then 0
    odds: Floats = np.where(
        repeats > 0, np.exp(np.minimum(np.log(model.a) - np.log(model.b + again - 1.0) + quiet, 700.0)), 0.0
    )
    return odds


def fit_gamma_gamma(visits: Floats, mean_value: Floats) -> GammaGamma:
    """The parameters of greatest likelihood, from the number of visits and the mean value of them.

    Raises InputProblem for fewer than ten customers, for values that are not positive, and when no start of the
    search reaches a maximum.
    """
    if len(visits) < FEWEST:
        raise InputProblem(f"gamma-gamma needs {FEWEST} customers with a value, not {len(visits)}")
    if not np.all((visits >= 1) & (mean_value > 0) & np.isfinite(mean_value)):
        raise InputProblem("gamma-gamma needs a visit and a positive mean value of every customer")
    unit = float(mean_value.mean())  # so that the range searched does not depend on the currency

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, slope = gamma_gamma_log_likelihood(np.exp(logs), visits, mean_value / unit)
        return -float(value.mean()), -slope.mean(axis=1) * np.exp(logs)

    starts = [np.log([p, q, v]) for p, q, v in ((1.0, 2.0, 1.0), (6.0, 4.0, 0.5), (2.0, 15.0, 7.0))]
    found = _maximum(loss, starts, "gamma-gamma")
    p, q, v = (float(value) for value in np.exp(found.x))
    likelihood = -float(found.fun) * len(visits) - len(visits) * float(np.log(unit))
    return GammaGamma(p, q, v * unit, likelihood, len(visits), _at_bounds(found.x, ("p", "q", "v")))


def gamma_gamma_log_likelihood(params: Floats, visits: Floats, mean_value: Floats) -> tuple[Floats, Floats]:
    """Log-density of each customer's mean value under (p, q, v), and its slope: one row per parameter."""
    p, q, v = params
    shape, total = p * visits, visits * mean_value
    value = (
        gammaln(shape + q) - gammaln(shape) - gammaln(q) + q * np.log(v) - np.log(mean_value)
        + shape * np.log(total) - (shape + q) * np.log(v + total)
    )  # fmt: skip
    grown = digamma(shape + q) - np.log(v + total)
    slope = np.stack(
        [
            visits * (grown - digamma(shape) + np.log(total)),
            grown - digamma(q) + np.log(v),
            q / v - (shape + q) / (v + total),
        ]
    )
    return value, slope


def expected_value(model: GammaGamma, visits: Floats, mean_value: Floats) -> Floats:
    """Value expected of a customer's next visit: the more visits, the nearer to its own mean and not to everybody's.

    NaN where there is no such mean (few visits, and q too small).
    """
    weight = model.p * visits + model.q - 1.0
    total = model.p * (model.v + visits * mean_value)
    result: Floats = np.divide(total, weight, out=np.full(len(visits), np.nan), where=weight > 0)
    return result


def _check_histories(repeats: Floats, recency: Floats, age: Floats) -> None:
    if len(repeats) < FEWEST:
        raise LackingData(f"BG/NBD needs {FEWEST} customers, not {len(repeats)}")
    possible = (repeats >= 0) & (recency >= 0) & (recency <= age) & (age > 0) & ((recency > 0) == (repeats > 0))
    if not possible.all():
        raise InputProblem(f"{int((~possible).sum())} histories are impossible: 0 <= recency <= age, 0 without repeats")
    if not repeats.any():
        raise LackingData("nobody came back after the first day with a value: there is no rate to forecast from")


def _maximum(loss: Callable[[Floats], tuple[float, Floats]], starts: Sequence[Floats], what: str) -> OptimizeResult:
    """The best of several searches; LackingData unless the likelihood is flat there, but for the ends of the range."""
    limits = [(-LARGEST_LOG, LARGEST_LOG)] * len(starts[0])
    options = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-9}
    ends = [minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits, options=options) for start in starts]
    best = min(ends, key=lambda end: float(end.fun))
    inside = np.abs(best.x) < LARGEST_LOG - SAME
    steepest = float(np.abs(loss(best.x)[1][inside]).max(initial=0.0))
    if not (np.isfinite(best.fun) and steepest <= FLAT):
        raise LackingData(
            f"{what} found no parameters of greatest likelihood in {len(starts)} searches (slope {steepest:.2g}): "
            "the histories are too few or too much alike"
        )
    return best


def _at_bounds(logs: Floats, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, log in zip(names, logs, strict=True) if abs(log) > LARGEST_LOG - SAME)
