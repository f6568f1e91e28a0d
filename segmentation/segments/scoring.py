"""Put accounts into the segments of a trained model."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.ml import PipelineModel
from pyspark.ml.clustering import GaussianMixtureModel
from pyspark.ml.feature import SQLTransformer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.models.catalogue import CLUSTER, COMPONENTS

SEGMENT, SEGMENT_NAME, CONFIDENCE, OUTLIER = "prediction", "segment_name", "confidence", "outlier"
#: the segment of accounts that HDBSCAN leaves between the dense regions, and its name
NO_SEGMENT, NO_SEGMENT_NAME = -1, "In no segment"


def score_segments(model: PipelineModel, basetable: DataFrame, method: str) -> DataFrame:
    """Table `segments` without its `model`: one row per account of `basetable`, by a model of `train_segments`.

    Works on a model loaded from its run as well: ids and names of the segments are part of it. What is an outlier is
    not, so that `outlier` is false everywhere.
    """
    scored = model.transform(basetable).withColumn(CONFIDENCE, confidence(model.stages[-2]))
    return segment_columns(scored.withColumn(OUTLIER, F.lit(False)), method)


def best_segments(model: PipelineModel, basetable: DataFrame) -> DataFrame:
    """One row per account of `basetable`: as_of, account_id, prediction, name, confidence, second.

    `prediction` is the segment's number as a text, `second` the name of the segment with the next nearest centre, or
    of the next likely one; null where there is no other.
    """
    clusterer, naming = model.stages[-2], model.stages[-1]
    scored = model.transform(basetable)
    first = scored.select(
        "as_of",
        "account_id",
        F.col(SEGMENT).cast("int").cast("string").alias("first"),
        F.col(SEGMENT_NAME).alias("name"),
        confidence(clusterer).cast("double").alias("confidence"),
        second_cluster(clusterer).alias(CLUSTER),
    )
    there = F.col(CLUSTER).isNotNull()
    return naming.transform(first).select(
        "as_of",
        "account_id",
        F.col("first").alias("prediction"),
        "name",
        "confidence",
        F.when(there, F.col(SEGMENT_NAME)).alias("second"),
    )


def segment_columns(scored: DataFrame, method: str) -> DataFrame:
    """The columns of table `segments` (but `model`) from a frame with SEGMENT, SEGMENT_NAME, CONFIDENCE, OUTLIER."""
    return scored.select(
        "as_of",
        "account_id",
        F.lit(method).alias("method"),
        F.col(SEGMENT).cast("int").alias("segment"),
        F.col(SEGMENT_NAME).alias("name"),
        F.col(CONFIDENCE).cast("double").alias("confidence"),
        OUTLIER,
    )


def naming_stage(ids: Sequence[int], names: Sequence[str]) -> SQLTransformer:
    """Cluster number -> segment id and name, as a stage of the model, so that ids travel with it.

    `ids[c]` and `names[c]` are those of cluster c; cluster -1 is in no segment.
    """
    listed = ", ".join(map(str, ids))
    said = ", ".join(_text(name) for name in names)
    place = f"greatest(CAST({CLUSTER} AS INT), 0) + 1"
    known = f"CAST({CLUSTER} AS INT) >= 0"
    return SQLTransformer(
        statement=f"SELECT *, IF({known}, element_at(array({listed}), {place}), {NO_SEGMENT}) AS {SEGMENT}, "
        f"IF({known}, element_at(array({said}), {place}), {_text(NO_SEGMENT_NAME)}) AS {SEGMENT_NAME} FROM __THIS__"
    )


def confidence(clusterer: object) -> Column:
    """How sure the cluster is, 0 to 1, of a frame that the clusterer, a model of Spark ML, has transformed.

    GMM: the posterior probability of the account's cluster. KMeans and bisecting k-means: the account's silhouette
    with centres in place of all members (Hruschka et al. 2004): 1 - distance to the own centre / distance to the
    nearest other, 0 where that is nearer. The other methods' are: ward as KMeans; HDBSCAN its membership strength,
    0 for noise; consensus the mean co-association with the other members.
    """
    if isinstance(clusterer, GaussianMixtureModel):
        return F.array_max(vector_to_array(F.col("probability")))
    distances = _distances(clusterer)
    own = F.filter(distances, lambda one: one["cluster"] == F.col(CLUSTER))[0]["distance"]
    others = F.filter(distances, lambda one: one["cluster"] != F.col(CLUSTER))
    other = F.array_min(others)["distance"]
    return F.when(other > 0, F.greatest(F.lit(0.0), 1.0 - own / other)).otherwise(F.lit(0.0))


def second_cluster(clusterer: object) -> Column:
    """The next best cluster of a frame that the clusterer has transformed; null where there is only one."""
    if isinstance(clusterer, GaussianMixtureModel):
        weighed = F.transform(
            vector_to_array(F.col("probability")), lambda p, at: F.struct((-p).alias("worse"), at.alias("cluster"))
        )
    else:
        weighed = _distances(clusterer)
    others = F.filter(weighed, lambda one: one["cluster"] != F.col(CLUSTER))
    return F.array_min(others)["cluster"].cast("int")


def _distances(clusterer: object) -> Column:
    """An array of structs: distance to a cluster's centre, cluster."""
    point = vector_to_array(F.col(COMPONENTS))
    centres = [list(map(float, centre)) for centre in clusterer.clusterCenters()]  # type: ignore[attr-defined]
    return F.array(
        *(
            F.struct(_distance(point, centre).alias("distance"), F.lit(number).alias("cluster"))
            for number, centre in enumerate(centres)
        )
    )


def _distance(point: Column, centre: Sequence[float]) -> Column:
    squares = F.zip_with(point, F.array(*map(F.lit, centre)), lambda a, b: (a - b) * (a - b))
    return F.sqrt(F.aggregate(squares, F.lit(0.0), lambda total, square: total + square))


def _text(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
