"""Train the industry model: choose the industries, cross-validate, measure on what was not seen, score everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.basetable.folds import TEST, TRAIN
from segmentation.features.feature import Feature
from segmentation.industries.drivers import drivers
from segmentation.industries.evaluation import Slice, evaluate
from segmentation.industries.labels import Labels, choose_labels
from segmentation.industries.metrics import Floats
from segmentation.industries.result import IndustryResult
from segmentation.industries.scoring import class_probabilities, score_columns
from segmentation.industries.selection import Searched, choose_model, search
from segmentation.models.catalogue import LABEL, find_model
from segmentation.models.preparation import prepare, selected_names, whole_model
from segmentation.settings import IndustrySettings, ModelSettings

CV = "cv"
#: the parts of the labelled accounts that metrics are about
SLICES = (TRAIN, CV, TEST)


def train_industry(
    basetable: DataFrame, features: Sequence[Feature], settings: IndustrySettings, models: Mapping[str, ModelSettings]
) -> IndustryResult:
    """The best of the settings' models on the labelled training accounts, its metrics, and scores for all accounts.

    Raises InputProblem for an unknown model, for fewer than two industries with enough labels, and for whatever
    `prepare` refuses.
    """
    for name in settings.models:
        find_model(name, "industry")
    labelled = basetable.where(F.col("industry").isNotNull())
    labels = choose_labels(labelled.select("industry", "split", "fold").toPandas(), settings.min_accounts)
    keep = {"industry": F.col("industry"), "split": F.col("split"), "fold": F.col("fold").cast("int")}
    prepared = prepare(basetable, features, keep)
    known = prepared.frame.withColumn(LABEL, _class_index(labels)).where(F.col(LABEL).isNotNull())
    train = known.where(F.col("split") == TRAIN)
    found = [search(name, train, prepared.categorical, labels, settings, models) for name in settings.models]
    chosen, reason = choose_model(found)
    seen = _collect(chosen.refitted, known)
    unseen = _out_of_fold(chosen, train)
    parts = {TRAIN: seen[seen["split"] == TRAIN], CV: unseen, TEST: seen[seen["split"] == TEST]}
    return IndustryResult(
        model=whole_model(prepared, chosen.refitted.stages),
        model_name=chosen.name,
        reason=reason,
        params=chosen.best.params,
        candidates=tuple(candidate for one in found for candidate in one.candidates),
        industries=labels.industries,
        support=labels.support,
        excluded=labels.excluded,
        metrics=_metrics(parts, labels, settings),
        confusion=_confusion(unseen, labels),
        drivers=drivers(chosen.refitted, selected_names(prepared, chosen.refitted), labels.industries),
        scores=score_columns(chosen.refitted.transform(prepared.frame), list(labels.industries)),
        train_accounts=len(parts[TRAIN]),
        test_accounts=len(parts[TEST]),
        numeric=prepared.numeric,
        categorical=prepared.categorical,
    )


def _class_index(labels: Labels) -> Column:
    """Place of the account's industry; null for unlabelled accounts and excluded industries."""
    index = F.lit(None).cast("double")
    for place, industry in enumerate(labels.industries):
        index = F.when(F.col("industry") == industry, F.lit(float(place))).otherwise(index)
    # Told the number of classes, a fit whose fold lacks the last one still answers for all of them.
    attribute = {"ml_attr": {"type": "nominal", "vals": list(labels.industries), "name": LABEL}}
    return index.alias(LABEL, metadata=attribute)


def _collect(model: PipelineModel, known: DataFrame) -> pd.DataFrame:
    """One row per labelled account: account_id, split, label, probabilities (array)."""
    scored = model.transform(known)
    return scored.select("account_id", "split", LABEL, class_probabilities(scored).alias("probabilities")).toPandas()


def _out_of_fold(chosen: Searched, train: DataFrame) -> pd.DataFrame:
    """Every training account as judged by the fit that has not seen its fold."""
    folds = [_collect(model, train.where(F.col("fold") == fold)) for fold, model in enumerate(chosen.by_fold)]
    return pd.concat(folds).sort_values("account_id", ignore_index=True)


def _given(part: pd.DataFrame, classes: int) -> Floats:
    return np.array(part["probabilities"].tolist(), dtype=np.float64).reshape(len(part), classes)


def _metrics(parts: Mapping[str, pd.DataFrame], labels: Labels, settings: IndustrySettings) -> pd.DataFrame:
    classes = len(labels.industries)
    # Baselines may know what the model knows: the shares in the training split, not those of the slice.
    priors = np.bincount(parts[TRAIN][LABEL].astype(int), minlength=classes) / len(parts[TRAIN])
    tables = [
        evaluate(
            Slice(name, parts[name][LABEL].to_numpy(dtype=np.int64), _given(parts[name], classes)),
            labels.industries,
            priors,
            settings.bootstrap,
            settings.seed,
        ).astype({"industry": object})
        for name in SLICES
    ]
    return pd.concat(tables, ignore_index=True)


def _confusion(unseen: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    names = np.array(labels.industries, dtype=object)
    predicted = _given(unseen, len(names)).argmax(axis=1)
    pairs = pd.DataFrame({"industry": names[unseen[LABEL].astype(int)], "predicted": names[predicted]})
    counts = pairs.value_counts().rename("accounts").reset_index()
    return counts.sort_values(["industry", "predicted"], ignore_index=True)
