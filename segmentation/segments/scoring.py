"""Put accounts into the segments of a trained model."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.ml import PipelineModel
from pyspark.ml.clustering import KMeansModel
from pyspark.ml.feature import SQLTransformer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.models.catalogue import CLUSTER, COMPONENTS

SEGMENT, SEGMENT_NAME = "prediction", "segment_name"


def score_segments(model: PipelineModel, basetable: DataFrame, method: str) -> DataFrame:
    """Table `segments` without its `model`: one row per account of `basetable`, by a model of `train_segments`.

    Works on a model loaded from its run as well: ids and names of the segments are part of it.
    """
    return segment_columns(model.transform(basetable), model.stages[-2], method)


def segment_columns(scored: DataFrame, clusterer: object, method: str) -> DataFrame:
    """The columns of table `segments` (but `model`) from a frame that the whole model has transformed."""
    return scored.select(
        "as_of",
        "account_id",
        F.lit(method).alias("method"),
        F.col(SEGMENT).cast("int").alias("segment"),
        F.col(SEGMENT_NAME).alias("name"),
        _confidence(clusterer).cast("double").alias("confidence"),
    )


def naming_stage(order: Sequence[int], names: Sequence[str]) -> SQLTransformer:
    """Spark's cluster number -> segment id and name, as a stage of the model, so that ids travel with it.

    `order[c]` and `names[c]` are those of cluster c.
    """
    ids = ", ".join(map(str, order))
    said = ", ".join("'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'" for name in names)
    place = f"CAST({CLUSTER} AS INT) + 1"
    return SQLTransformer(
        statement=f"SELECT *, element_at(array({ids}), {place}) AS {SEGMENT}, "
        f"element_at(array({said}), {place}) AS {SEGMENT_NAME} FROM __THIS__"
    )


def _confidence(clusterer: object) -> Column:
    """How sure the segment is, 0 to 1.

    GMM: the posterior probability of the account's segment. KMeans: the account's silhouette with centres in place
    of all members (Hruschka et al. 2004): 1 - distance to the nearest centre / distance to the second nearest.
    """
    if not isinstance(clusterer, KMeansModel):
        return F.array_max(vector_to_array(F.col("probability")))
    point = vector_to_array(F.col(COMPONENTS))
    distances = F.array_sort(F.array(*[_distance(point, list(map(float, c))) for c in clusterer.clusterCenters()]))
    nearest, second = F.try_element_at(distances, F.lit(1)), F.try_element_at(distances, F.lit(2))
    return F.when(second > 0, 1.0 - nearest / second).otherwise(F.lit(0.0))


def _distance(point: Column, centre: Sequence[float]) -> Column:
    squares = F.zip_with(point, F.array(*map(F.lit, centre)), lambda a, b: (a - b) * (a - b))
    return F.sqrt(F.aggregate(squares, F.lit(0.0), lambda total, square: total + square))
