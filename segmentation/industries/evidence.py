"""What more accounts would give, what each category of the logs is worth, and which features are chosen reliably.

All by further fits of the chosen recipe on vectors that are prepared already: the preparation of a fold has seen all
accounts outside it, but neither their industry nor any account that is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml.feature import VectorSlicer
from pyspark.sql import functions as F

from segmentation.arrays import Floats, Ints
from segmentation.features.feature import ALL, Feature
from segmentation.industries.drivers import effects
from segmentation.industries.fitting import Fitter, Vectors, at_once, unseen_answers
from segmentation.industries.folds import FOLD, HALF, SHARE, Fits, Known
from segmentation.industries.result import Recipe
from segmentation.models.metrics import auc, interval_out_of_fold, resampled, weighted_auc
from segmentation.models.preparation import SCALED

SHARE_COLUMNS = ["share", "accounts", "industry", "auc"]
ABLATION_COLUMNS = ["category", "features", "macro_auc", "loss", "low", "high"]
KEPT = "kept_vector"


def answers_by_share(
    recipe: Recipe, folds: Sequence[Vectors], fits: Fits, known: Known, fitter: Fitter, parallelism: int,
    shares: Sequence[float],
) -> dict[float, Floats]:  # fmt: skip
    """share -> out-of-fold probabilities (accounts x classes) of fits on that share of the accounts outside a fold."""
    tasks = [(share, fold) for share in shares for fold in range(len(folds))]

    def work(task: tuple[float, int]) -> Floats:
        share, fold = task
        model = fitter.fit(recipe, folds[fold].frame, fits.place(SHARE, share, fold))
        return unseen_answers(model, folds[fold], fits.place(FOLD, 0, fold))

    done = at_once(folds[0].frame.sparkSession, parallelism, work, tasks) if tasks else []
    given = {share: np.zeros((len(known.actual), fitter.classes)) for share in shares}
    for (share, fold), said in zip(tasks, done, strict=True):
        given[share][folds[fold].unseen] = said
    return given


def learning_curve(given: Mapping[float, Floats], known: Known, fits: Fits, industries: Sequence[str]) -> pd.DataFrame:
    """One row per share of the training accounts and industry: share, accounts, industry, auc (out of fold).

    `given`: share -> out-of-fold probabilities, all judged on the same folds; accounts are those of the industry that
    a fit saw, the mean over the folds. Shares are nested: a larger one has all accounts of a smaller.
    """
    rows = []
    for share in sorted(given):
        kind = (FOLD, 0) if share >= 1.0 else (SHARE, share)
        places = [fits.place(*kind, fold) for fold in range(known.number_of_folds)]
        seen = (fits.weights[:, places] > 0).sum(axis=1) / len(places)
        for number, industry in enumerate(industries):
            positive = known.actual == number
            rows.append((share, float(seen[positive].sum()), industry, auc(positive, given[share][:, number])))
    return pd.DataFrame(rows, columns=SHARE_COLUMNS)


def category_of(names: Sequence[str], features: Sequence[Feature]) -> list[str | None]:
    """The log category that each place of the scaled vector is about; None: about the account as a whole."""
    known = {feature.name: feature.category for feature in features}
    found = [known.get(name, known.get(name.split(" = ", 1)[0])) for name in names]
    return [None if category == ALL else category for category in found]


def answers_without(
    recipe: Recipe, folds: Sequence[Vectors], models: Sequence[Any], whole: Floats,
    categories: Sequence[Sequence[str | None]], fits: Fits, fitter: Fitter, parallelism: int,
) -> dict[str, Floats]:  # fmt: skip
    """Category -> out-of-fold probabilities (accounts x classes) of fits without that category's features.

    `models` and `whole` are what the folds' fits with all features are and say, `categories` per fold the category of
    each place of its vectors. A fit that makes no use of a category is the same fit without it, and is not repeated.
    """
    names = sorted({category for one in categories for category in one if category is not None})
    used = [_used(model, one, fitter.classes) for model, one in zip(models, categories, strict=True)]
    tasks = [(name, fold) for name in names for fold in range(len(folds)) if name in used[fold]]

    def work(task: tuple[str, int]) -> Floats:
        name, fold = task
        kept = [place for place, category in enumerate(categories[fold]) if category != name]
        place = fits.place(FOLD, 0, fold)
        vectors = _sliced(folds[fold], kept)
        return unseen_answers(fitter.fit(recipe, vectors.frame, place), vectors, place)

    done = at_once(folds[0].frame.sparkSession, parallelism, work, tasks) if tasks else []
    given = {name: whole.copy() for name in names}
    for (name, fold), said in zip(tasks, done, strict=True):
        given[name][folds[fold].unseen] = said
    return given


def _used(model: Any, categories: Sequence[str | None], classes: int) -> set[str | None]:
    places = np.flatnonzero((effects(model, classes, len(categories)) != 0).any(axis=0))
    return {categories[place] for place in places.tolist()}


def _sliced(vectors: Vectors, kept: Sequence[int]) -> Vectors:
    slicer = VectorSlicer(inputCol=SCALED, outputCol=KEPT, indices=list(kept))
    frame = slicer.transform(vectors.frame).drop(SCALED).withColumn(SCALED, F.col(KEPT)).drop(KEPT)
    return Vectors(frame, vectors.preparation, vectors.unseen, vectors.values[:, list(kept)])


def ablation(
    whole: Floats, without: Mapping[str, Floats], sizes: Mapping[str, int], known: Known, resamples: int, seed: int
) -> pd.DataFrame:
    """One row per category, what it is worth first: category, features, macro_auc without it, loss, low, high.

    The loss is the macro AUC of `whole` less that without the category, with a 95 % interval from resampling the same
    accounts for both (paired bootstrap), widened as those of slice cv. A category whose content others
    repeat, totals among them, loses little: this is what it adds to the rest, not what it knows.
    """
    actual = known.actual
    measures: dict[str | None, Callable[[Floats], Floats]] = {None: partial(_macro, whole, actual)}
    for category, given in without.items():
        measures[category] = partial(_macro, given, actual)
    spreads = resampled(measures, len(actual), resamples, seed)
    ones = np.ones((1, len(actual)))
    all_value = float(measures[None](ones)[0])
    rows = []
    for category in without:
        value = float(measures[category](ones)[0])
        loss, losses = all_value - value, spreads[None] - spreads[category]
        low, high = interval_out_of_fold(losses, loss, known.number_of_folds, (-1.0, 1.0))
        rows.append((category, sizes[category], value, loss, low, high))
    frame = pd.DataFrame(rows, columns=ABLATION_COLUMNS)
    return frame.sort_values(["loss", "category"], ascending=[False, True], ignore_index=True)


def _macro(given: Floats, actual: Ints, weights: Floats) -> Floats:
    """Mean AUC over the classes with accounts, for every row of weights."""
    there = [place for place in range(given.shape[1]) if 0 < (actual == place).sum() < len(actual)]
    areas: Floats = np.mean([weighted_auc(actual == place, given[:, place], weights) for place in there], axis=0)
    return areas


def selection_frequency(
    recipe: Recipe, vectors: Vectors, fits: Fits, fitter: Fitter, parallelism: int, resamples: int
) -> Floats | None:
    """Share of half-samples in which each feature was selected, classes x places (Meinshausen and Buehlmann 2010).

    Of the accounts, half of every industry are fitted each time; a feature that usage needs is selected nearly always,
    one that came in by chance now and then. None for no resamples.
    """
    if not resamples:
        return None
    size = len(vectors.frame.select(SCALED).head()[SCALED])  # type: ignore[index]

    def work(number: int) -> Floats:
        model = fitter.fit(recipe, vectors.frame, fits.place(HALF, number))
        used: Floats = (effects(model, fitter.classes, size) != 0).astype(np.float64)
        return used

    counts: Floats = np.mean(at_once(vectors.frame.sparkSession, parallelism, work, range(resamples)), axis=0)
    return counts
