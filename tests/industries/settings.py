"""Settings of the supervised half that make tests quick."""

from __future__ import annotations

from segmentation.settings import IndustrySettings

QUICK: dict[str, object] = {
    "models": ["lasso"], "min_accounts": 10, "repeats": 1, "class_weight_cap": 3.0, "bootstrap": 100, "resamples": 0,
    "learning_shares": [], "ablation": False, "predictable_auc": 0.65, "fill_precision": 0.9, "fill_confidence": 0.9,
    "audit": {"feature_auc": 0.99, "token_gap": 0.1},
    "gate": {"margin": 0.02, "min_test_accounts": 10, "max_overfit": 0.35, "max_shift_auc": 0.9},
    "parallelism": 2, "seed": 5,
}  # fmt: skip


def industry_settings(**changes: object) -> IndustrySettings:
    return IndustrySettings.model_validate(QUICK | changes)
