"""One card per industry: whether usage tells it, by a written rule, and how many accounts it can fill."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd
from scipy.stats import false_discovery_control

from segmentation.industries.filling import fills_per_industry
from segmentation.industries.measures import AUC, PR_AUC

CV = "cv"
PREDICTABLE = "predictable"
PROMISING = "promising with more accounts"
NOT_FROM_USAGE = "not from usage"
TOO_FEW = "too few accounts"
#: share of false discoveries among the industries called better than chance
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True)
class Card:
    """One row of table industry_cards, without as_of and model; the columns are explained there."""

    industry: str
    labelled: int
    verdict: str
    reason: str
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    pr_auc: float | None = None
    pr_auc_low: float | None = None
    pr_auc_high: float | None = None
    prevalence: float | None = None
    q_value: float | None = None
    gain: float | None = None
    threshold: float | None = None
    precision: float | None = None
    precision_low: float | None = None
    coverage: float | None = None
    fillable: int = 0


@dataclass(frozen=True)
class Found:
    """What the verdict on one industry rests on: its cross-validated AUC and the slope of its learning curve."""

    auc: float
    low: float
    high: float
    q_value: float
    #: None: no learning curve
    gain: float | None


def verdict(found: Found, predictable_auc: float) -> tuple[str, str]:
    """The verdict and its reason in words.

    Predictable: better than chance (q <= 5 %) and the lower end of the AUC's interval reaches `predictable_auc`.
    Promising with more accounts: not that, but better than chance or on a rising learning curve, and the upper end
    reaches it. A curve rises when it gained at least half the width of the interval: smaller gains are as often
    noise. Not from usage: all others.
    """
    span = f"AUC {found.auc:.3f} ({found.low:.3f} to {found.high:.3f})"
    above_chance = found.q_value <= FALSE_DISCOVERIES
    chance = f"{'better than' if above_chance else 'not told from'} chance (q = {found.q_value:.3f})"
    if above_chance and found.low >= predictable_auc:
        return PREDICTABLE, f"{span}: all of it at {predictable_auc:g} or above, {chance}"
    rising = found.gain is not None and found.gain >= (found.high - found.low) / 2.0
    curve = f"; more accounts raised the AUC by {found.gain:.3f}" if rising else ""
    if found.high < predictable_auc:
        return NOT_FROM_USAGE, f"{span}: all of it below {predictable_auc:g}, {chance}{curve}"
    if above_chance or rising:
        return PROMISING, f"{span}: it may or may not reach {predictable_auc:g}, {chance}{curve}"
    more = "; more accounts did not raise it beyond noise" if found.gain is not None else ""
    return NOT_FROM_USAGE, f"{span}: {chance}{more}"


def cards(
    metrics: pd.DataFrame,
    counts: Mapping[str, int],
    excluded: Mapping[str, str],
    curve: pd.DataFrame,
    coverage: pd.DataFrame,
    limits: Mapping[str, float | None],
    decisions: pd.DataFrame,
    predictable_auc: float,
) -> pd.DataFrame:
    """Table industry_cards without as_of and model: one row per industry, most labelled accounts first.

    `metrics` is what `evaluate` gives (the slice cv is read), `counts` the labelled accounts of every industry,
    `excluded` why some were left out of the model, `curve` the learning curve (columns share, accounts, industry,
    auc; it may be empty), and the rest what filling.py gives.
    """
    of_auc, of_precision = _rows(metrics, AUC), _rows(metrics, PR_AUC)
    adjusted = _adjusted(of_auc)
    fills = fills_per_industry(decisions)
    rows = []
    for industry in sorted(counts, key=lambda name: (-counts[name], name)):
        labelled = counts[industry]
        if industry in excluded or industry not in adjusted:
            why = excluded.get(industry) or of_auc.get(industry, {}).get("reason") or "no cross-validated AUC"
            rows.append(Card(industry, labelled, TOO_FEW, str(why)))
            continue
        auc = of_auc[industry]
        gain = _gain(curve, industry, float(auc["value"]))
        found = Found(float(auc["value"]), float(auc["low"]), float(auc["high"]), adjusted[industry], gain)
        card = _judged(industry, labelled, found, of_precision[industry], predictable_auc)
        rows.append(_filled(card, coverage, limits.get(industry), fills.get(industry, 0)))
    return pd.DataFrame([asdict(row) for row in rows], columns=list(Card.__dataclass_fields__))


def _rows(metrics: pd.DataFrame, metric: str) -> dict[str, dict[Any, Any]]:
    """Industry -> its row of a cross-validated metric."""
    rows = metrics[(metrics["slice"] == CV) & (metrics["metric"] == metric)]
    return {str(row["industry"]): row for row in rows.to_dict("records")}


def _adjusted(of_auc: Mapping[str, Mapping[Any, Any]]) -> dict[str, float]:
    """Permutation p-values after Benjamini and Hochberg (1995), of the industries that have one."""
    tested = [industry for industry, row in of_auc.items() if pd.notna(row["p_value"])]
    if not tested:
        return {}
    values = false_discovery_control([float(of_auc[industry]["p_value"]) for industry in tested], method="bh")
    return {industry: float(value) for industry, value in zip(tested, values, strict=True)}


def _gain(curve: pd.DataFrame, industry: str, auc: float) -> float | None:
    """AUC with all training accounts, by the curve or else by the metrics, less that with the fewest."""
    if curve.empty:
        return None
    points = curve[(curve["industry"] == industry) & curve["auc"].notna()].sort_values("share")
    if points.empty or points["share"].iloc[0] >= 1.0:
        return None
    best = float(points["auc"].iloc[-1]) if points["share"].iloc[-1] >= 1.0 else auc
    return best - float(points["auc"].iloc[0])


def _judged(industry: str, labelled: int, found: Found, precision: Mapping[Any, Any], predictable_auc: float) -> Card:
    said, reason = verdict(found, predictable_auc)
    return Card(
        industry,
        labelled,
        said,
        reason,
        auc=found.auc,
        auc_low=found.low,
        auc_high=found.high,
        pr_auc=float(precision["value"]),
        pr_auc_low=float(precision["low"]),
        pr_auc_high=float(precision["high"]),
        prevalence=float(precision["majority"]),
        q_value=found.q_value,
        gain=found.gain,
    )


def _filled(card: Card, coverage: pd.DataFrame, limit: float | None, fillable: int) -> Card:
    if limit is None:
        return card
    at = coverage[(coverage["industry"] == card.industry) & (coverage["threshold"] == limit)].iloc[0]
    return replace(
        card,
        threshold=limit,
        precision=float(at["precision"]),
        precision_low=float(at["low"]),
        coverage=float(at["coverage"]),
        fillable=fillable,
    )


def with_thresholds(known: pd.DataFrame, coverage: pd.DataFrame, limits: Mapping[str, float | None]) -> pd.DataFrame:
    """The cards of a training with other thresholds, and what `coverage` says of those."""
    at = coverage[coverage["threshold"] == coverage["industry"].map(limits)].set_index("industry")
    said = {"threshold": "threshold", "precision": "precision", "precision_low": "low", "coverage": "coverage"}
    return known.assign(**{name: known["industry"].map(at[column]) for name, column in said.items()})
