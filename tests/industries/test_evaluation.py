from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from segmentation.industries.cards import cards
from segmentation.industries.evaluation import Slice, evaluate
from segmentation.industries.filling import decide
from segmentation.industries.measures import AUC
from segmentation.models import metrics as m

NAMES = ("Food", "Toys", "Wine")
PRIORS = np.array([0.6, 0.3, 0.1])
#: what becomes of no accounts
NOBODY = decide(np.empty((0, 6)), tuple("abcdef"), dict.fromkeys("abcdef"))


def measured(actual: np.ndarray, given: np.ndarray) -> pd.DataFrame:
    return evaluate(Slice("test", actual, given), NAMES, PRIORS, resamples=100, seed=1)


def value(table: pd.DataFrame, metric: str, column: str = "value", industry: str | None = None) -> float:
    rows = table[
        (table["metric"] == metric) & (table["industry"].isna() if not industry else table["industry"].eq(industry))
    ]
    return float(rows[column].iloc[0])


def test_the_second_guess_counts_as_well_and_the_third_does_not() -> None:
    table = measured(np.array([0, 1, 2, 0]), np.tile([0.5, 0.3, 0.2], (4, 1)))
    assert (value(table, "accuracy"), value(table, "top2_accuracy")) == (0.5, 0.75)


def test_guessing_lands_on_its_baselines() -> None:
    actual = np.repeat([0, 1, 2], [360, 180, 60])  # exactly the shares
    table = measured(actual, np.tile(PRIORS, (600, 1)))
    for metric in ("accuracy", "top2_accuracy", "mcc", "log_loss", "brier"):
        assert value(table, metric) == value(table, metric, "majority")
    assert value(table, "macro_auc") == 0.5
    assert value(table, "accuracy", "random") == pytest.approx((PRIORS**2).sum(), abs=0.03)
    assert value(table, "auc", "random", "Toys") == pytest.approx(0.5, abs=0.03)
    assert value(table, "pr_auc", "value", "Toys") == value(table, "pr_auc", "majority", "Toys") == 0.3
    assert value(table, "pr_auc", "random", "Toys") == pytest.approx(0.3, abs=0.03)
    assert value(table, "macro_pr_auc") == pytest.approx(1 / 3)
    assert value(table, "mcc") == 0.0
    assert value(table, "mcc", "random") == pytest.approx(0.0, abs=0.03)
    # Brier score of answering the shares is 1 less their squares
    assert value(table, "brier") == pytest.approx(1 - (PRIORS**2).sum())
    assert value(table, "brier", "random") == pytest.approx(2 * (1 - (PRIORS**2).sum()), abs=0.05)
    # log-loss of answering the shares is their entropy
    assert value(table, "log_loss") == pytest.approx(-(PRIORS * np.log(PRIORS)).sum())


def test_a_good_model_stands_above_chance_inside_its_interval() -> None:
    random = np.random.default_rng(5)
    actual = random.choice(3, 300, p=PRIORS)
    given = np.eye(3)[actual] + random.random((300, 3))
    table = measured(actual, given / given.sum(axis=1, keepdims=True))
    row = table[table["industry"] == "Toys"].iloc[0]
    assert row["low"] < row["value"] < row["high"]
    assert row["chance_high"] < row["low"]
    assert row["p_value"] == pytest.approx(1 / 101)
    assert row["support"] == (actual == 1).sum()


def test_intervals_out_of_fold_hold_what_such_fits_reach_on_others() -> None:
    """100 customer bases; what the fits of all of them reach, as a mean, on 1,000 other accounts is the truth."""
    random, folds, found, reached = np.random.default_rng(7), np.arange(200) % 5, [], []
    others, answers = accounts_of_two_industries(random, 1_000)
    for _ in range(100):
        numbers, actual = accounts_of_two_industries(random, 200)
        score = np.zeros(200)
        for fold in range(5):
            fit = LinearDiscriminantAnalysis().fit(numbers[folds != fold], actual[folds != fold])
            score[folds == fold] = fit.decision_function(numbers[folds == fold])
            reached.append(m.auc(answers == 1, fit.decision_function(others)))
        spread = m.resampled({AUC: partial(m.weighted_auc, actual == 1, score)}, 200, resamples=200, seed=1)[AUC]
        found.append((m.auc(actual == 1, score), spread, Slice("cv", actual, score[:, None], 5)))
    truth = np.mean(reached)
    held = [part.interval(AUC, area, spread) for area, spread, part in found]
    narrow = [m.interval(spread) for _, spread, _ in found]
    shares = [np.mean([low <= truth <= high for low, high in rows]) for rows in (held, narrow)]
    assert shares[0] >= 0.92
    assert shares[1] < 0.9  # the answers taken as they are


def accounts_of_two_industries(random: np.random.Generator, accounts: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten numbers an account, of which three tell a little of its industry."""
    actual = (random.random(accounts) < 0.3).astype(np.int64)
    numbers = random.normal(size=(accounts, 10))
    numbers[:, :3] += 0.4 * actual[:, None]
    return numbers, actual


def test_one_perfect_industry_among_many_is_told_from_chance_after_the_correction() -> None:
    """Of 20 permutations the least p-value is 1 in 21, which times six is no finding, however good the ranking."""
    random = np.random.default_rng(2)
    industries = tuple("abcdef")
    actual = np.repeat(np.arange(6), 20)
    given = random.random((120, 6))
    given[:, 0] = actual == 0
    table = evaluate(Slice("cv", actual, given), industries, np.full(6, 1 / 6), resamples=20, seed=1)
    told = cards(table, dict.fromkeys(industries, 20), {}, pd.DataFrame(), pd.DataFrame(), {}, NOBODY, 0.65)
    verdicts = told.set_index("industry")["verdict"]
    assert verdicts["a"] == "predictable"
    assert set(verdicts.drop("a")) == {"not from usage"}


def test_of_two_industries_the_mean_reaches_by_chance_what_either_does() -> None:
    """One ranks as well as the other, and a relabelling moves both: nothing of chance is averaged away."""
    random = np.random.default_rng(3)
    actual, first = random.choice(2, 120), random.random(120)
    table = evaluate(Slice("test", actual, np.column_stack([first, 1 - first])), NAMES[:2], PRIORS[:2], 100, seed=1)
    for column in ("value", "chance_high", "p_value"):
        assert value(table, "macro_auc", column) == pytest.approx(value(table, "auc", column, "Food"))
        assert value(table, "macro_auc", column) == pytest.approx(value(table, "auc", column, "Toys"))


def test_an_industry_absent_from_the_slice_has_no_auc_and_a_reason() -> None:
    actual = np.array([0, 1, 0, 1])
    table = measured(actual, np.tile(PRIORS, (4, 1)))
    row = table[table["industry"] == "Wine"].iloc[0]
    assert pd.isna(row["value"])
    assert row["reason"] == "no account of it in the slice"
    macro = table[table["metric"] == "macro_auc"].iloc[0]
    assert macro["reason"] == "mean over 2 of 3 industries"


def test_an_empty_slice_has_metrics_without_values() -> None:
    table = measured(np.array([], dtype=np.int64), np.empty((0, 3)))
    assert table["value"].isna().all()
    assert set(table["reason"]) == {"no labelled account"}


@pytest.mark.slow
def test_metrics_are_means_over_repeats_beside_their_spread() -> None:
    random = np.random.default_rng(5)
    actual = random.choice(3, 200, p=PRIORS)
    given = np.eye(3)[actual] + random.random((2, 200, 3)) * np.array([1.0, 4.0])[:, None, None]
    given /= given.sum(axis=2, keepdims=True)
    both, first, second = measured(actual, given), measured(actual, given[0]), measured(actual, given[1])
    assert not first["metric"].str.endswith("_repeat_sd").any()
    for metric in ("macro_auc", "macro_pr_auc", "accuracy", "mcc", "log_loss", "brier"):
        one, other = value(first, metric), value(second, metric)
        assert value(both, metric) == pytest.approx((one + other) / 2)
        assert value(both, f"{metric}_repeat_sd") == pytest.approx(abs(one - other) / 2**0.5)
        assert value(both, metric, "low") < value(both, metric) < value(both, metric, "high")
    assert value(both, "auc", "random", "Toys") == value(first, "auc", "random", "Toys")


def test_two_equal_repeats_are_no_more_certain_than_one() -> None:
    random = np.random.default_rng(6)
    actual = random.choice(3, 100, p=PRIORS)
    given = random.dirichlet(np.ones(3), 100)
    twice = measured(actual, np.stack([given, given]))
    twice = twice[~twice["metric"].str.endswith("_repeat_sd")].reset_index(drop=True)
    pd.testing.assert_frame_equal(twice, measured(actual, given))
