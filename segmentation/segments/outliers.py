"""Accounts that are unlike all others: improbable under a mixture of normals, or far from everybody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.cluster import DBSCAN

from segmentation.arrays import Bools, Floats

#: an account is in a crowd when so many, per component, are near it (Sander et al. 1998)
CROWD_PER_COMPONENT = 2
#: the bend of the curve of distances is looked for among the most distant accounts, this share of all
TAIL = 0.1


@dataclass(frozen=True)
class Mixture:
    """A mixture of normals."""

    #: one per normal, sum 1
    weights: Floats
    #: normals x components
    means: Floats
    #: normals x components x components
    covariances: Floats

    def log_density(self, points: Floats) -> Floats:
        """Natural logarithm of the density at each point."""
        parts = [
            np.log(max(weight, np.finfo(np.float64).tiny))
            + multivariate_normal(mean, covariance, allow_singular=True).logpdf(points)
            for weight, mean, covariance in zip(self.weights, self.means, self.covariances, strict=True)
        ]
        summed: Floats = logsumexp(np.array(parts).reshape(len(parts), len(points)), axis=0)
        return summed


@dataclass(frozen=True)
class OutlierRule:
    """What makes an account an outlier; learnt from some accounts, it judges any."""

    mixture: Mixture
    #: at this log-density or less; -inf: nobody
    log_density: float
    #: accounts with a crowd around them, of which one must be within the radius
    crowded: Floats
    radius: float
    #: in plain words
    words: str

    def outlying(self, points: Floats) -> Bools:
        """Whether each point is an outlier by the likelihood or by DBSCAN."""
        unlikely = np.zeros(len(points), dtype=bool)
        if np.isfinite(self.log_density):
            unlikely = self.mixture.log_density(points) <= self.log_density
        if not len(self.crowded):
            return unlikely
        # The last digits of a distance depend on how it was computed, hence the hair.
        distance, _ = cKDTree(self.crowded).query(points)
        flags: Bools = unlikely | (distance > self.radius * (1.0 + 1e-9))
        return flags


def learn_outliers(points: Floats, mixture: Mixture | None, share: float) -> OutlierRule:
    """Both rules from `points`, accounts x components.

    Likelihood: the `share` of the accounts (rounded down) with the least density under `mixture`, that of the chosen
    GMM; without one, under a single normal. DBSCAN (Ester et al. 1996): no account with a crowd (twice as many
    accounts as components) within the radius, which is where the sorted distances to the crowd's last account bend
    most (farthest from the chord, Satopaa et al. 2011, over the most distant tenth).
    """
    said = "chosen mixture of normals"
    if mixture is None:
        said = "normal distribution of all accounts, since no mixture was fitted"
        covariance = np.atleast_2d(np.cov(points, rowvar=False))
        mixture = Mixture(np.ones(1), points.mean(axis=0)[None, :], covariance[None, :, :])
    densities = np.sort(mixture.log_density(points))
    count = int(share * len(points))
    bar = float(densities[count - 1]) if count else -np.inf
    crowd = min(CROWD_PER_COMPONENT * points.shape[1], len(points) - 1)
    distances = np.sort(cKDTree(points).query(points, k=crowd + 1)[0][:, -1])
    radius = bend(distances[int((1.0 - TAIL) * len(distances)) :])
    words = f"the {100 * share:g} % least likely accounts under the {said}"
    if radius <= 0.0:
        words += "; no distance says anything, since most accounts are one and the same point"
        return OutlierRule(mixture, bar, points[:0], 0.0, words)
    words += (
        f", and those that DBSCAN leaves over (fewer than {crowd + 1} accounts within {radius:.2f}, and nobody near "
        "who has as many)"
    )
    found = DBSCAN(eps=radius, min_samples=crowd + 1).fit(points)
    return OutlierRule(mixture, bar, points[found.core_sample_indices_], radius, words)


def bend(curve: Floats) -> float:
    """The value of a rising curve where it lies farthest below the line from its first point to its last."""
    if len(curve) < 3 or curve[-1] <= curve[0]:  # noqa: PLR2004  # no bend without three points
        return float(curve[-1]) if len(curve) else 0.0
    line = np.linspace(curve[0], curve[-1], len(curve))
    return float(curve[int(np.argmax(line - curve))])
