"""Train the industry model: choose the industries, cross-validate, measure on what was not seen, score everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.ml import PipelineModel, Transformer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arrays import Floats
from segmentation.errors import InputProblem
from segmentation.features.feature import Feature
from segmentation.industries import evidence as e
from segmentation.industries.calibration import Calibration, fit_calibration
from segmentation.industries.drivers import drivers, effects, is_linear
from segmentation.industries.findings import Compared, Findings, Seen, find_out
from segmentation.industries.fitting import Fitter, Vectors, prepare_vectors, training_frame
from segmentation.industries.folds import ALL, Fits, Known, known_accounts, plan_fits
from segmentation.industries.labels import Labels, choose_labels
from segmentation.industries.reasons import reasons, worded
from segmentation.industries.result import Fill, IndustryResult, Recipe
from segmentation.industries.sampling import SAMPLED, sampled
from segmentation.industries.scoring import PROBABILITIES, answering_stages, raw_probabilities, score_columns
from segmentation.industries.selection import (
    Fold,
    Judged,
    as_in_grid,
    candidates,
    choose,
    judge,
    recipes_to_try,
    search,
)
from segmentation.models.preparation import NUMBERS, Prepared, prepare, selected_names, whole_model
from segmentation.models.support import check_models
from segmentation.settings import IndustrySettings, ModelSettings


@dataclass(frozen=True)
class Ground:
    """What every fit of one training stands on."""

    prepared: Prepared
    features: Sequence[Feature]
    #: one row per account in order of account_id: account_id, industry, split, fold
    accounts: pd.DataFrame
    labels: Labels
    known: Known
    fits: Fits
    #: the training accounts, see `training_frame`
    train: DataFrame
    fitter: Fitter
    settings: IndustrySettings


@dataclass(frozen=True)
class Refitted:
    """The chosen recipe on all training accounts."""

    vectors: Vectors
    #: the classifier, what it does per class and place of the vectors, and what the places stand for
    model: Any
    effects: Floats
    names: tuple[str, ...]
    calibration: Calibration
    #: preparation, classifier and calibrated answers
    stages: tuple[Transformer, ...]


def train_industry(
    basetable: DataFrame,
    features: Sequence[Feature],
    settings: IndustrySettings,
    models: Mapping[str, ModelSettings],
    also: Recipe | None = None,
) -> IndustryResult:
    """The best of the settings' models on the labelled training accounts, what it is worth, and everybody's scores.

    `also`: a recipe (the champion's) that is judged on the same folds but never chosen; when the catalogue does not
    know it any more, a note says so. Raises InputProblem for whatever `check_models` and `prepare` refuse, and for
    fewer than two industries with enough labels.
    """
    ground = prepare_ground(basetable, features, settings, models)
    judged, folds, notes = _search(ground, also)
    chosen, reason = choose(judged, settings.models)
    refitted = _refit(ground, chosen)
    scored = PipelineModel(stages=list(refitted.stages)).transform(ground.prepared.frame)
    curve, without = _further_fits(ground, chosen, folds, next(n for n, one in enumerate(judged) if one is chosen))
    answers = _answers(ground.accounts, scored)
    seen = Seen(ground.labels, ground.known, chosen, answers, curve, refitted.calibration)
    found = find_out(seen, _compared(ground.prepared), settings)
    return IndustryResult(
        model=whole_model(ground.prepared, refitted.stages),
        model_name=chosen.recipe.model,
        reason=reason,
        params=chosen.recipe.params,
        candidates=candidates(judged, ground.known),
        industries=ground.labels.industries,
        support=ground.labels.support,
        excluded=ground.labels.excluded,
        drivers=_drivers(ground, chosen.recipe, refitted),
        scores=score_columns(scored, ground.labels.industries),
        numeric=ground.prepared.numeric,
        categorical=ground.prepared.categorical,
        learning_curve=curve,
        ablation=without,
        **_findings(found, _reasons(ground, refitted, scored, found.decisions)),
        notes=(*notes, *found.notes),
    )


def prepare_ground(
    basetable: DataFrame, features: Sequence[Feature], settings: IndustrySettings, models: Mapping[str, ModelSettings]
) -> Ground:
    """Labels, folds, weights and prepared features of one training; raises as `train_industry` does."""
    check_models(settings.models, "industry", models)
    keep = {"industry": F.col("industry"), "split": F.col("split"), "fold": F.col("fold").cast("int")}
    prepared = prepare(basetable, features, keep)
    accounts = prepared.frame.select("account_id", *keep).toPandas().sort_values("account_id", ignore_index=True)
    labels = choose_labels(accounts[accounts["industry"].notna()], settings.min_accounts)
    known = known_accounts(prepared.frame, accounts, labels, settings.repeats, settings.seed)
    fits = plan_fits(known, settings)
    train = training_frame(prepared.frame, known, fits.weights, labels.industries)
    fitter = Fitter(models, len(labels.industries), settings.seed)
    return Ground(prepared, features, accounts, labels, known, fits, train, fitter, settings)


def _search(ground: Ground, also: Recipe | None) -> tuple[list[Judged], list[Fold], tuple[str, ...]]:
    """Every candidate judged, the prepared folds of repeat 0, and notes."""
    own = recipes_to_try(ground.fitter, ground.settings.models)
    extra: list[Recipe] = []
    notes: tuple[str, ...] = ()
    if also is not None:
        try:
            extra = [one for one in [as_in_grid(ground.fitter, also)] if one not in own]
        except InputProblem as problem:
            notes = (f"the recipe {also} cannot be tried again, so nothing is compared with it: {problem}",)
    recipes = [*own, *extra]
    given, folds = search(
        ground.train, ground.known, ground.fits, recipes, ground.fitter, ground.prepared.categorical,
        ground.settings.parallelism,
    )  # fmt: skip
    pairs = zip(recipes, given, strict=True)
    return [judge(recipe, raw, ground.known, recipe in extra) for recipe, raw in pairs], folds, notes


def _refit(ground: Ground, chosen: Judged) -> Refitted:
    """The chosen recipe on all training accounts, calibrated by what its fits said out of fold."""
    place = ground.fits.place(ALL)
    vectors = prepare_vectors(ground.train, ground.prepared.categorical, place, np.empty(0, dtype=np.int64))
    model = ground.fitter.fit(chosen.recipe, vectors.frame, place)
    names = tuple(selected_names(ground.prepared, vectors.preparation))
    calibration = fit_calibration(chosen.raw, ground.known.actual)
    answering = answering_stages(calibration, ground.labels.industries, model.hasParam("probabilityCol"))
    stages = (*vectors.preparation.stages, model, *answering)
    return Refitted(vectors, model, effects(model, ground.fitter.classes, len(names)), names, calibration, stages)


def _further_fits(
    ground: Ground, chosen: Judged, folds: Sequence[Fold], place: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learning curve and ablation; `place` is that of the chosen recipe among a fold's models."""
    settings, known, fits, fitter = ground.settings, ground.known, ground.fits, ground.fitter
    vectors = [fold.vectors for fold in folds]
    given = e.answers_by_share(
        chosen.recipe, vectors, fits, known, fitter, settings.parallelism, settings.learning_shares
    )
    curve = e.learning_curve({**given, 1.0: chosen.raw[0]}, known, fits, ground.labels.industries)
    if not settings.ablation:
        return curve, pd.DataFrame(columns=e.ABLATION_COLUMNS)
    names = [selected_names(ground.prepared, one.preparation) for one in vectors]
    categories = [e.category_of(one, ground.features) for one in names]
    models, whole = [fold.models[place] for fold in folds], chosen.raw[0]
    without = e.answers_without(chosen.recipe, vectors, models, whole, categories, fits, fitter, settings.parallelism)
    sizes = Counter(feature.category or "" for feature in ground.features)
    return curve, e.ablation(whole, without, sizes, known, settings.bootstrap, settings.seed)


def _drivers(ground: Ground, recipe: Recipe, refitted: Refitted) -> pd.DataFrame:
    """Effects, and of a linear model how reliably each feature is selected: halves of trees would take too long."""
    selected = None
    if is_linear(refitted.model):
        selected = e.selection_frequency(
            recipe, refitted.vectors, ground.fits, ground.fitter, ground.settings.parallelism,
            ground.settings.resamples,
        )  # fmt: skip
    return drivers(refitted.effects, refitted.names, ground.labels.industries, selected)


def _answers(accounts: pd.DataFrame, scored: DataFrame) -> pd.DataFrame:
    """`accounts` with their probabilities (arrays), calibrated and as the classifier alone gives them."""
    raw = raw_probabilities(scored).alias(f"raw_{PROBABILITIES}")
    given = scored.select("account_id", PROBABILITIES, raw).toPandas()
    return accounts.merge(given, on="account_id", validate="one_to_one")


def _compared(prepared: Prepared) -> Compared:
    """What models see of the accounts, for the shift check: a sample of either side, as the labelled may be few."""
    values = vector_to_array(F.col(NUMBERS)).alias("values")
    frame = prepared.frame.select("account_id", F.col("industry").isNotNull().alias("labelled"), values)
    known, unknown = (sampled(side, SAMPLED // 2) for side in (frame.where("labelled"), frame.where("not labelled")))
    rows = known.unionByName(unknown).toPandas().sort_values("account_id")
    numbers: Floats = np.array(rows["values"].tolist(), dtype=np.float64)
    return Compared(numbers, rows["labelled"].to_numpy(dtype=np.bool_), prepared.numeric)


def _reasons(ground: Ground, refitted: Refitted, scored: DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    """`decisions` with reasons; None where they are not computed: trees give none."""
    if not is_linear(refitted.model):
        return decisions.assign(reasons=None)
    unlabelled = scored.where(F.col("industry").isNull())
    names = worded(refitted.names, ground.features)
    found = reasons(unlabelled, refitted.effects, names, decisions, ground.labels.industries)
    return decisions.assign(reasons=decisions["account_id"].map(found))


def _findings(found: Findings, decisions: pd.DataFrame) -> dict[str, Any]:
    return {
        "metrics": found.metrics,
        "confusion": found.confusion,
        "train_accounts": found.train_accounts,
        "test_accounts": found.evidence.test_accounts,
        "cards": found.cards,
        "fill": Fill(decisions, found.coverage, found.thresholds, found.sentence),
        "suspects": found.suspects,
        "calibrated": found.calibrated,
        "evidence": found.evidence,
        "shift": found.shift,
    }
