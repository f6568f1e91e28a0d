"""The whole path as a client of Spark Connect and of an MLflow server, its tables in a catalog."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.industries.scoring import score_industries
from segmentation.runtime import Exit
from segmentation.schemas import BASETABLE, INDUSTRY_SCORES, INGEST_PLANS, PUBLISHED, TABLES
from segmentation.settings import StorageSettings
from segmentation.stores.content import content_hash
from segmentation.stores.runs import load_model, open_runs
from segmentation.table import Table
from tests.connect.conftest import SCHEMA, Server, client
from tests.robustness.conftest import SMALL, command


@pytest.fixture(scope="module")
def remote(
    raw: Path, server: Server, storage: StorageSettings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The data directory of a walk on the server, over the logs of `raw`; and the folder with its tables."""
    data_dir = tmp_path_factory.mktemp("client") / "data"
    done = client(server, storage, *command("run", data_dir, raw))
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert f"tables       spark_catalog.{SCHEMA}." in done.stdout
    return data_dir, server.folder / "warehouse" / f"{SCHEMA}.db"


def stored(spark: SparkSession, folder: Path, table: Table) -> DataFrame:
    """The latest version of a table in a schema's folder."""
    return spark.read.format("delta").load(str(folder / table.name))


def hashes(spark: SparkSession, folder: Path) -> dict[str, str]:
    """Hash by name of every table in a schema's folder, but for those that are never published."""

    def of(table: Table) -> str:
        return content_hash(stored(spark, folder, table), table)

    found = [t for t in TABLES if t not in (PUBLISHED, INGEST_PLANS) and (folder / t.name).is_dir()]
    with ThreadPoolExecutor(2) as pool:
        return dict(zip((table.name for table in found), pool.map(of, found), strict=True))


def test_tables_are_those_of_a_local_run(
    spark: SparkSession, unharmed: dict[str, dict[str, str]], remote: tuple[Path, Path]
) -> None:
    assert hashes(spark, remote[1]) == {k: v for k, v in unharmed["industry"].items() if k != INGEST_PLANS.name}
    assert not (remote[0] / "tables").exists()  # all of them are in the catalog


def test_a_local_session_loads_its_model_and_scores_alike(
    spark: SparkSession, storage: StorageSettings, remote: tuple[Path, Path]
) -> None:
    scores = stored(spark, remote[1], INDUSTRY_SCORES)
    (model,) = {row["model"] for row in scores.select("model").distinct().collect()}
    assert model == f"spark_catalog.{SCHEMA}.industry/1"
    pipeline = load_model(open_runs(storage, remote[0]), model)
    again = score_industries(pipeline, stored(spark, remote[1], BASETABLE)).withColumn("model", F.lit(model))
    assert content_hash(again, INDUSTRY_SCORES) == content_hash(scores, INDUSTRY_SCORES)


@pytest.mark.long
def test_the_other_commands_work_there_too(
    server: Server, storage: StorageSettings, remote: tuple[Path, Path], raw: Path
) -> None:
    """Among them one that sends this package's own classes to the server's Python: segments beyond a sample."""
    where, sampled = ("--data-dir", str(remote[0])), ("--set", "segments.driver_accounts=100")
    account = (raw / "accounts.csv").read_text().splitlines()[1].split(",")[0]
    for words, code, expected in (
        (tuple(command("run", remote[0], raw)), Exit.OK, "nothing has changed"),
        (("value",), Exit.OK, "value as of 2026-01-01"),
        (("churn",), Exit.INPUT, "churn needs"),  # the generated accounts hardly ever fall silent
        (("segments", *SMALL, *sampled), Exit.OK, "kmeans"),
        (("rollback", "--model", "segments_kmeans", *SMALL), Exit.OK, "back from"),
        (("score", "--model", "segments_kmeans"), Exit.OK, "scores as of 2026-01-01"),
        (("explore",), Exit.OK, "2026-01-01"),
        (("report",), Exit.OK, "report as of 2026-01-01"),
        (("export", "--to", str(remote[0] / "crm")), Exit.OK, "as of 2026-01-01"),
        (("replay", "--source", "generated"), Exit.OK, "nothing has changed"),
        (("status",), Exit.OK, "quarantined"),
        (("forget", "--account", account), Exit.OK, f"erased '{account}': "),
    ):
        done = client(server, storage, *words, *where)
        assert done.returncode == code, (words, done.stdout + done.stderr)
        assert expected in done.stdout + done.stderr, (words, done.stdout + done.stderr)


def test_a_catalog_that_the_server_does_not_have(server: Server, storage: StorageSettings, tmp_path: Path) -> None:
    done = client(server, storage.model_copy(update={"catalog": "lost"}), "status", "--data-dir", str(tmp_path))
    assert done.returncode == Exit.INPUT
    line = done.stderr.splitlines()[-1]
    assert line.startswith("segmentation status: the catalog of lost.segmentation_test.published cannot be asked (")
    assert line.endswith("correct storage.catalog, or have Spark given that catalog")
