"""Cross-validate every model of the settings and choose one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, cast

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import IndexToString
from pyspark.ml.tuning import CrossValidator
from pyspark.sql import DataFrame

from segmentation.industries.labels import Labels
from segmentation.industries.result import Candidate
from segmentation.industries.scoring import PREDICTED, LogLoss
from segmentation.models.catalogue import LABEL, build_estimator, find_model, grid_points, param_map
from segmentation.models.preparation import SCALED, fitted_stages
from segmentation.settings import IndustrySettings, ModelSettings


class PreparedOnce(Pipeline):
    """Preparation, one estimator, one naming stage: a pipeline that prepares a fold once for all points of a grid.

    A plain Pipeline would fit its preparation again for every point, on the same rows and with the same outcome.
    """

    def fitMultiple(  # noqa: N802  # Spark's name
        self,
        dataset: DataFrame,
        paramMaps: Sequence[Any],  # noqa: N803
    ) -> Iterator[tuple[int, PipelineModel]]:
        """Place in the grid and model; as Spark asks, several threads may draw from it."""
        *preparation, estimator, named = cast(list[Any], self.getStages())
        prepared = Pipeline(stages=preparation).fit(dataset)
        vectors = prepared.transform(dataset).select(SCALED, LABEL).localCheckpoint()

        def complete(fitted: tuple[int, Any]) -> tuple[int, PipelineModel]:
            place, model = fitted
            return place, PipelineModel(stages=[*prepared.stages, model, named])

        return map(complete, estimator.fitMultiple(vectors, paramMaps))


@dataclass(frozen=True)
class Searched:
    """One model of the catalogue after its grid search."""

    name: str
    #: one per grid point, in the order of the settings
    candidates: tuple[Candidate, ...]
    #: the candidate with the lowest log-loss
    best: Candidate
    #: the best candidate fitted on the whole training split: the fitted part of the pipeline
    refitted: PipelineModel
    #: the best candidate as fitted without each fold
    by_fold: tuple[PipelineModel, ...]


def search(
    name: str,
    train: DataFrame,
    categorical: Sequence[str],
    labels: Labels,
    settings: IndustrySettings,
    models: Mapping[str, ModelSettings],
) -> Searched:
    """Grid search of one model over the folds, with everything that learns from data inside them."""
    entry = find_model(name, "industry")
    estimator = build_estimator(entry, models, len(labels.industries), settings.seed)
    points = grid_points(estimator, models[name])
    named = IndexToString(inputCol="prediction", outputCol=PREDICTED, labels=list(labels.industries))
    validator = CrossValidator(
        estimator=PreparedOnce(stages=[*fitted_stages(categorical), estimator, named]),
        estimatorParamMaps=[param_map(estimator, point) for point in points],
        evaluator=LogLoss(),
        numFolds=labels.folds,
        foldCol="fold",
        parallelism=settings.parallelism,
        collectSubModels=True,
    )
    fitted: Any = validator.fit(train)
    # Spark gives the spread of the folds themselves (divided by n): n - 1 below makes it that of a sample's mean.
    errors = [spread / sqrt(labels.folds - 1) for spread in fitted.stdMetrics]
    results = zip(points, fitted.avgMetrics, errors, strict=True)
    candidates = tuple(Candidate(name, point, float(loss), float(error)) for point, loss, error in results)
    best = min(range(len(points)), key=lambda place: candidates[place].log_loss)
    by_fold = tuple(models_of_fold[best] for models_of_fold in fitted.subModels)
    return Searched(name, candidates, candidates[best], fitted.bestModel, by_fold)


def choose_model(searched: Sequence[Searched]) -> tuple[Searched, str]:
    """The first model listed whose log-loss is within one standard error of the lowest, and why in words.

    Models stand in the settings from simple to complex; the rule is that of Breiman et al. (1984).
    """
    lowest = min(searched, key=lambda one: one.best.log_loss)
    bar = lowest.best.log_loss + lowest.best.standard_error
    chosen = next(one for one in searched if one.best.log_loss <= bar)
    said = f"cross-validated log-loss {chosen.best.log_loss:.4f}"
    if len(searched) == 1:
        return chosen, f"{chosen.name} is the only model in the settings; {said}"
    if chosen is lowest:
        return chosen, f"{chosen.name}: lowest {said}"
    return chosen, (
        f"{chosen.name}: {said}, within one standard error ({lowest.best.standard_error:.4f}) of the lowest "
        f"({lowest.name}: {lowest.best.log_loss:.4f}), and it is the simpler"
    )
