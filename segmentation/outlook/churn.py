"""Churn: which accounts will have no log row in the months to come.

The split is by time. The model learns from what was known two horizons before as_of and what happened in the
horizon after; it is tested on what was known one horizon before as_of, with outcomes that are later than anything it
has seen. The accounts are largely the same ones, at another time: that is how the model is used, but it says nothing
about accounts that nobody has seen before. Then it is fitted anew on the later date, and answers for as_of itself.

All accounts and active ones are told apart: whoever has been silent for a year will hardly come back, which makes
any model look good on all accounts, and nobody needs a model for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml import Pipeline, PipelineModel, Transformer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from sklearn.linear_model import LogisticRegression

from segmentation.arrays import Bools, Floats
from segmentation.checkpoint import settled
from segmentation.errors import InputProblem, LackingData
from segmentation.features.feature import Feature
from segmentation.features.months import months_before
from segmentation.models.catalogue import BINARY, LABEL, Params, build_estimator, find_model, grid_points, param_map
from segmentation.models.preparation import SCALED, Prepared, fitted_stages, prepare, selected_names, whole_model
from segmentation.outlook.ranking import as_frame, losses, measure
from segmentation.outlook.snapshots import CHURNED
from segmentation.settings import ModelSettings, OutlookSettings

MODEL = "lasso"
ALL, ACTIVE = "all", "active"
TRAIN, TEST = "train", "test"
#: the feature behind the baseline that needs no model, and behind who is active
RECENCY = "all_days_since_last"
FOLDS = 3
STAYS, CHURNS = "stays", "churns"


@dataclass(frozen=True)
class Candidate:
    """One penalty of the grid, judged on accounts of the earlier date that its fit has not seen."""

    params: Params
    #: mean, and standard error over accounts
    log_loss: float
    standard_error: float


@dataclass(frozen=True)
class ChurnResult:
    """The model for as_of, what the same recipe was worth one horizon earlier, and every account's probability."""

    model: PipelineModel
    params: Params
    candidates: tuple[Candidate, ...]
    #: in words
    reason: str
    #: columns of `ranking.Measured`: table churn_metrics without as_of, and more
    metrics: pd.DataFrame
    #: feature, coefficient (of one standard deviation more; positive: falls silent), the largest first
    drivers: pd.DataFrame
    #: table churn_scores without model
    scores: DataFrame
    #: features that the model reads
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]


@dataclass(frozen=True)
class _Seen:
    """One snapshot, prepared, and what is needed of it on the driver; in the order of account_id."""

    prepared: Prepared
    frame: DataFrame
    churned: Bools
    recency: Floats
    active: Bools


def forecast_churn(
    earlier: DataFrame,
    later: DataFrame,
    now: DataFrame,
    features: Sequence[Feature],
    settings: OutlookSettings,
    models: Mapping[str, ModelSettings],
) -> ChurnResult:
    """Learn on `earlier`, test on `later` (both from `snapshot`, one horizon apart), score `now` (a basetable).

    Raises LackingData when in either period too few accounts fell silent, or stayed, InputProblem for whatever
    `prepare` refuses.
    """
    prepare(now, features, {})  # what it lacks is told before anything is fitted: scoring would end in a trace
    first, second = _seen(earlier, features, settings), _seen(later, features, settings)
    candidates, place, reason = _choose(first, settings, models)
    chosen = candidates[place].params
    learned = _fit(first, chosen, settings, models)
    metrics = _metrics((first, second), learned, settings)
    final = _fit(second, chosen, settings, models)
    model = whole_model(second.prepared, final.stages)
    return ChurnResult(
        model=model,
        params=chosen,
        candidates=candidates,
        reason=reason,
        metrics=metrics,
        drivers=_drivers(final, selected_names(second.prepared, final)),
        scores=score_churn(model, now, settings.active_months),
        numeric=second.prepared.numeric,
        categorical=second.prepared.categorical,
    )


def score_churn(model: PipelineModel, basetable: DataFrame, active_months: int) -> DataFrame:
    """Table churn_scores without its model: one row per account of `basetable`. A loaded model will do as well."""
    probability = vector_to_array(F.col("probability"))[1].alias("probability")
    active = _is_active(active_months).alias(ACTIVE)
    return model.transform(basetable).select("as_of", "account_id", active, probability)


def _is_active(months: int) -> Column:
    """Whether the last row is in so many months before the row's own as_of."""
    days = F.date_diff("as_of", F.add_months("as_of", -months))
    return F.col(RECENCY) <= days


def _seen(snapshot: DataFrame, features: Sequence[Feature], settings: OutlookSettings) -> _Seen:
    keep = {CHURNED: F.col(CHURNED), "recency": F.col(RECENCY), ACTIVE: _is_active(settings.active_months)}
    prepared = prepare(snapshot, features, keep)
    known = prepared.frame.select("as_of", "account_id", CHURNED, "recency", ACTIVE).toPandas()
    churned = known[CHURNED].to_numpy(np.bool_)
    silent, total = int(churned.sum()), len(churned)
    if min(silent, total - silent) < settings.min_accounts:
        date: dt.date = known["as_of"].iloc[0]
        raise LackingData(
            f"of {total} accounts known by {date} {silent} had no row until "
            f"{months_before(date, -settings.horizon_months)} and {total - silent} had: churn needs "
            f"{settings.min_accounts} of each (outlook.min_accounts), so give more accounts or another "
            "outlook.horizon_months"
        )
    attribute = {"ml_attr": {"type": "nominal", "vals": [STAYS, CHURNS], "name": LABEL}}
    label = F.col(CHURNED).cast("double").alias(LABEL, metadata=attribute)
    fold = F.pmod(F.xxhash64("account_id", F.lit(settings.seed)), F.lit(FOLDS)).alias("fold")
    frame = prepared.frame.select("*", label, fold)
    return _Seen(prepared, frame, churned, known["recency"].to_numpy(np.float64), known[ACTIVE].to_numpy(np.bool_))


def _choose(
    seen: _Seen, settings: OutlookSettings, models: Mapping[str, ModelSettings]
) -> tuple[tuple[Candidate, ...], int, str]:
    """Every penalty, judged on accounts of the earlier date that its fit has not seen; place of the one chosen."""
    estimator = build_estimator(find_model(MODEL, "industry"), models, BINARY, settings.seed)
    points = grid_points(estimator, models[MODEL])
    judged: list[list[pd.DataFrame]] = [[] for _ in points]
    for fold in range(FOLDS if len(points) > 1 else 0):
        rest = seen.frame.where(F.col("fold") != fold)
        preparation = Pipeline(stages=fitted_stages(seen.prepared.categorical)).fit(rest)
        vectors = settled(preparation.transform(rest).select(SCALED, LABEL))
        held = preparation.transform(seen.frame.where(F.col("fold") == fold)).select("account_id", SCALED, CHURNED)
        held = settled(held)
        for place, model in estimator.fitMultiple(vectors, [param_map(estimator, point) for point in points]):
            judged[place].append(_collect(model, held))
    if len(points) == 1:
        return (Candidate(points[0], float("nan"), float("nan")),), 0, "there is one penalty in the settings"
    lost = [_losses(pd.concat(parts).sort_values("account_id")) for parts in judged]
    candidates = tuple(Candidate(p, float(x.mean()), _error(x)) for p, x in zip(points, lost, strict=True))
    place, reason = simplest(candidates, lost)
    return candidates, place, reason


def simplest(candidates: Sequence[Candidate], lost: Sequence[Floats]) -> tuple[int, str]:
    """Place of the largest penalty within one standard error of the lowest log-loss, and why in words.

    `lost` holds each candidate's loss per account. The rule is that of Breiman et al. (1984), the standard error that
    of the difference between two candidates over the same accounts. InputProblem where none has finite losses.
    """
    known = [place for place, one in enumerate(lost) if np.isfinite(one).all()]
    if not known:
        raise InputProblem("no penalty gives finite probabilities: look for features with extreme values")
    best = min(known, key=lambda place: candidates[place].log_loss)
    near = [place for place in known if (lost[place] - lost[best]).mean() <= _error(lost[place] - lost[best])]
    place = max(near, key=lambda place: candidates[place].params.get("regParam", 0.0))
    said = f"{candidates[place].params}: log-loss {candidates[place].log_loss:.4f} on accounts not seen"
    if place == best:
        return place, f"{said}, the lowest"
    return place, f"{said}, within one standard error of the lowest ({candidates[best].log_loss:.4f}), and simpler"


def _collect(model: Transformer, rows: DataFrame) -> pd.DataFrame:
    given = vector_to_array(F.col("probability"))[1].alias("given")
    return model.transform(rows).select("account_id", CHURNED, given).toPandas()


def _losses(judged: pd.DataFrame) -> Floats:
    return losses(judged[CHURNED].to_numpy(np.bool_), judged["given"].to_numpy(np.float64))


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _fit(seen: _Seen, params: Params, settings: OutlookSettings, models: Mapping[str, ModelSettings]) -> PipelineModel:
    estimator = build_estimator(find_model(MODEL, "industry"), models, BINARY, settings.seed)
    tuned = estimator.copy(param_map(estimator, params))
    return Pipeline(stages=[*fitted_stages(seen.prepared.categorical), tuned]).fit(seen.frame)


def _metrics(periods: tuple[_Seen, _Seen], learned: PipelineModel, settings: OutlookSettings) -> pd.DataFrame:
    first = periods[0]
    by_recency = LogisticRegression(C=1e6).fit(_logged(first.recency), first.churned)
    rows = []
    for part, seen in zip((TRAIN, TEST), periods, strict=True):
        given = _collect(learned, seen.frame).sort_values("account_id")["given"].to_numpy(np.float64)
        recency = by_recency.predict_proba(_logged(seen.recency))[:, 1]
        for population, members in ((ALL, np.ones(len(given), dtype=np.bool_)), (ACTIVE, seen.active)):
            # a baseline may know what the model knows: the share among such accounts in training
            known = first.active if population == ACTIVE else np.ones(len(first.churned), dtype=np.bool_)
            share = float(first.churned[known].mean()) if known.any() else float(first.churned.mean())
            answers = (given[members], share, recency[members])
            rows += measure(population, part, seen.churned[members], answers, settings.min_accounts,
                            settings.bootstrap, settings.seed)  # fmt: skip
    return as_frame(rows)


def _logged(recency: Floats) -> Floats:
    result: Floats = np.log1p(recency).reshape(-1, 1)
    return result


def _drivers(fitted: PipelineModel, names: Sequence[str]) -> pd.DataFrame:
    matrix: Any = fitted.stages[-1]
    rows = matrix.coefficientMatrix.toArray()
    weights = pd.DataFrame({"feature": names, "coefficient": rows[1] - rows[0]})
    kept = weights[weights["coefficient"] != 0.0]
    return kept.sort_values("coefficient", key=lambda values: -values.abs(), kind="stable", ignore_index=True)
