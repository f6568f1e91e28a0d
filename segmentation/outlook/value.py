"""Customer lifetime value: how many more days with a value will come, what they bring, and how good that is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import pearsonr, spearmanr

from segmentation.arrays import Bools, Floats
from segmentation.errors import InputProblem
from segmentation.features.months import months_before
from segmentation.outlook import lifetime
from segmentation.outlook.lifetime import BgNbd, GammaGamma

#: time is counted in weeks: what the literature does, and parameters can be compared with it
DAYS_PER_WEEK = 7.0


@dataclass(frozen=True)
class Histories:
    """What BG/NBD and gamma-gamma see of each account; weeks."""

    repeats: Floats
    recency: Floats
    age: Floats
    #: per day with a value
    mean_value: Floats

    @property
    def days(self) -> Floats:
        """Days with a value, the first one included."""
        return self.repeats + 1.0

    @property
    def positive(self) -> Bools:
        """Accounts that gamma-gamma can speak of: refunds may leave a mean of zero or less."""
        return self.mean_value > 0


@dataclass(frozen=True)
class ValueForecast:
    """Both models fitted, what they say of every account, and how they did on months held back."""

    visits: BgNbd
    #: None when the values allow no fit; `notes` say why
    values: GammaGamma | None
    #: table account_values without as_of, by account_id
    accounts: pd.DataFrame
    #: one row per forecast quantity: see `check_holdout`; empty when the history is too short for it
    holdout: pd.DataFrame
    #: of days with a value with their mean value, over accounts with repeats: gamma-gamma takes it to be 0
    correlation: float | None
    rank_correlation: float | None
    #: what the reader must know, in words
    notes: tuple[str, ...]


def forecast_value(
    days: pd.DataFrame, as_of: dt.date, split: dt.date | None, months_ahead: int, resamples: int, seed: int
) -> ValueForecast:
    """Fit both models on all days before as_of, and check them on the days from `split` on with a fit before it.

    `days` is what `value_days` gave. Raises InputProblem when the visits allow no fit; values that allow none leave
    the expected value empty, with a note.
    """
    rows = days.sort_values("account_id", ignore_index=True)
    known = _histories(rows, as_of)
    visits = lifetime.fit_bg_nbd(known.repeats, known.recency, known.age)
    notes = [f"BG/NBD: {_bound_note(visits.at_bounds)}"] if visits.at_bounds else []
    values, why = _fit_values(known)
    notes += [why] if why else []
    ahead = (months_before(as_of, -months_ahead) - as_of).days / DAYS_PER_WEEK
    pearson, rank = _dependence(known)
    if rank is not None and abs(rank) > 0.3:  # noqa: PLR2004  # a moderate one (Cohen 1988)
        notes.append(f"values depend on how often accounts come (rank correlation {rank:.2f}); gamma-gamma assumes not")
    holdout, why_not = _checked(rows, as_of, split, resamples, seed)
    notes += [why_not] if why_not else []
    if values is not None and len(holdout) and "value" not in set(holdout["quantity"]):
        notes.append(f"values are not checked on months held back: what came before {split} allows no forecast of them")
    accounts = _table(rows, known, visits, values, ahead)
    return ValueForecast(visits, values, accounts, holdout, pearson, rank, tuple(notes))


def _histories(rows: pd.DataFrame, until: dt.date) -> Histories:
    first, last = pd.to_datetime(rows["first_day"]), pd.to_datetime(rows["last_day"])
    return Histories(
        rows["days"].to_numpy(np.float64) - 1.0,
        (last - first).dt.days.to_numpy(np.float64) / DAYS_PER_WEEK,
        (pd.Timestamp(until) - first).dt.days.to_numpy(np.float64) / DAYS_PER_WEEK,
        rows["value"].to_numpy(np.float64) / rows["days"].to_numpy(np.float64),
    )


def _fit_values(known: Histories) -> tuple[GammaGamma | None, str | None]:
    good = known.positive
    left_out = f"{int((~good).sum())} accounts with a mean value of 0 or less have no value forecast"
    try:
        fitted = lifetime.fit_gamma_gamma(known.days[good], known.mean_value[good])
    except InputProblem as problem:
        return None, f"no value is forecast: {problem}"
    if fitted.q <= 1.0:  # the mean over customers has no bound then, nor has that of one who hardly came
        return None, f"no value is forecast: values are so unequal that gamma-gamma has no mean (q {fitted.q:.2f})"
    notes = [] if good.all() else [left_out]
    notes += [f"gamma-gamma: {_bound_note(fitted.at_bounds)}"] if fitted.at_bounds else []
    return fitted, "; ".join(notes) or None


def _bound_note(names: tuple[str, ...]) -> str:
    return f"{', '.join(names)} ran to the end of the range searched, the data do not settle it"


def _dependence(known: Histories) -> tuple[float | None, float | None]:
    some = known.positive & (known.repeats > 0)
    days, means = known.days[some], known.mean_value[some]
    if len(days) < lifetime.FEWEST or np.ptp(days) == 0 or np.ptp(means) == 0:
        return None, None
    return float(pearsonr(days, means).statistic), float(spearmanr(days, means).statistic)


def _expected(known: Histories, visits: BgNbd, values: GammaGamma | None, ahead: float) -> tuple[Floats, Floats]:
    """Days with a value in the next `ahead` weeks, and the value of one of them (NaN: not known)."""
    days = lifetime.expected_repeats(visits, ahead, known.repeats, known.recency, known.age)
    worth = np.full(len(days), np.nan)
    if values is not None:
        good = known.positive
        worth[good] = lifetime.expected_value(values, known.days[good], known.mean_value[good])
    return days, worth


def _table(
    rows: pd.DataFrame, known: Histories, visits: BgNbd, values: GammaGamma | None, ahead: float
) -> pd.DataFrame:
    days, worth = _expected(known, visits, values, ahead)
    return pd.DataFrame(
        {
            "account_id": rows["account_id"],
            "repeats": known.repeats.astype(np.int64),
            "recency_days": known.recency * DAYS_PER_WEEK,
            "age_days": known.age * DAYS_PER_WEEK,
            "mean_value": known.mean_value,
            "alive": lifetime.alive(visits, known.repeats, known.recency, known.age),
            "expected_days": days,
            "expected_value": worth,
            "lifetime_value": days * worth,
        }
    )


def value_if_staying(values: pd.DataFrame) -> pd.Series:
    """What accounts would bring that are sure to be customers still, of rows of account_values.

    `lifetime_value` is less the likelier the account is gone already: weighed by it, the surest losses came last.
    """
    alive = values["alive"].astype(float)
    return values["lifetime_value"].astype(float) / alive.where(alive > 0, 1.0)


def _checked(
    rows: pd.DataFrame, as_of: dt.date, split: dt.date | None, resamples: int, seed: int
) -> tuple[pd.DataFrame, str | None]:
    if split is None:
        return pd.DataFrame(), "the history is too short to hold months back, so the forecast is not checked"
    try:
        return check_holdout(rows, as_of, split, resamples, seed), None
    except InputProblem as problem:
        return pd.DataFrame(), f"the forecast is not checked on months held back: {problem}"


def check_holdout(rows: pd.DataFrame, as_of: dt.date, split: dt.date, resamples: int, seed: int) -> pd.DataFrame:
    """Fit on the days before `split`, forecast those from it to as_of, for the accounts that were known by then.

    One row per quantity (`days`, `value`): accounts; actual, expected and naive totals; mean absolute errors and
    correlations with what happened, of the forecast and of the naive one (everybody goes on as before); by how much
    the forecast's error is smaller, with a 95 % bootstrap interval over accounts; and how many accounts had no
    forecast of it by then and are left out of all this, with what they brought.
    """
    early = rows[rows["days_before"].notna()].reset_index(drop=True)
    past = early.assign(days=early["days_before"], last_day=early["last_before"], value=early["value_before"])
    known = _histories(past, split)
    visits = lifetime.fit_bg_nbd(known.repeats, known.recency, known.age)
    values, _ = _fit_values(known)
    ahead = (as_of - split).days / DAYS_PER_WEEK
    days, worth = _expected(known, visits, values, ahead)
    naive = known.repeats / known.age * ahead
    came = (early["days"] - early["days_before"]).to_numpy(np.float64)
    brought = (early["value"] - early["value_before"]).to_numpy(np.float64)
    results = [_compared("days", came, days, naive, resamples, seed) | {"left_out": 0, "left_out_actual": 0.0}]
    valued = np.isfinite(worth)
    if valued.any():
        pairs = (brought[valued], (days * worth)[valued], (naive * known.mean_value)[valued])
        left_out: dict[str, str | int | float | None] = {
            "left_out": int((~valued).sum()),
            "left_out_actual": float(brought[~valued].sum()),
        }
        results.append(_compared("value", *pairs, resamples, seed) | left_out)
    return pd.DataFrame(results)


def _compared(
    quantity: str, actual: Floats, expected: Floats, naive: Floats, resamples: int, seed: int
) -> dict[str, str | int | float | None]:
    errors, naive_errors = np.abs(actual - expected), np.abs(actual - naive)
    n = len(actual)
    random, shares = np.random.default_rng(seed), np.full(n, 1.0 / n)
    # one resample at a time: a table of all of them would be too large for a million accounts
    means = [random.multinomial(n, shares) @ (naive_errors - errors) / n for _ in range(resamples)]
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "quantity": quantity,
        "accounts": n,
        "actual": float(actual.sum()),
        "expected": float(expected.sum()),
        "naive": float(naive.sum()),
        "error": float(errors.mean()),
        "naive_error": float(naive_errors.mean()),
        "correlation": _correlation(actual, expected),
        "naive_correlation": _correlation(actual, naive),
        "better_by": float((naive_errors - errors).mean()),
        "better_low": float(low),
        "better_high": float(high),
    }


def _correlation(one: Floats, other: Floats) -> float | None:
    return float(pearsonr(one, other).statistic) if np.ptp(one) > 0 and np.ptp(other) > 0 else None
