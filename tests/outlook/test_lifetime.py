"""BG/NBD and gamma-gamma against the published figures of the CDNOW sample, against simulation and small cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import hyp2f1

from segmentation.errors import InputProblem
from segmentation.outlook import lifetime
from segmentation.outlook.lifetime import BgNbd, GammaGamma

CDNOW = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow" / "CDNOW_sample.txt"
#: the usual cut: 39 weeks of calibration and 39 of holdout
CALIBRATED, ENDED, WEEKS = pd.Timestamp("1997-09-30"), pd.Timestamp("1998-06-30"), 39.0
PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426, 0.0, 2357)


def one(*numbers: float) -> tuple[np.ndarray, ...]:
    return tuple(np.array([number]) for number in numbers)


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """One row per customer: x, t_x, T in weeks, mean value of the repeats, and visits of the 39 weeks after."""
    if not CDNOW.exists():
        pytest.skip(f"{CDNOW} is not there: the CDNOW sample is not part of this project")
    names = ["old_id", "id", "day", "units", "value"]
    rows = pd.read_csv(CDNOW, sep=r"\s+", names=names, parse_dates=["day"])
    days = rows.groupby(["id", "day"], as_index=False)["value"].sum()  # two orders of a day are one visit
    known = days[days["day"] <= CALIBRATED]
    first = known.groupby("id")["day"].min()
    repeats = known[known["day"] > known["id"].map(first)]
    by_customer = known.groupby("id")["day"]
    later = days[(days["day"] > CALIBRATED) & (days["day"] <= ENDED)].groupby("id").size()
    return pd.DataFrame(
        {
            "x": (by_customer.size() - 1).astype(float),
            "t_x": (by_customer.max() - first).dt.days / 7.0,
            "T": (CALIBRATED - first).dt.days / 7.0,
            "value": repeats.groupby("id")["value"].mean(),
            "later": later.reindex(first.index).fillna(0.0),
        }
    )


@pytest.fixture(scope="module")
def fitted(cdnow: pd.DataFrame) -> BgNbd:
    return lifetime.fit_bg_nbd(*(cdnow[name].to_numpy() for name in ("x", "t_x", "T")))


def test_bg_nbd_gives_the_published_parameters_to_three_decimals(fitted: BgNbd) -> None:
    found = [round(value, 3) for value in (fitted.r, fitted.alpha, fitted.a, fitted.b)]
    assert found == [0.243, 4.414, 0.793, 2.426]
    assert fitted.customers == 2357
    assert fitted.at_bounds == ()
    assert fitted.log_likelihood == pytest.approx(-9582.4, abs=0.05)  # of the paper's table 2


def test_gamma_gamma_gives_the_published_parameters_to_two_decimals(cdnow: pd.DataFrame) -> None:
    again = cdnow[cdnow["x"] > 0]
    found = lifetime.fit_gamma_gamma(again["x"].to_numpy(), again["value"].to_numpy())
    assert [round(value, 2) for value in (found.p, found.q, found.v)] == [6.25, 3.74, 15.44]
    assert found.customers == 946
    assert found.mean == pytest.approx(35.17, abs=0.01)


def test_the_weeks_after_are_forecast_better_than_by_going_on_as_before(cdnow: pd.DataFrame, fitted: BgNbd) -> None:
    x, t_x, age, later = (cdnow[name].to_numpy() for name in ("x", "t_x", "T", "later"))
    expected = lifetime.expected_repeats(fitted, WEEKS, x, t_x, age)
    naive = x / age * WEEKS
    assert later.sum() == 1882
    assert expected.sum() == pytest.approx(1653, abs=1)  # 12 % too low; going on as before is 56 % too high
    assert naive.sum() == pytest.approx(2930, abs=1)
    assert np.abs(later - expected).mean() == pytest.approx(0.785, abs=0.001)
    assert np.abs(later - naive).mean() == pytest.approx(1.024, abs=0.001)


def test_expected_visits_of_one_customer_are_the_published_ones() -> None:
    # customer 1 of the sample: two repeats, the last in week 30.43 of 38.86
    history = one(2.0, 30.43, 38.86)
    assert lifetime.expected_repeats(PUBLISHED, WEEKS, *history)[0] == pytest.approx(1.226, abs=0.001)
    assert lifetime.alive(PUBLISHED, *history)[0] == pytest.approx(0.7266, abs=0.0005)


def test_who_never_came_back_is_alive_and_who_came_daily_and_stopped_is_not() -> None:
    assert lifetime.alive(PUBLISHED, *one(0.0, 0.0, 30.0))[0] == 1.0
    assert lifetime.alive(PUBLISHED, *one(2000.0, 300.0, 600.0))[0] < 1e-300
    assert lifetime.expected_repeats(PUBLISHED, WEEKS, *one(2000.0, 300.0, 600.0))[0] < 1e-290
    busy = lifetime.expected_repeats(PUBLISHED, 1.0, *one(2000.0, 300.0, 300.0))[0]
    assert 5.0 < busy < 6.7  # 6.6 visits a week so far, and it may leave at any of them


def test_expected_visits_agree_with_simulated_customers() -> None:
    model = BgNbd(1.5, 6.0, 1.0, 3.0, 0.0, 0)
    random = np.random.default_rng(3)
    visits = simulate(model, 20_000, np.full(20_000, 10.0), random)
    expected = lifetime.expected_repeats(model, 10.0, *one(0.0, 0.0, 1e-12))[0]
    assert expected == pytest.approx(visits[0].mean(), rel=0.02)


def test_expected_visits_are_those_of_the_closed_form_where_that_can_be_computed() -> None:
    repeats, recency, age = np.array([0.0, 2.0, 40.0]), np.array([0.0, 9.0, 50.0]), np.array([10.0, 30.0, 52.0])
    r, alpha, a, b = PUBLISHED.r, PUBLISHED.alpha, PUBLISHED.a, PUBLISHED.b
    both, total = r + repeats, a + b + repeats - 1.0
    series = hyp2f1(both, b + repeats, total, WEEKS / (alpha + age + WEEKS))  # equation 10 of the paper
    given_alive = total / (a - 1.0) * (1.0 - ((alpha + age) / (alpha + age + WEEKS)) ** both * series)
    left = a / (b + np.maximum(repeats, 1.0) - 1.0) * ((alpha + age) / (alpha + recency)) ** both
    closed = given_alive / (1.0 + np.where(repeats > 0, left, 0.0))
    found = lifetime.expected_repeats(PUBLISHED, WEEKS, repeats, recency, age)
    assert found == pytest.approx(closed, rel=1e-4)


@pytest.mark.parametrize(
    ("r", "alpha", "a", "b", "given_alive"),
    [
        (1.1, 1.3, 3426.0, 162754.0, 5.5484),  # all leave with the same probability, .02
        (30_000.0, 30_000.0, 0.5, 2.0, 26.567),  # all come at the same rate, 1
        (0.1, 5.0, 403.0, 1e-5, 0.9742),  # nearly all leave with the next visit
        (1.5, 4.0, 6e-6, 5.0, 6.5 * 52.0 / 56.0),  # nobody ever leaves
    ],
)
def test_customers_that_hardly_differ_have_expected_visits_too(
    r: float, alpha: float, a: float, b: float, given_alive: float
) -> None:
    model, history = BgNbd(r, alpha, a, b, 0.0, 0), one(5.0, 52.0, 52.0)
    found = lifetime.expected_repeats(model, 52.0, *history)[0]  # the figures are integrals over the beta density
    assert found / lifetime.alive(model, *history)[0] == pytest.approx(given_alive, rel=1e-3)


def test_parameters_of_simulated_customers_are_found_again_in_any_unit_of_time() -> None:
    truth, age = BgNbd(0.8, 5.0, 0.6, 2.0, 0.0, 0), np.full(1500, 40.0)
    repeats, recency = simulate(truth, 1500, age, np.random.default_rng(4))
    weeks = lifetime.fit_bg_nbd(repeats, recency, age)
    assert (weeks.r, weeks.alpha, weeks.a / weeks.b) == pytest.approx((0.8, 5.0, 0.3), rel=0.2)
    days = lifetime.fit_bg_nbd(repeats, recency * 7, age * 7)
    assert (days.r, days.alpha / 7, days.a, days.b) == pytest.approx((weeks.r, weeks.alpha, weeks.a, weeks.b), rel=1e-3)


def simulate(model: BgNbd, customers: int, age: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
    """(repeats, recency) of customers who behave as the model says."""
    rate = random.gamma(model.r, 1.0 / model.alpha, customers)
    leaves = random.beta(model.a, model.b, customers)
    repeats, recency = np.zeros(customers), np.zeros(customers)
    for place in range(customers):
        now = random.exponential(1.0 / rate[place])
        while now <= age[place]:
            repeats[place] += 1
            recency[place] = now
            if random.random() < leaves[place]:
                break
            now += random.exponential(1.0 / rate[place])
    return repeats, recency


def test_slopes_of_the_likelihoods_are_those_of_small_steps() -> None:
    x, t_x, age = np.array([0.0, 1.0, 7.0]), np.array([0.0, 3.0, 9.0]), np.array([10.0, 12.0, 9.5])
    for likelihood, params, given in (
        (lifetime.bg_nbd_log_likelihood, [0.3, 4.0, 0.8, 2.4], (x, t_x, age)),
        (lifetime.gamma_gamma_log_likelihood, [6.0, 3.7, 15.0], (x + 1.0, np.array([3.0, 40.0, 9.0]))),
    ):
        slope = likelihood(np.array(params), *given)[1]
        for place in range(len(params)):
            up, down = (np.array(params) + step * np.eye(len(params))[place] for step in (1e-6, -1e-6))
            steps = (likelihood(up, *given)[0] - likelihood(down, *given)[0]) / 2e-6
            assert slope[place] == pytest.approx(steps, rel=1e-6, abs=1e-8)


def test_gamma_gamma_draws_a_customer_towards_everybody_the_less_is_known_of_it() -> None:
    model = GammaGamma(6.25, 3.74, 15.44, 0.0, 946)
    visits, means = np.array([0.0, 1.0, 1000.0]), np.array([0.0, 100.0, 100.0])
    none, few, many = lifetime.expected_value(model, visits, means)
    assert none == pytest.approx(model.mean)
    assert none == pytest.approx(35.2, abs=0.1)
    assert few == pytest.approx(6.25 * 115.44 / 8.99, abs=1e-9)
    assert many == pytest.approx(100.0, abs=0.1)
    unsettled = GammaGamma(0.5, 0.4, 1.0, 0.0, 10)
    assert unsettled.mean is None
    assert np.isnan(lifetime.expected_value(unsettled, np.array([0.0]), np.array([1.0]))).all()


def test_values_in_another_currency_change_v_alone() -> None:
    random = np.random.default_rng(5)
    visits = random.integers(1, 6, 1500).astype(float)
    means = random.gamma(6.0 * visits, 1.0) / visits / random.gamma(3.0, 1.0 / 10.0, 1500)
    here, there = (lifetime.fit_gamma_gamma(visits, means * rate) for rate in (1.0, 1e6))
    assert (there.p, there.q, there.v / 1e6) == pytest.approx((here.p, here.q, here.v), rel=1e-6)
    assert (here.p, here.q) == pytest.approx((6.0, 3.0), rel=0.25)


@pytest.mark.parametrize(
    ("repeats", "recency", "age", "said"),
    [
        ([1.0] * 9, [1.0] * 9, [2.0] * 9, "needs 10 customers, not 9"),
        ([1.0] * 10, [3.0] * 10, [2.0] * 10, "10 histories are impossible"),
        ([0.0] * 10, [1.0] * 10, [2.0] * 10, "10 histories are impossible"),
        ([0.0] * 10, [0.0] * 10, [2.0] * 10, "nobody came back"),
    ],
)
def test_histories_that_say_nothing_are_refused(
    repeats: list[float], recency: list[float], age: list[float], said: str
) -> None:
    with pytest.raises(InputProblem, match=said):
        lifetime.fit_bg_nbd(np.array(repeats), np.array(recency), np.array(age))


def test_values_that_are_not_positive_are_refused() -> None:
    with pytest.raises(InputProblem, match="positive mean value"):
        lifetime.fit_gamma_gamma(np.ones(10), np.array([*[1.0] * 9, 0.0]))
    with pytest.raises(InputProblem, match="needs 10 customers"):
        lifetime.fit_gamma_gamma(np.ones(3), np.ones(3))


def test_equal_values_of_everybody_settle_nothing() -> None:
    """There is no spread to learn from, and the result says so."""
    found = lifetime.fit_gamma_gamma(np.full(50, 3.0), np.full(50, 10.0))
    assert found.at_bounds
    assert lifetime.expected_value(found, np.array([3.0]), np.array([10.0]))[0] == pytest.approx(10.0, rel=0.01)
