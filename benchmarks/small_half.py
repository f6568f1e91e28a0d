"""The small half: segments and industries on 2,991 accounts x 396 features, beside scikit-learn doing the same.

Both sides start from the same numbers (principal components; prepared features and folds) in one warm process and
take turns. What ours does beyond a plain fit (several starts, measures of every k) is part of its time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from pyspark.sql import DataFrame
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, log_loss, silhouette_score
from sklearn.mixture import GaussianMixture

from segmentation.events.categories import category_names
from segmentation.features.catalogue import catalogue
from segmentation.industries.fitting import collect_values, prepare_vectors
from segmentation.industries.folds import FOLD
from segmentation.industries.result import Recipe
from segmentation.industries.selection import recipes_to_try, search
from segmentation.industries.training import Ground, prepare_ground
from segmentation.segments.space import Space, build_space
from segmentation.segments.sweep import sweep
from segmentation.settings import Settings
from segmentation.stores.conf import load_categories, load_settings

COUNTS = range(2, 11)
#: accounts x prepared features, and what each account weighs
Values = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Contest:
    """One kind of model: what each side does, and how good it is, told as one number after the work."""

    name: str
    spark: Callable[[], float]
    sklearn: Callable[[], float]
    quality: str


def contests(basetable: DataFrame) -> list[Contest]:
    """KMeans and GMM for k 2 to 10 with silhouettes, the LASSO grid in five folds, boosted trees in one."""
    settings = load_settings("local", ["segments.resamples=0", "industry.repeats=1", "industry.resamples=0"])
    features = catalogue(category_names(load_categories()))
    space = build_space(basetable, features, settings.segments)
    ground = prepare_ground(basetable, features, settings.industry, settings.models)
    points = space.points.to_numpy()
    # before the clock: scikit-learn starts from the folds' numbers too
    values = [_values(ground, fold) for fold in range(ground.known.number_of_folds)]
    return [
        Contest("KMeans, k 2-10", partial(_sweep, space, settings, "kmeans"), partial(_kmeans, points), "silhouette"),
        Contest("GMM, k 2-10", partial(_sweep, space, settings, "gmm"), partial(_mixtures, points), "silhouette"),
        Contest(
            "LASSO, 3 penalties x 5 folds",
            partial(_lasso, ground),
            partial(_sklearn_lasso, ground, settings, values),
            "out-of-fold log-loss",
        ),
        Contest(
            "boosted trees, 1 fold", partial(_trees, ground), partial(_sklearn_trees, ground, values[0]), "log-loss"
        ),
    ]


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """(seconds, quality)."""
    began = time.perf_counter()
    quality = work()
    return time.perf_counter() - began, quality


def _sweep(space: Space, settings: Settings, method: str) -> float:
    asked = settings.segments.model_copy(update={"methods": (method,)})
    found = [one.candidate for one in sweep(space, asked, settings.models)[method]]
    return max(one.silhouette for one in found if one.silhouette is not None)


def _measured(points: np.ndarray, clusters: np.ndarray) -> float:
    davies_bouldin_score(points, clusters)
    calinski_harabasz_score(points, clusters)
    return float(silhouette_score(points, clusters))


def _kmeans(points: np.ndarray) -> float:
    return max(_measured(points, KMeans(k, n_init=10, max_iter=30, random_state=0).fit_predict(points)) for k in COUNTS)


def _mixtures(points: np.ndarray) -> float:
    fits = (GaussianMixture(k, max_iter=50, n_init=3, random_state=0).fit_predict(points) for k in COUNTS)
    return max(_measured(points, clusters) for clusters in fits)


def _lasso(ground: Ground) -> float:
    recipes = recipes_to_try(ground.fitter, ["lasso"])
    said, _ = search(
        ground.train, ground.known, ground.fits, recipes, ground.fitter, ground.prepared.categorical, parallelism=2
    )
    return min(log_loss(ground.known.actual, one[0]) for one in said)


def _sklearn_lasso(ground: Ground, settings: Settings, values: list[Values]) -> float:
    actual, folds = ground.known.actual, ground.known.folds[0]
    losses = []
    for penalty in settings.models["lasso"].grid["regParam"]:
        said = np.zeros((len(actual), ground.fitter.classes))
        for fold, (data, weights) in enumerate(values):
            seen = folds != fold
            model = LogisticRegression(
                l1_ratio=1.0, C=1.0 / (float(weights[seen].sum()) * float(penalty)), solver="saga", max_iter=200,
                tol=1e-3, random_state=0,
            )  # fmt: skip
            model.fit(data[seen], actual[seen], sample_weight=weights[seen])
            said[~seen] = model.predict_proba(data[~seen])
        losses.append(log_loss(actual, said))
    return min(losses)


def _values(ground: Ground, fold: int) -> Values:
    """All training accounts as a fold's fit sees them, prepared by Spark as for its own; standardised there."""
    place = ground.fits.place(FOLD, 0, fold)
    frame = prepare_vectors(ground.train, ground.prepared.categorical, place, np.array([], dtype=np.int64)).frame
    _, data = collect_values(frame)
    seen = ground.known.folds[0] != fold
    return (data - data[seen].mean(axis=0)) / np.maximum(data[seen].std(axis=0), 1e-12), ground.fits.weights[:, place]


def _trees(ground: Ground) -> float:
    vectors = prepare_vectors(
        ground.train, ground.prepared.categorical, ground.fits.place(FOLD, 0, 0), np.array([], dtype=np.int64)
    )
    ground.fitter.fit(Recipe("gbt", {"maxDepth": 2}), vectors.frame, ground.fits.place(FOLD, 0, 0))
    return float("nan")


def _sklearn_trees(ground: Ground, values: Values) -> float:
    data, weights = values
    seen = ground.known.folds[0] != 0
    trees = GradientBoostingClassifier(n_estimators=10, learning_rate=0.2, subsample=0.8, max_depth=2, random_state=0)
    trees.fit(data[seen], ground.known.actual[seen], sample_weight=weights[seen])
    return float("nan")
