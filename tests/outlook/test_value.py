"""From days with a value to a forecast per account, on histories made up without Spark."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from segmentation.errors import LackingData
from segmentation.jobs.forecast_value import summary_lines
from segmentation.outlook.days import holdout_start
from segmentation.outlook.value import ValueForecast, _compared, check_holdout, forecast_value

pytestmark = pytest.mark.slow

AS_OF, SPLIT, START = dt.date(2026, 1, 1), dt.date(2025, 9, 1), dt.date(2025, 1, 1)


def planted(accounts: int = 400, seed: int = 1, value_of: float = 20.0) -> pd.DataFrame:
    """What `value_days` gives: each account comes at a rate of its own, spends about its own mean, and may leave."""
    random = np.random.default_rng(seed)
    rows = []
    for place in range(accounts):
        first = START + dt.timedelta(days=int(random.integers(0, 120)))
        came = np.flatnonzero(random.random((AS_OF - first).days - 1) < random.gamma(1.0, 0.06)) + 1
        stays = np.cumprod(random.random(len(came)) > random.beta(1.0, 6.0))  # it may leave after any repeat
        kept = came[np.concatenate([[True], stays[:-1] > 0])] if len(came) else came
        days = [first, *(first + dt.timedelta(days=int(day)) for day in kept)]
        mean = value_of / random.gamma(4.0, 1.0 / 3.0)
        values = random.gamma(5.0, mean / 5.0, len(days))
        early = [day for day in days if day < SPLIT]
        rows.append((f"a{place:03d}", first, len(days), days[-1], values.sum(),
                     len(early), early[-1], values[: len(early)].sum()))  # fmt: skip
    names = ["account_id", "first_day", "days", "last_day", "value", "days_before", "last_before", "value_before"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def found() -> ValueForecast:
    return forecast_value(planted().sample(frac=1.0, random_state=1), AS_OF, SPLIT, 12, resamples=200, seed=5)


def test_every_account_has_a_forecast_in_the_order_of_ids(found: ValueForecast) -> None:
    table = found.accounts
    assert list(table["account_id"]) == [f"a{place:03d}" for place in range(400)]
    assert not table.isna().any(axis=None)
    assert ((table["alive"] >= 0) & (table["alive"] <= 1)).all()
    assert (table["lifetime_value"] == table["expected_days"] * table["expected_value"]).all()


def test_histories_are_told_in_days_and_repeats(found: ValueForecast) -> None:
    given = planted().set_index("account_id").loc["a007"]
    row = found.accounts.set_index("account_id").loc["a007"]
    assert row["repeats"] == given["days"] - 1
    assert row["recency_days"] == pytest.approx((given["last_day"] - given["first_day"]).days)
    assert row["age_days"] == pytest.approx((AS_OF - given["first_day"]).days)
    assert row["mean_value"] == pytest.approx(given["value"] / given["days"])


def test_the_forecast_beats_going_on_as_before_on_months_held_back(found: ValueForecast) -> None:
    days, value = (found.holdout.set_index("quantity").loc[name] for name in ("days", "value"))
    assert days["accounts"] == 400
    assert days["expected"] == pytest.approx(days["actual"], rel=0.25)
    assert days["naive"] > 1.5 * days["actual"]  # it does not know that accounts leave
    assert days["better_low"] > 0
    assert value["better_low"] > 0
    assert days["correlation"] > 0.5
    assert (days["left_out"], value["left_out"]) == (0, 0)


def test_errors_are_those_of_a_hand_computation() -> None:
    found = _compared("days", np.array([1.0, 0, 2]), np.ones(3), np.full(3, 3.0), resamples=200, seed=5)
    assert (found["accounts"], found["actual"], found["expected"], found["naive"]) == (3, 3.0, 3.0, 9.0)
    # off by 0, 1, 1 and by 2, 3, 1
    assert (found["error"], found["naive_error"]) == (pytest.approx(2 / 3), 2.0)
    assert found["better_by"] == pytest.approx(4 / 3)
    # off by 2, 3, 1 and by 0.5, 1.5, 0.5: worse for every account
    worse = _compared("days", np.array([1.0, 0, 2]), np.full(3, 3.0), np.full(3, 1.5), resamples=200, seed=5)
    assert worse["better_by"] == pytest.approx(-7 / 6)
    assert isinstance(worse["better_high"], float)
    assert worse["better_high"] < 0


def test_the_interval_of_the_difference_is_that_of_its_mean_over_accounts() -> None:
    better = np.random.default_rng(4).normal(5.0, 1.0, 400)
    found = _compared("days", np.zeros(400), np.zeros(400), better, resamples=2000, seed=5)
    error = better.std() / 20
    assert [found["better_low"], found["better_high"]] == pytest.approx(
        [better.mean() - 1.96 * error, better.mean() + 1.96 * error], abs=0.2 * error
    )


def test_the_naive_forecast_goes_on_at_the_rate_so_far() -> None:
    rows = planted(150)
    found = check_holdout(rows, AS_OF, SPLIT, 10, 5).set_index("quantity")
    days = (rows["days_before"] - 1) / [(SPLIT - first).days for first in rows["first_day"]] * 122  # to December
    assert found.loc["days", "naive"] == pytest.approx(days.sum())
    assert found.loc["value", "naive"] == pytest.approx((days * rows["value_before"] / rows["days_before"]).sum())


def test_what_accounts_without_a_value_forecast_brought_is_told() -> None:
    rows = planted()
    rows.loc[:9, "value_before"] = -5.0  # refunds
    came = float((rows["value"] - rows["value_before"]).sum())
    found = forecast_value(rows, AS_OF, SPLIT, 12, resamples=20, seed=5)
    value = found.holdout.set_index("quantity").loc["value"]
    assert (value["accounts"], value["left_out"]) == (390, 10)
    assert value["actual"] + value["left_out_actual"] == pytest.approx(came)
    [line] = [one for one in summary_lines(found, AS_OF, SPLIT, 12) if "left out" in one]
    brought = f"{value['left_out_actual']:,.0f}"
    assert line == f"    left out: 10 accounts without a value forecast by then, which brought {brought}"


def test_whoever_came_only_once_is_not_counted_as_alive() -> None:
    """BG/NBD lets nobody leave before the first repeat: all of these would be alive for ever."""
    rows = planted()
    found = forecast_value(rows, AS_OF, SPLIT, 12, resamples=20, seed=5)
    again = found.accounts["repeats"] > 0
    assert (found.accounts.loc[~again, "alive"] == 1.0).all()
    alive = found.accounts.loc[again, "alive"].sum()
    head, told, *_ = summary_lines(found, AS_OF, SPLIT, 12)
    assert "alive" not in head
    assert 0 < (~again).sum() < len(rows)
    assert told == (
        f"  of {again.sum()} that came again {alive:,.0f} are alive; {(~again).sum()} came only once, of whom BG/NBD "
        "cannot tell"
    )


def test_the_rows_held_back_do_not_reach_the_fit_that_is_checked() -> None:
    rows = planted(150)
    base = check_holdout(rows, AS_OF, SPLIT, 50, 5)
    later = rows.assign(days=rows["days"] + 3, last_day=AS_OF - dt.timedelta(days=1), value=rows["value"] + 1000.0)
    changed = check_holdout(later, AS_OF, SPLIT, 50, 5)
    for name in ("expected", "naive"):
        assert list(changed[name]) == list(base[name])
    assert (changed["actual"] > base["actual"]).all()


def test_accounts_that_brought_nothing_have_no_value_but_a_rate() -> None:
    rows = planted(100)
    rows.loc[[3, 5], "value"] = [0.0, -4.0]
    found = forecast_value(rows, AS_OF, None, 12, resamples=10, seed=5)
    assert list(found.accounts.index[found.accounts["expected_value"].isna()]) == [3, 5]
    assert found.accounts["expected_days"].notna().all()
    assert found.values is not None
    assert found.values.customers == 98
    assert any("2 accounts with a mean value of 0 or less" in note for note in found.notes)
    assert any("too short to hold months back" in note for note in found.notes)
    assert found.holdout.empty


def test_accounts_that_leave_at_one_common_rate_have_a_forecast_and_it_is_checked() -> None:
    random, rows = np.random.default_rng(0), []
    for place in range(300):
        first, left = START + dt.timedelta(days=place % 100), np.flatnonzero(random.random(400) < 0.05)[0]
        came = np.cumsum(random.geometric(0.15, left + 1))
        days = [first, *(day for n in came if (day := first + dt.timedelta(days=int(n))) < AS_OF)]
        early = [day for day in days if day < SPLIT]
        rows.append((f"a{place:03d}", first, len(days), days[-1], 5.0 * len(days),
                     len(early), early[-1], 5.0 * len(early)))  # fmt: skip
    found = forecast_value(pd.DataFrame(rows, columns=planted(20).columns), AS_OF, SPLIT, 12, resamples=50, seed=5)
    assert found.visits.a > 100.0  # its maximum lies where the closed form has no value any more
    assert found.accounts["expected_days"].notna().all()
    assert found.holdout.set_index("quantity").loc["days", ["expected", "error", "better_low"]].notna().all()


def test_value_that_depends_on_frequency_is_said() -> None:
    rows = planted(150)
    rows["value"] = rows["days"] ** 2 * np.linspace(9, 11, 150)
    found = forecast_value(rows, AS_OF, None, 12, resamples=10, seed=5)
    assert found.rank_correlation is not None
    assert found.rank_correlation > 0.9
    assert any("gamma-gamma assumes not" in note for note in found.notes)


def test_values_too_unequal_for_a_mean_are_not_forecast() -> None:
    rows, random = planted(200), np.random.default_rng(2)
    rows["value"] = rows["days"] * np.exp(random.normal(0.0, 3.0, 200))
    found = forecast_value(rows, AS_OF, None, 12, resamples=10, seed=5)
    assert found.values is None
    assert found.accounts["lifetime_value"].isna().all()
    assert any("values are so unequal that gamma-gamma has no mean (q 0." in note for note in found.notes)
    assert found.accounts["expected_days"].notna().all()


def test_values_that_could_not_be_checked_are_told_of() -> None:
    rows, random = planted(200), np.random.default_rng(2)
    rows["value_before"] = rows["days_before"] * np.exp(random.normal(0.0, 3.0, 200))
    found = forecast_value(rows, AS_OF, SPLIT, 12, resamples=10, seed=5)
    assert found.values is not None
    assert list(found.holdout["quantity"]) == ["days"]
    assert found.notes[-1].startswith("values are not checked on months held back: what came before 2025-09-01")


def test_too_few_accounts_are_refused() -> None:
    with pytest.raises(LackingData, match="needs 10 customers, not 4"):
        forecast_value(planted(4), AS_OF, SPLIT, 12, resamples=10, seed=5)


@pytest.mark.parametrize(
    ("first", "ahead", "start"),
    [
        ("2025-01-01", 12, "2025-09-01"),  # a third of twelve months
        ("2020-01-01", 12, "2025-01-01"),  # as many as are forecast
        ("2025-11-01", 12, None),
    ],
)
def test_how_much_is_held_back(first: str, ahead: int, start: str | None) -> None:
    expected = dt.date.fromisoformat(start) if start else None
    assert holdout_start(dt.date.fromisoformat(first), AS_OF, ahead) == expected
