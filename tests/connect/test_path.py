"""The whole path as a client of Spark Connect and of an MLflow server, its tables in a catalog."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from segmentation.runtime import Exit
from segmentation.schemas import BASETABLE, EVENTS, INGEST_PLANS, PUBLISHED, SEGMENTS, TABLES
from segmentation.segments.scoring import score_segments
from segmentation.settings import StorageSettings
from segmentation.stores.content import content_hash
from segmentation.stores.runs import load_model, open_runs
from segmentation.table import Table
from tests.connect.conftest import SCHEMA, Server, client
from tests.robustness.conftest import SMALL, command


@pytest.fixture(scope="module")
def remote(
    raw: Path, server: Server, storage: StorageSettings, tmp_path_factory: pytest.TempPathFactory, with_long: bool
) -> tuple[Path, Path]:
    """The data directory of a walk on the server, up to the segments and their models; the folder with its tables."""
    data_dir = tmp_path_factory.mktemp("client") / "data"
    for name in ("ingest", "basetable", "segments")[: None if with_long else 2]:
        done = client(server, storage, *command(name, data_dir, raw))
        assert done.returncode == Exit.OK, done.stdout + done.stderr
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


def without_plans(contents: dict[str, str]) -> dict[str, str]:
    return {name: content for name, content in contents.items() if name != INGEST_PLANS.name}


def test_tables_are_those_of_a_local_run(
    spark: SparkSession, unharmed: dict[str, dict[str, str]], remote: tuple[Path, Path]
) -> None:
    """Those of the ingest; the long test below compares all others, since the local run takes its time too."""
    ingested, found = without_plans(unharmed["ingest"]), hashes(spark, remote[1])
    assert {name: found[name] for name in ingested} == ingested
    assert not (remote[0] / "tables").exists()  # all of them are in the catalog


@pytest.mark.long
def test_a_local_session_loads_its_model_and_scores_alike(
    spark: SparkSession, storage: StorageSettings, remote: tuple[Path, Path]
) -> None:
    stored_rows = stored(spark, remote[1], SEGMENTS).where("method = 'kmeans'").select("account_id", "segment", "model")
    rows = {row["account_id"]: row["segment"] for row in stored_rows.collect()}
    (model,) = {row["model"] for row in stored_rows.collect()}
    assert model == f"spark_catalog.{SCHEMA}.segments_kmeans/1"
    pipeline = load_model(open_runs(storage, remote[0]), model)
    again = score_segments(pipeline, stored(spark, remote[1], BASETABLE), "kmeans").collect()
    assert {row["account_id"]: row["segment"] for row in again} == rows


@pytest.mark.long
def test_the_other_commands_work_there_too(
    spark: SparkSession, server: Server, storage: StorageSettings, remote: tuple[Path, Path], raw: Path,
    unharmed: dict[str, dict[str, str]],
) -> None:  # fmt: skip
    """First the industries, equal to a local run's. Segments beyond a sample send classes to the server's Python."""
    where, sampled = ("--data-dir", str(remote[0])), ("--set", "segments.driver_accounts=100")
    walk = client(server, storage, *command("run", remote[0], raw))
    assert walk.returncode == Exit.OK, walk.stdout + walk.stderr
    assert f"tables       spark_catalog.{SCHEMA}." in walk.stdout
    assert hashes(spark, remote[1]) == without_plans(unharmed["industry"])
    for words, code, expected in (
        (("value",), Exit.OK, "value as of 2026-01-01"),
        (("churn",), Exit.LACKING, "churn needs"),  # the generated accounts hardly ever fall silent
        (("segments", *SMALL, *sampled), Exit.OK, "kmeans"),
        (("rollback", "--model", "segments_kmeans", *SMALL), Exit.OK, "back from"),
        (("score", "--model", "segments_kmeans"), Exit.OK, "scores as of 2026-01-01"),
        (("explore",), Exit.OK, "2026-01-01"),
        (("report", "--to", str(remote[0] / "reports")), Exit.OK, "report as of 2026-01-01"),
        (("export", "--to", str(remote[0] / "crm")), Exit.OK, "as of 2026-01-01"),
        (("replay", "--source", "generated"), Exit.OK, "nothing has changed"),
        (("status",), Exit.OK, "quarantined"),
    ):
        done = client(server, storage, *words, *where)
        assert done.returncode == code, (words, done.stdout + done.stderr)
        assert expected in done.stdout + done.stderr, (words, done.stdout + done.stderr)


@pytest.mark.long
def test_an_account_is_forgotten_in_a_catalog(
    spark: SparkSession, server: Server, storage: StorageSettings, remote: tuple[Path, Path], raw: Path
) -> None:
    """Comes last: it erases what the others read."""
    account = (raw / "accounts.csv").read_text().splitlines()[1].split(",")[0]
    done = client(server, storage, "forget", "--account", account, "--data-dir", str(remote[0]))
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    assert f"erased '{account}': events " in done.stdout
    for table in (EVENTS, BASETABLE):
        assert stored(spark, remote[1], table).where(F.col("account_id") == account).isEmpty()


def test_a_catalog_that_the_server_does_not_have(server: Server, storage: StorageSettings, tmp_path: Path) -> None:
    done = client(server, storage.model_copy(update={"catalog": "lost"}), "status", "--data-dir", str(tmp_path))
    assert done.returncode == Exit.INPUT
    line = done.stderr.splitlines()[-1]
    assert line.startswith("segmentation status: the catalog of lost.segmentation_test.published cannot be asked (")
    assert line.endswith("correct storage.catalog, or have Spark given that catalog")
