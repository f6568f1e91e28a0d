"""Spark models to and from MLflow by way of a folder that Spark and this process both see.

MLflow's Spark flavour has the JVM copy a model's files between Spark's default file system and its own disk: a Connect
client has no JVM, and with HDFS as the default the JVM does not look at folders of the machines. Here Spark writes
into, and reads from, such a folder. What is stored is that flavour's own layout, so a local session loads such a model
by `mlflow.spark.load_model`, and this module loads its models.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import mlflow
import pyspark
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME, ModelInfo
from pyspark.ml import PipelineModel

from segmentation.errors import EnvironmentProblem
from segmentation.stores.host import spark_path

#: MLflow's own names of the flavour and of the folder with Spark's files
FLAVOUR, FILES = "spark", "sparkml"


def log_shared(
    model: PipelineModel, name: str, folder: Path, signature: ModelSignature, requirements: Sequence[str]
) -> ModelInfo:
    """Log a model to the run at hand; `folder` is an empty one that Spark and this process both see."""
    saved = folder / FILES
    model.write().overwrite().save(spark_path(saved))
    if not saved.is_dir():
        raise EnvironmentProblem(
            f"Spark wrote a model to {saved}, and it is not there: set storage.scratch to a folder that both Spark "
            "(its executors, or the Connect server) and this process see"
        )
    flavour = sys.modules[__name__]
    needed = list(requirements)
    info: ModelInfo = Model.log(
        artifact_path=name, flavor=flavour, saved=saved, signature=signature, pip_requirements=needed
    )
    return info


def save_model(
    path: str, mlflow_model: Model, saved: Path, signature: ModelSignature, pip_requirements: list[str]
) -> None:
    """What MLflow asks of a flavour: the folder of one model, from the files that Spark has `saved`."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(saved, folder / FILES)
    mlflow_model.signature = signature
    mlflow_model.add_flavor(
        FLAVOUR,
        pyspark_version=pyspark.__version__,
        model_data=FILES,
        code=None,
        model_class="pyspark.ml.pipeline.PipelineModel",
    )
    (folder / "requirements.txt").write_text("\n".join(pip_requirements) + "\n")
    mlflow.pyfunc.add_to_model(mlflow_model, loader_module="mlflow.spark", data=FILES)
    mlflow_model.save(str(folder / MLMODEL_FILE_NAME))


def load_shared(uri: str, folder: Path) -> PipelineModel:
    """A logged model, by way of an empty folder that Spark and this process both see."""
    found = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(folder)))
    return PipelineModel.load(spark_path(found.resolve() / FILES))
