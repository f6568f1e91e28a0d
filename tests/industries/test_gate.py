from __future__ import annotations

from dataclasses import replace

import numpy as np

from segmentation.industries.gate import Decision, Evidence, judge
from segmentation.settings import GateSettings

SETTINGS = GateSettings(margin=0.02, min_test_accounts=30, max_overfit=0.35, max_shift_auc=0.9)


def losses(shift: float = 0.0, spread: float = 0.0, n: int = 200) -> dict[str, float]:
    """The same accounts' losses every time, plus a shift and, where asked for, noise of their own."""
    random = np.random.default_rng(3)
    base, noise = random.exponential(1.0, n), random.normal(0.0, 1.0, n)
    return {f"a{i:03d}": float(base[i] + shift + spread * (noise[i] - noise.mean())) for i in range(n)}


SOUND = Evidence(losses(), 0.9, 0.7, 5, 60, 0.55, True, baseline_loss=1.5)


def judged(challenger: Evidence, champion: Evidence | None = SOUND) -> Decision:
    return judge(challenger, champion, SETTINGS, resamples=400, seed=1)


def refusals(decision: Decision) -> list[str]:
    return [reason for reason in decision.reasons if reason.startswith("refused: ")]


def test_an_equal_model_is_promoted_and_every_reason_has_its_figure() -> None:
    decision = judged(SOUND)
    assert decision.promote
    assert decision.difference == decision.low == decision.high == 0.0
    assert decision.reasons == (
        "all metrics and 200 out-of-fold losses are finite",
        f"out-of-fold log-loss {np.mean(list(SOUND.losses.values())):.4f} against 1.5000 for answering with the "
        "training shares",
        "60 test accounts in 5 industries",
        "AUC 0.900 seen, 0.700 out of fold: a gap of 0.200, limit 0.35",
        "labelled accounts are told from unlabelled ones with AUC 0.550, limit 0.9",
        "out-of-fold log-loss differs from the champion's by +0.0000 over 200 accounts, at most +0.0000 with 95% "
        "confidence; margin 0.02",
    )


def test_the_first_model_needs_no_champion_but_must_stand_by_itself() -> None:
    assert judged(SOUND, None).promote
    assert not judged(replace(SOUND, test_classes=1), None).promote


def test_worse_by_less_than_the_margin_passes_and_by_more_does_not() -> None:
    assert judged(replace(SOUND, losses=losses(0.019))).promote
    worse = judged(replace(SOUND, losses=losses(0.021)))
    assert not worse.promote
    assert refusals(worse)[0].endswith("at most +0.0210 with 95% confidence; margin 0.02")


def test_equal_on_average_but_too_uncertain_to_say_is_refused() -> None:
    unsure = judged(replace(SOUND, losses=losses(0.0, spread=0.5)))
    assert not unsure.promote
    assert unsure.difference is not None
    assert unsure.high is not None
    assert abs(unsure.difference) < 1e-12
    assert 0.04 < unsure.high < 0.08  # 1.64 x 0.5 / sqrt(200)


def test_only_accounts_that_both_have_judged_are_compared() -> None:
    fewer = dict(list(losses(0.5).items())[:29])
    decision = judged(replace(SOUND, losses=fewer, baseline_loss=None))
    assert refusals(decision) == ["refused: only 29 accounts were judged by both models, fewer than 30"]
    assert decision.difference is None


def test_figures_that_are_no_numbers_are_refused() -> None:
    broken = judged(replace(SOUND, losses={**losses(), "a000": float("nan")}))
    assert refusals(broken)[0] == "refused: 1 of 200 out-of-fold losses are not finite"
    assert refusals(judged(replace(SOUND, metrics_finite=False))) == ["refused: a metric is not finite"]
    assert not judged(replace(SOUND, losses={}), None).promote
    assert not judged(replace(SOUND, cv_auc=None)).promote
    assert not judged(replace(SOUND, train_auc=float("nan"))).promote
    assert not judged(replace(SOUND, shift_auc=float("nan"))).promote


def test_a_champion_without_finite_losses_blocks_nobody() -> None:
    assert judged(SOUND, replace(SOUND, losses=losses(float("inf")))).promote


def test_tiny_or_single_class_tests_overfitting_and_shift_are_refused() -> None:
    assert refusals(judged(replace(SOUND, test_accounts=29)))[0].startswith("refused: 29 test accounts in 5")
    assert refusals(judged(replace(SOUND, test_classes=1)))[0].startswith("refused: 60 test accounts in 1")
    assert refusals(judged(replace(SOUND, cv_auc=0.54)))[0].endswith("a gap of 0.360, limit 0.35")
    assert refusals(judged(replace(SOUND, shift_auc=0.91)))[0].endswith("AUC 0.910, limit 0.9")


def test_no_better_than_answering_with_the_shares_is_refused() -> None:
    assert len(refusals(judged(replace(SOUND, baseline_loss=0.5)))) == 1


def test_the_same_evidence_gives_the_same_figures_whatever_the_order_of_accounts() -> None:
    backwards = replace(SOUND, losses=dict(reversed(losses(0.0, spread=0.5).items())))
    assert judged(backwards) == judged(replace(SOUND, losses=losses(0.0, spread=0.5)))
