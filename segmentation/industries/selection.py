"""Cross-validate every model of the settings at every point of its grid, and choose one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from segmentation.arrays import Floats
from segmentation.errors import InputProblem
from segmentation.industries.calibration import cross_calibrated
from segmentation.industries.fitting import Fitter, Vectors, at_once, prepare_vectors, unseen_answers
from segmentation.industries.folds import FOLD, Fits, Known
from segmentation.industries.result import Candidate, Recipe
from segmentation.models.catalogue import grid_points
from segmentation.models.metrics import account_losses
from segmentation.settings import ModelSettings

#: a model is the simpler for larger values of these; of all other parameters (depths, numbers of trees) for smaller
SIMPLER_WHEN_LARGER = ("regParam", "minInstancesPerNode", "minInfoGain", "gamma", "reg_alpha", "reg_lambda")


@dataclass(frozen=True)
class Fold:
    """One fold of repeat 0, kept for further fits."""

    vectors: Vectors
    #: one per recipe, fitted without the fold
    models: tuple[Any, ...]


@dataclass(frozen=True)
class Judged:
    """One recipe and what its fits said about accounts that they had not seen."""

    recipe: Recipe
    #: repeats x accounts x classes: as the models gave them, and calibrated by the other folds
    raw: Floats
    calibrated: Floats
    #: loss per account (nats) of the calibrated probabilities, the mean over the repeats of their losses
    losses: Floats
    #: only to be compared with, never chosen
    extra: bool = False

    @property
    def loss(self) -> float:
        """Mean loss over accounts."""
        return float(self.losses.mean())


def recipes_to_try(fitter: Fitter, names: Sequence[str]) -> list[Recipe]:
    """Every grid point of the models named, in the order of the settings.

    InputProblem for a model or parameter that the catalogue does not know.
    """
    return [
        Recipe(name, point)
        for name in names
        for point in grid_points(fitter.estimator(Recipe(name)), fitter.models[name])
    ]


def as_in_grid(fitter: Fitter, recipe: Recipe) -> Recipe:
    """The recipe with its numbers in the types that Spark wants, whatever they were stored as.

    InputProblem when the catalogue does not know its model or one of its parameters.
    """
    fitter.estimator(recipe)  # raises where neither the recipe nor the settings have fixed parameters for its model
    fixed = fitter.models[recipe.model].params if recipe.fixed is None else recipe.fixed
    grid = {name: [value] for name, value in recipe.params.items()}
    point = ModelSettings.model_validate({"params": fixed, "grid": grid})
    alone = Fitter({recipe.model: point}, fitter.classes, fitter.seed)
    return replace(recipe, params=grid_points(alone.estimator(Recipe(recipe.model)), point)[0])


def search(
    train: DataFrame, known: Known, fits: Fits, recipes: Sequence[Recipe], fitter: Fitter,
    categorical: Sequence[str], parallelism: int,
) -> tuple[list[Floats], list[Fold]]:  # fmt: skip
    """Out-of-fold probabilities of each recipe (repeats x accounts x classes), and the folds of repeat 0.

    A fold is prepared once for all recipes, by what was fitted on the other folds.
    """

    def work(task: tuple[int, int]) -> tuple[Fold, list[Floats]]:
        repeat, fold = task
        place = fits.place(FOLD, repeat, fold)
        unseen = np.flatnonzero(known.folds[repeat] == fold)
        vectors = prepare_vectors(train, categorical, place, unseen)
        models = tuple(fitter.fit(recipe, vectors.frame, place) for recipe in recipes)
        return Fold(vectors, models), [unseen_answers(model, vectors, place) for model in models]

    tasks = known.held_out
    done = at_once(train.sparkSession, parallelism, work, tasks)
    given = [np.zeros((len(known.folds), len(known.actual), fitter.classes)) for _ in recipes]
    for (repeat, _), (fold, said) in zip(tasks, done, strict=True):
        for answer, one in zip(given, said, strict=True):
            answer[repeat, fold.vectors.unseen] = one
    return given, [fold for (repeat, _), (fold, _) in zip(tasks, done, strict=True) if repeat == 0]


def judge(recipe: Recipe, raw: Floats, known: Known, extra: bool = False) -> Judged:
    """Calibrate out-of-fold probabilities (repeats x accounts x classes) fold by fold, and take the losses."""
    pairs = zip(raw, known.folds, strict=True)
    calibrated = np.stack([cross_calibrated(one, known.actual, fold) for one, fold in pairs])
    losses: Floats = np.mean([account_losses(known.actual, one) for one in calibrated], axis=0)
    return Judged(recipe, raw, calibrated, losses, extra)


def paired(losses: Floats, best: Floats) -> tuple[float, float]:
    """Mean difference of two models' losses on the same accounts, and its standard error over accounts.

    The standard error of the difference, as Vehtari et al. (2017) take it for leave-one-out losses. That of one mean
    is mostly about accounts that are hard for both models, and folds are too few to estimate anything from.
    """
    differences = losses - best
    return float(differences.mean()), float(differences.std(ddof=1) / np.sqrt(len(differences)))


def choose(judged: Sequence[Judged], order: Sequence[str]) -> tuple[Judged, str]:
    """The one to use, and why in words. `order`: models from simple to complex, as the settings list them.

    One-standard-error rule (Breiman et al. 1984): first the simplest model whose best point is within one standard
    error of the lowest log-loss of all, then within it the simplest point that is within one of its best, too.
    """
    rivals = [one for one in judged if not one.extra]
    # nothing is smaller than NaN, so the order of the candidates would decide
    open_ = [one for one in rivals if np.isfinite(one.losses).all()]
    lost = [str(one.recipe) for one in rivals if not np.isfinite(one.losses).all()]
    if not open_:
        raise InputProblem("no model gives finite probabilities: look for features with extreme values")
    lowest = min(open_, key=lambda one: one.loss)
    of_model = ([one for one in open_ if one.recipe.model == name] for name in order)
    best_of = [min(points, key=lambda one: one.loss) for points in of_model if points]
    best = next(one for one in best_of if _within(one, lowest))
    points = sorted((o for o in open_ if o.recipe.model == best.recipe.model), key=lambda o: _complexity(o.recipe))
    chosen = next(one for one in points if _within(one, best) and _within(one, lowest))
    said = f"out-of-fold log-loss {chosen.loss:.4f}"
    without = f"; without finite losses: {', '.join(lost)}" if lost else ""
    if len(rivals) == 1:
        return chosen, f"{chosen.recipe} is the only candidate; {said}"
    if chosen is lowest:
        return chosen, f"{chosen.recipe}: lowest {said}{without}"
    error = paired(chosen.losses, lowest.losses)[1]
    return chosen, (
        f"{chosen.recipe}: {said}, within one standard error of the lowest ({lowest.recipe}: {lowest.loss:.4f}; "
        f"the paired difference has a standard error of {error:.4f}), and it is the simpler{without}"
    )


def candidates(judged: Sequence[Judged], known: Known) -> tuple[Candidate, ...]:
    """What is reported of each recipe."""
    best = min((one for one in judged if not one.extra), key=lambda one: (np.isnan(one.loss), one.loss))
    rows = []
    for one in judged:
        difference, error = paired(one.losses, best.losses)
        rows.append(
            Candidate(
                model=one.recipe.model,
                params=one.recipe.params,
                log_loss=one.loss,
                standard_error=float(one.losses.std(ddof=1) / np.sqrt(len(one.losses))),
                raw_log_loss=float(np.mean([account_losses(known.actual, raw).mean() for raw in one.raw])),
                difference=difference,
                difference_error=error,
                losses=dict(zip(known.accounts, one.losses.tolist(), strict=True)),
                extra=one.extra,
                fixed=one.recipe.fixed,
            )
        )
    return tuple(rows)


def _within(one: Judged, best: Judged) -> bool:
    difference, error = paired(one.losses, best.losses)
    return difference <= error


def _complexity(recipe: Recipe) -> list[float]:
    return [-float(value) if name in SIMPLER_WHEN_LARGER else float(value) for name, value in recipe.params.items()]
