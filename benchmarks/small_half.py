"""The small half: segments and industries on 2,961 accounts x 396 features, beside scikit-learn doing the same.

Both sides start from the same numbers (principal components; a fold's prepared features) in one warm process and take
turns. scikit-learn makes one fit after another, each on one thread: helpers only slow it down on data of this size.
Spark uses whatever cores there are; several processes of scikit-learn's would be quicker than what is measured here.

It is given about as many starts and iterations as Spark takes: of k-means and mixtures, for nine k, 27 starts beside
Spark's 24; and 40 epochs of SAGA end about where 30 iterations of Spark's OWL-QN do (objective in fold 0, the three
penalties: 1.4629 and 1.4623, 1.7615 and 1.7613, 1.9667 and 1.9667). What ours does beyond a plain fit is part of its
time: scikit-learn's own fit, which says when a start is good enough, and the silhouettes, which both take.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from pyspark.sql import DataFrame
from sklearn.cluster import KMeans
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, log_loss, silhouette_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from benchmarks.equality import Unequal
from segmentation.events.categories import category_names
from segmentation.features.catalogue import catalogue
from segmentation.industries.fitting import Vectors, at_once, collect_values, prepare_vectors, unseen_answers
from segmentation.industries.folds import FOLD
from segmentation.industries.result import Recipe
from segmentation.industries.selection import recipes_to_try
from segmentation.industries.training import Ground, prepare_ground
from segmentation.segments.space import Space, build_space
from segmentation.segments.sweep import sweep
from segmentation.settings import Settings
from segmentation.stores.conf import load_categories, load_settings

COUNTS = range(2, 11)
#: what scikit-learn is given so that it does as much as Spark; Spark's tolerance of a mixture is that of a sum
STARTS, EPOCHS, LIKELIHOOD_TOLERANCE = 3, 40, 0.01
TREES = Recipe("gbt", {"maxDepth": 2})


@dataclass(frozen=True)
class Part:
    """One fold: the accounts as Spark sees them, and the same numbers and weights in numpy, standardised by weight."""

    place: int
    vectors: Vectors
    data: np.ndarray
    weights: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True)
class Contest:
    """One kind of model: what each side does, and how good it is, told as one number after the work."""

    name: str
    spark: Callable[[], float]
    sklearn: Callable[[], float]
    quality: str
    margin: float  #: by how much of scikit-learn's ours may be worse
    larger_is_better: bool = False

    def require_as_good(self, ours: float, theirs: float) -> None:
        """Raises Unequal where a fit has failed on either side, and where ours is worse by more than the margin."""
        loss = (theirs - ours) if self.larger_is_better else (ours - theirs)
        if not (math.isfinite(ours) and math.isfinite(theirs) and loss <= self.margin * abs(theirs)):
            raise Unequal(f"{self.name}: {self.quality} is {ours:.4g}, scikit-learn's {theirs:.4g}; "
                          f"ours may be worse by {self.margin:.0%}")  # fmt: skip


def contests(basetable: DataFrame) -> list[Contest]:
    """KMeans and GMM for k 2 to 10 with silhouettes, the LASSO grid in five folds, boosted trees in one."""
    settings = load_settings("local", ["segments.resamples=0", "industry.repeats=1", "industry.resamples=0"])
    features = catalogue(category_names(load_categories()))
    space = build_space(basetable, features, settings.segments)
    ground = prepare_ground(basetable, features, settings.industry, settings.models)
    points = space.points.to_numpy()
    # before the clock, for both
    parts = [_part(ground, fold) for fold in range(ground.known.number_of_folds)]
    return [
        Contest("KMeans, k 2-10", partial(_sweep, space, settings, "kmeans"), partial(_kmeans, points),
                "inertia per account, mean over k", 0.02),
        Contest("GMM, k 2-10", partial(_sweep, space, settings, "gmm"), partial(_mixtures, points),
                "log-likelihood per account, mean over k", 0.02, larger_is_better=True),
        Contest("LASSO, 3 penalties x 5 folds", partial(_lasso, ground, parts),
                partial(_sklearn_lasso, ground, settings, parts), "out-of-fold log-loss", 0.02),
        Contest("boosted trees, 1 fold (13 one-vs-rest; scikit-learn's multinomial)", partial(_trees, ground, parts[0]),
                partial(_sklearn_trees, ground, parts[0]), "log-loss of the fold", 0.2),
    ]  # fmt: skip


def timed(work: Callable[[], float]) -> tuple[float, float]:
    """(seconds, quality)."""
    began = time.perf_counter()
    quality = work()
    return time.perf_counter() - began, quality


def _sweep(space: Space, settings: Settings, method: str) -> float:
    asked = settings.segments.model_copy(update={"methods": (method,)})
    found = [one.candidate for one in sweep(space, asked, settings.models)[method]]
    reached = np.array([one.inertia if method == "kmeans" else one.log_likelihood for one in found], dtype=float)
    return float(reached.mean()) / space.accounts  # not a number, should a method lack its figure


def _kmeans(points: np.ndarray) -> float:
    def fit(k: int) -> float:
        model = KMeans(k, n_init=STARTS, max_iter=30, random_state=0)
        _measure(points, model.fit_predict(points))
        return float(model.inertia_)

    return float(np.mean(_one_by_one(fit, COUNTS))) / len(points)


def _mixtures(points: np.ndarray) -> float:
    def fit(k: int) -> float:
        tolerance = LIKELIHOOD_TOLERANCE / len(points)
        model = GaussianMixture(k, n_init=STARTS, max_iter=50, tol=tolerance, random_state=0)
        _measure(points, model.fit_predict(points))
        return float(model.lower_bound_)

    return float(np.mean(_one_by_one(fit, COUNTS)))


def _measure(points: np.ndarray, clusters: np.ndarray) -> None:
    davies_bouldin_score(points, clusters)
    calinski_harabasz_score(points, clusters)
    silhouette_score(points, clusters)


def _one_by_one(work: Callable[[Any], Any], tasks: Iterable[Any]) -> list[Any]:
    with warnings.catch_warnings(), threadpool_limits(1):
        # it is stopped where Spark stops, on purpose
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [work(task) for task in tasks]


def _part(ground: Ground, fold: int) -> Part:
    """A fold, prepared by Spark on the other folds."""
    place = ground.fits.place(FOLD, 0, fold)
    seen = ground.known.folds[0] != fold
    vectors = prepare_vectors(ground.train, ground.prepared.categorical, place, np.flatnonzero(~seen))
    data, weights = collect_values(vectors.frame)[1], ground.fits.weights[:, place]
    # Spark's regression takes its penalty on features standardised by weight
    mean = np.average(data[seen], axis=0, weights=weights[seen])
    deviation = np.sqrt(np.average((data[seen] - mean) ** 2, axis=0, weights=weights[seen]))
    return Part(place, vectors, (data - mean) / np.maximum(deviation, 1e-12), weights, seen)


def _lasso(ground: Ground, parts: list[Part]) -> float:
    recipes = recipes_to_try(ground.fitter, ["lasso"])

    def fit(part: Part) -> list[np.ndarray]:
        models = [ground.fitter.fit(recipe, part.vectors.frame, part.place) for recipe in recipes]
        return [unseen_answers(model, part.vectors, part.place) for model in models]

    return _best(ground, parts, at_once(ground.train.sparkSession, ground.settings.parallelism, fit, parts))


def _sklearn_lasso(ground: Ground, settings: Settings, parts: list[Part]) -> float:
    def fit(part: Part) -> list[np.ndarray]:
        data, actual, weights = part.data[part.seen], ground.known.actual[part.seen], part.weights[part.seen]
        said = []
        for penalty in settings.models["lasso"].grid["regParam"]:
            strength = 1.0 / (float(weights.sum()) * float(penalty))
            model = LogisticRegression(
                l1_ratio=1.0, C=strength, solver="saga", max_iter=EPOCHS, tol=1e-3, random_state=0
            )
            said.append(model.fit(data, actual, sample_weight=weights).predict_proba(part.data[~part.seen]))
        return said

    return _best(ground, parts, _one_by_one(fit, parts))


def _best(ground: Ground, parts: list[Part], given: list[list[np.ndarray]]) -> float:
    """The lowest log-loss of a penalty; `given` has each fold's answers for each."""
    actual = np.concatenate([ground.known.actual[~part.seen] for part in parts])
    return min(float(log_loss(actual, np.concatenate(of_folds))) for of_folds in zip(*given, strict=True))


def _trees(ground: Ground, part: Part) -> float:
    model = ground.fitter.fit(TREES, part.vectors.frame, part.place)
    said = unseen_answers(model, part.vectors, part.place)
    return float(log_loss(ground.known.actual[~part.seen], said, labels=range(ground.fitter.classes)))


def _sklearn_trees(ground: Ground, part: Part) -> float:
    trees = GradientBoostingClassifier(n_estimators=10, learning_rate=0.2, subsample=0.8, max_depth=2, random_state=0)
    trees.fit(part.data[part.seen], ground.known.actual[part.seen], sample_weight=part.weights[part.seen])
    said = trees.predict_proba(part.data[~part.seen])
    return float(log_loss(ground.known.actual[~part.seen], said, labels=range(ground.fitter.classes)))
