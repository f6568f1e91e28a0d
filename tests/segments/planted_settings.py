"""Settings for small planted data."""

from __future__ import annotations

from segmentation.settings import SegmentSettings


def settings(**changes: object) -> SegmentSettings:
    """k from 2 to 4 by KMeans in at most three components, no resamples; names of the space's keys go into it."""
    space: dict[str, object] = {
        "log1p": True, "zero_flags": False, "scaling": "standard", "explained_variance": 0.99, "max_components": 3,
        "held_out": (),
    }  # fmt: skip
    base: dict[str, object] = {
        "methods": ("kmeans",), "k_min": 2, "k_max": 4, "k": None, "silhouette_tolerance": 0.02, "bic_tolerance": 0.05,
        "min_share": 0.01, "min_jaccard": 0.6, "resamples": 0, "outlier_share": 0.0, "driver_accounts": 5000,
        "seed": 5,
    }  # fmt: skip
    inner = {name: value for name, value in changes.items() if name in space}
    outer = {name: value for name, value in changes.items() if name not in space}
    return SegmentSettings.model_validate(base | outer | {"space": space | inner})
