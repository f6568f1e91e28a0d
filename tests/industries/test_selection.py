from __future__ import annotations

import numpy as np
import pytest

from segmentation.errors import InputProblem
from segmentation.industries.fitting import Fitter
from segmentation.industries.folds import Known
from segmentation.industries.result import Recipe
from segmentation.industries.selection import Judged, as_in_grid, candidates, choose, judge, paired

N = 40
#: what makes accounts hard or easy, whatever the model
HARD = np.linspace(0.0, 2.0, N)
WIGGLE = np.where(np.arange(N) % 2 == 0, 1.0, -1.0)
KNOWN = Known(
    tuple(f"a{number:02d}" for number in range(N)),
    np.arange(N) % 2,
    np.array([np.arange(N) // 2 % 2, np.arange(N) % 4]),
)


def judged(model: str, mean: float, spread: float = 0.0, extra: bool = False, **params: float) -> Judged:
    """A recipe whose loss is harder by `mean` than HARD, with a paired standard error of spread / sqrt(40)."""
    given = np.full((2, N, 2), 0.5)
    return Judged(Recipe(model, params), given, given, HARD + mean + spread * WIGGLE, extra)


def test_the_difference_of_two_models_is_not_blurred_by_hard_accounts() -> None:
    better, worse = judged("lasso", 0.0), judged("gbt", 0.1, spread=0.2)
    difference, error = paired(worse.losses, better.losses)
    assert difference == pytest.approx(0.1)
    assert error == pytest.approx(0.2 * np.sqrt(N / (N - 1)) / np.sqrt(N))
    assert better.losses.std(ddof=1) / np.sqrt(N) > 2 * error


def test_the_largest_penalty_within_one_standard_error_wins() -> None:
    points = [
        judged("lasso", 0.50, regParam=0.005),
        judged("lasso", 0.53, spread=0.25, regParam=0.02),  # standard error .040
        judged("lasso", 0.53, spread=0.1, regParam=0.04),  # .016
    ]
    chosen, reason = choose(points, ["lasso"])
    assert chosen.recipe.params == {"regParam": 0.02}
    assert "within one standard error of the lowest (lasso regParam=0.005: 1.5000" in reason
    assert reason.endswith("and it is the simpler")


def test_the_shallowest_trees_within_one_standard_error_win_whatever_the_order_of_the_grid() -> None:
    points = [judged("gbt", 0.50, maxDepth=4), judged("gbt", 0.51, spread=0.2, maxDepth=2)]
    assert choose(points, ["gbt"])[0].recipe.params == {"maxDepth": 2}
    assert choose(points[::-1], ["gbt"])[0].recipe.params == {"maxDepth": 2}


def test_a_point_that_is_near_its_models_best_alone_is_not_within_reach_of_the_lowest() -> None:
    """Two steps of the rule are not two standard errors."""
    points = [
        judged("gbt", 0.50, maxDepth=2),
        judged("lasso", 0.53, spread=0.25, regParam=0.01),  # within .040 of the lowest
        judged("lasso", 0.56, spread=0.05, regParam=0.04),  # within .032 of lasso's best, not within .008 of the lowest
    ]
    chosen, reason = choose(points, ["lasso", "gbt"])
    assert chosen.recipe.params == {"regParam": 0.01}
    assert "within one standard error of the lowest (gbt maxDepth=2: 1.5000" in reason


def test_the_simpler_model_wins_ties_and_the_better_one_otherwise() -> None:
    near = [judged("lasso", 0.52, spread=0.2, regParam=0.1), judged("gbt", 0.50, maxDepth=2)]
    assert choose(near, ["lasso", "gbt"])[0].recipe.model == "lasso"
    assert choose(near, ["gbt", "lasso"])[0].recipe.model == "gbt"
    far = [judged("lasso", 0.60, spread=0.2, regParam=0.1), judged("gbt", 0.50, maxDepth=2)]
    chosen, reason = choose(far, ["lasso", "gbt"])
    assert chosen.recipe.model == "gbt"
    assert reason == "gbt maxDepth=2: lowest out-of-fold log-loss 1.5000"


def test_what_only_came_along_is_never_chosen_but_compared() -> None:
    points = [judged("lasso", 0.5, regParam=0.1), judged("lasso", 0.3, extra=True, regParam=0.2)]
    chosen, reason = choose(points, ["lasso"])
    assert chosen.recipe.params == {"regParam": 0.1}
    assert "only candidate" in reason
    rows = candidates(points, KNOWN)
    assert [row.extra for row in rows] == [False, True]
    assert rows[1].difference == pytest.approx(-0.2)
    assert rows[1].losses["a00"] == pytest.approx(0.3)


def test_losses_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="no model gives finite probabilities"):
        choose([judged("lasso", float("nan"), regParam=0.1)], ["lasso"])


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_only_those_without_a_figure_are_passed_over_whatever_their_order(order: int) -> None:
    lost, found = judged("gbt", float("nan")), judged("lasso", 0.5, regParam=0.1)
    also = judged("lasso", float("nan"), regParam=0.2)
    points = [lost, also, found][::order]
    chosen, reason = choose(points, ["gbt", "lasso"])
    assert chosen is found
    assert reason == "lasso regParam=0.1: lowest out-of-fold log-loss 1.5000; without finite losses: " + ", ".join(
        ["gbt", "lasso regParam=0.2"][::order]
    )
    told = {(row.model, row.params.get("regParam")): row.difference for row in candidates(points, KNOWN)}
    assert told["lasso", 0.1] == 0.0
    assert np.isnan(told["gbt", None])


def test_a_recipe_whose_model_the_settings_have_no_more_is_refused_before_any_fit() -> None:
    with pytest.raises(InputProblem, match="model lasso has no numbers under `models:` in the settings"):
        as_in_grid(Fitter({}, classes=2, seed=1), Recipe("lasso", {"regParam": 0.1}))


def test_a_fold_is_calibrated_by_the_others() -> None:
    said = np.where(KNOWN.actual[:, None] == np.arange(2), 0.6, 0.4)
    said[::8] = said[::8, ::-1]  # some are wrong
    one = judge(Recipe("lasso"), np.stack([said, said]), KNOWN)
    mates = KNOWN.folds[0] == KNOWN.folds[0][3]
    changed = said.copy()
    changed[mates & (np.arange(N) != 3)] = [0.01, 0.99]
    again = judge(Recipe("lasso"), np.stack([changed, said]), KNOWN)
    np.testing.assert_array_equal(again.calibrated[0, 3], one.calibrated[0, 3])
    assert (again.calibrated[0, ~mates] != one.calibrated[0, ~mates]).any()
    np.testing.assert_array_equal(again.calibrated[1], one.calibrated[1])
    per_repeat = -np.log(one.calibrated[:, np.arange(N), KNOWN.actual])
    np.testing.assert_allclose(one.losses, per_repeat.mean(axis=0))
