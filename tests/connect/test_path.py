"""The whole path as a client of Spark Connect and of an MLflow server, its tables in a catalog."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.industries.scoring import score_industries
from segmentation.runtime import Exit
from segmentation.schemas import BASETABLE, INDUSTRY_SCORES, TABLES
from segmentation.settings import StorageSettings
from segmentation.stores.content import content_hash
from segmentation.stores.runs import load_model, open_runs
from segmentation.table import Table
from tests.connect.conftest import SCHEMA, Server, client
from tests.robustness.conftest import contents
from tests.walk import SMALL, arguments


@pytest.fixture(scope="module")
def remote(
    walked: Path, server: Server, storage: StorageSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The data directory of a walk on the server, over the logs of `walked`; and the folder with its tables."""
    data_dir = tmp_path_factory.mktemp("client") / "data"
    said = arguments(walked)
    said[said.index("--data-dir") + 1] = str(data_dir)
    done = client(server, storage, "run", *said)
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert f"tables       spark_catalog.{SCHEMA}." in done.stdout
    return data_dir, server.folder / "warehouse" / f"{SCHEMA}.db"


def hashes(spark: SparkSession, folder: Path) -> dict[str, str]:
    """Hash by name of every table in a schema's folder, at its latest version."""

    def of(table: Table) -> str:
        return content_hash(spark.read.format("delta").load(str(folder / table.name)), table)

    found = [table for table in TABLES if (folder / table.name).is_dir()]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((table.name for table in found), pool.map(of, found), strict=True))


def test_tables_are_those_of_a_local_run(spark: SparkSession, walked: Path, remote: tuple[Path, Path]) -> None:
    assert hashes(spark, remote[1]) == contents(spark, walked)
    assert not (remote[0] / "tables").exists()  # all of them are in the catalog


def test_a_local_session_loads_its_model_and_scores_alike(
    spark: SparkSession, storage: StorageSettings, remote: tuple[Path, Path]
) -> None:
    stored = {t: spark.read.format("delta").load(str(remote[1] / t.name)) for t in (BASETABLE, INDUSTRY_SCORES)}
    (model,) = {row["model"] for row in stored[INDUSTRY_SCORES].select("model").distinct().collect()}
    assert model == f"spark_catalog.{SCHEMA}.industry/1"
    pipeline = load_model(open_runs(storage, remote[0]), model)
    again = score_industries(pipeline, stored[BASETABLE]).withColumn("model", F.lit(model))
    assert content_hash(again, INDUSTRY_SCORES) == content_hash(stored[INDUSTRY_SCORES], INDUSTRY_SCORES)


@pytest.mark.long
def test_the_other_commands_work_there_too(
    server: Server, storage: StorageSettings, remote: tuple[Path, Path], walked: Path
) -> None:
    """Among them one that sends this package's own classes to the server's Python: segments beyond a sample."""
    where, sampled = ("--data-dir", str(remote[0])), ("--set", "segments.driver_accounts=100")
    for command, code, expected in (
        (("run", *arguments(walked)[: -len(SMALL) - 2], *SMALL), Exit.OK, "nothing has changed"),
        (("value",), Exit.OK, "value as of 2026-01-01"),
        (("churn",), Exit.INPUT, "churn needs"),  # the generated accounts hardly ever fall silent
        (("segments", *SMALL, *sampled), Exit.OK, "kmeans"),
        (("rollback", "--model", "segments_kmeans", *SMALL), Exit.OK, "segments_kmeans/1"),
        (("replay", "--source", "generated"), Exit.OK, "nothing has changed"),
        (("status",), Exit.OK, "quarantined"),
        (("forget", "--account", "nobody"), Exit.INPUT, "nobody"),
    ):
        done = client(server, storage, *command, *where)
        assert done.returncode == code, (command, done.stdout + done.stderr)
        assert expected in done.stdout + done.stderr, (command, done.stdout + done.stderr)
