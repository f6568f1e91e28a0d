"""Sessions have what they need, wherever they are started."""

from __future__ import annotations

import locale
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from segmentation.stores.conf import load_settings
from segmentation.stores.connect import DELTA_SETTINGS
from segmentation.stores.host import remote_address
from segmentation.stores.jars import find_jars, needed_jars
from segmentation.stores.spark import COLLECTOR, COMPILE_ALL, _finds_names, delta_loaded, get_session
from segmentation.stores.submitted import _load


def test_a_local_session_has_the_master_of_the_profile_and_a_java_that_knows_all_letters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", lambda builder: builder._options)
    monkeypatch.setenv("LC_ALL", "C")
    two = load_settings("local", ["session.master=local[2]"]).session
    assert dict(cast("dict[str, str]", get_session(two)))["spark.master"] == "local[2]"
    any_number = load_settings("local", ["session.master=null"]).session
    assert dict(cast("dict[str, str]", get_session(any_number)))["spark.master"] == "local[*]"
    assert os.environ["LC_ALL"] == "C.UTF-8"


def test_a_server_is_that_of_the_settings_or_else_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    none, here = (load_settings("local", [f"session.remote={at}"]).session for at in ("null", "sc://here:15002"))
    monkeypatch.setenv("SPARK_REMOTE", "sc://there:15002")
    assert (remote_address(none), remote_address(here)) == ("sc://there:15002", "sc://here:15002")
    monkeypatch.setenv("SPARK_REMOTE", "")
    assert (remote_address(none), remote_address(here)) == (None, "sc://here:15002")


@pytest.mark.parametrize(
    ("variable", "value", "changed"),
    [("LC_ALL", "C", True), ("LC_ALL", "xx_XX.UTF-8", True), ("LANG", "xx_XX.UTF-8", True), ("LANG", "C.UTF-8", False)],
)
def test_java_is_given_a_locale_that_is_there(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, changed: bool
) -> None:
    """One that is not installed Python passes over, and Java then finds no file whose name is not ASCII."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, value)
    assert _finds_names() is not changed


def test_letters_that_python_knows_nothing_of_are_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "nl_langinfo", lambda _: "ARMSCII-8")
    assert not _finds_names()


def test_loopback_and_this_python_are_for_local_masters_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", lambda builder: builder._options)
    monkeypatch.delenv("SPARK_LOCAL_IP", raising=False)
    monkeypatch.setenv("PYSPARK_PYTHON", "python3.11")

    def options(setting: str) -> dict[str, str]:
        return dict(cast("dict[str, str]", get_session(load_settings("local", [setting]).session)))

    assert "spark.driver.host" not in options("session.master=spark://big.example:7077")
    assert "spark.driver.host" not in options("session.spark={spark.master: yarn}")
    assert (os.environ.get("SPARK_LOCAL_IP"), os.environ["PYSPARK_PYTHON"]) == (None, "python3.11")
    monkeypatch.delenv("PYSPARK_PYTHON")
    options("session.master=yarn")
    assert os.environ.pop("PYSPARK_PYTHON") == sys.executable
    monkeypatch.setenv("PYSPARK_PYTHON", "python3.11")
    assert options("session.master=local[2]")["spark.driver.host"] == "127.0.0.1"
    assert (os.environ["SPARK_LOCAL_IP"], os.environ["PYSPARK_PYTHON"]) == ("127.0.0.1", sys.executable)


def test_jars_of_another_release_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "io.delta_delta-spark_2.13-3.0.0.jar").touch()
    assert find_jars(tmp_path) == []
    for name in needed_jars():
        (tmp_path / name).touch()
    assert len(find_jars(tmp_path)) == 1 + len(needed_jars())


def test_on_databricks_the_session_is_the_workspaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where none is active, as in a wheel task: no jars are looked for, nothing is set."""
    theirs = object()
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", lambda builder: (theirs, builder._options))
    assert get_session(load_settings("databricks").session) == (theirs, {})


def submitted(monkeypatch: pytest.MonkeyPatch, told: dict[str, str], *given: str) -> dict[str, str]:
    """What is asked of Spark under a spark-submit that was told these settings."""
    for name, instead in {
        "is_submitted": lambda: True,
        "told": lambda: told,
        "require_master": lambda: None,
        "require_delta": lambda session: None,
    }.items():
        monkeypatch.setattr(f"segmentation.stores.spark.{name}", instead)
    return asked(monkeypatch, "cluster", *given)


def asked(monkeypatch: pytest.MonkeyPatch, profile: str, *given: str) -> dict[str, str]:
    """What is asked of Spark where no session is active."""
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    monkeypatch.setattr(SparkSession.Builder, "getOrCreate", lambda builder: builder._options)
    return dict(cast("dict[str, str]", get_session(load_settings(profile, given).session)))


def test_what_spark_submit_was_told_wins_over_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"spark.sql.shuffle.partitions": "400", "spark.sql.codegen.cache.maxEntries": "100"}
    options = submitted(monkeypatch, told, "session.shuffle_partitions=50")
    assert not told.keys() & options.keys()
    assert options["spark.python.sql.dataFrameDebugging.enabled"] == "false"
    assert options["spark.task.maxFailures"] == "8"


DELTA_EXTENSION = "io.delta.sql.DeltaSparkSessionExtension"
DELTA_CATALOG = "org.apache.spark.sql.delta.catalog.DeltaCatalog"


@pytest.mark.parametrize(
    ("given", "extensions"),
    [
        ({}, DELTA_EXTENSION),
        ({"spark.sql.extensions": "org.X, org.Y"}, f"org.X,org.Y,{DELTA_EXTENSION}"),
        ({"spark.sql.extensions": f"{DELTA_EXTENSION},org.X"}, f"{DELTA_EXTENSION},org.X"),
    ],
)
def test_delta_joins_the_extensions_that_are_given(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], extensions: str
) -> None:
    assert submitted(monkeypatch, given)["spark.sql.extensions"] == extensions
    monkeypatch.undo()
    assert asked(monkeypatch, "local", f"session.spark={given}")["spark.sql.extensions"] == extensions


def test_a_catalog_and_a_name_that_spark_submit_was_given_stay_and_times_are_utc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog, zone, name = "spark.sql.catalog.spark_catalog", "spark.sql.session.timeZone", "spark.app.name"
    monkeypatch.setattr(sys, "argv", ["/checkout/jobs/run_all.py"])
    plain = submitted(monkeypatch, {name: "run_all.py", zone: "Asia/Tokyo"})
    assert (plain[catalog], plain[name], plain[zone]) == (DELTA_CATALOG, "segmentation", "UTC")
    options = submitted(monkeypatch, {name: "monthly", catalog: "org.Own"})
    assert (options[catalog], options[name]) == ("org.Own", "monthly")


@pytest.mark.parametrize(
    ("theirs", "with_ours"),
    [("-Dx=1 -XX:+UseCompressedOops", True), ("-XX:+UseG1GC", False), ("-XX:+UseZGC -Dx=1", False)],
)
def test_options_for_java_are_put_behind_ours(monkeypatch: pytest.MonkeyPatch, theirs: str, with_ours: bool) -> None:
    """Of two collectors Java takes neither, and does not start."""
    said = asked(monkeypatch, "local", f"session.spark={{spark.driver.extraJavaOptions: '{theirs}'}}")
    words = said["spark.driver.extraJavaOptions"]
    assert words.startswith(f"{COMPILE_ALL} -Duser.timezone=UTC -Dlog4j2.configurationFile=")
    assert words.endswith(f" {theirs}")
    assert (COLLECTOR in words) is with_ours


def test_a_collector_that_is_named_elsewhere_stays_alone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "session.spark={spark.driver.defaultJavaOptions: '-XX:+UseG1GC'}"
    assert COLLECTOR not in asked(monkeypatch, "local", given)["spark.driver.extraJavaOptions"]
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:+UseSerialGC")
    assert COLLECTOR not in asked(monkeypatch, "local")["spark.driver.extraJavaOptions"]


def test_what_the_driver_cannot_load_is_told_from_what_it_can(spark: SparkSession) -> None:
    """A catalog of somebody else's is loaded without Delta, and Spark goes on without an extension."""
    _load(spark, DELTA_SETTINGS["spark.sql.extensions"])
    with pytest.raises(Py4JError, match=r"ClassNotFoundException: io\.delta\.Nowhere"):
        _load(spark, "io.delta.Nowhere")


def test_a_class_that_spark_generated_is_there_when_it_is_asked_for_again(spark: SparkSession) -> None:
    """Spark keeps 100 by itself; one build needs some 260."""
    jvm = spark._jvm
    assert jvm is not None
    count = jvm.org.apache.spark.metrics.source.CodegenMetrics.METRIC_COMPILATION_TIME().getCount
    queries = [spark.range(1).select(F.col("id") + number) for number in range(110)]
    for query in queries:
        query.collect()
    compiled = count()
    assert [query.select("*").collect()[0][0] for query in queries] == list(range(110))
    assert count() == compiled


LOGGING = """
from segmentation.stores.conf import load_settings
from segmentation.stores.spark import get_session

optimizer = get_session(load_settings("local").session)._jvm.org.slf4j.LoggerFactory.getLogger("breeze.optimize.OWLQN")
optimizer.error("Failure! Resetting history: breeze.optimize.NaNHistory: ")
optimizer.error("Failure again! Giving up and returning. Maybe the objective is just poorly behaved?")
"""


@pytest.mark.spark
def test_a_search_begun_anew_is_no_error_to_tell_and_one_given_up_is() -> None:
    """In a process of its own, where the JVM's log goes to a stream that can be read."""
    said = subprocess.run([sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True).stderr
    assert "Failure again! Giving up" in said
    assert "Resetting history" not in said


DELTA = [Path("/jars/delta-spark.jar"), Path("/jars/delta-storage.jar")]
SENT = "/jars/delta-spark.jar,/jars/delta-storage.jar"


@pytest.fixture
def _untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """No JVM runs yet, and nobody has set anything."""
    monkeypatch.setattr(SparkContext, "_gateway", None)
    for name in ("SPARK_DIST_CLASSPATH", "SPARK_HOME", "SPARK_CONF_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_untouched")
@pytest.mark.parametrize("before", [None, "/own/hadoop.jar"])
def test_the_driver_has_deltas_jars_behind_all_else_on_its_class_path(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    if before:
        monkeypatch.setenv("SPARK_DIST_CLASSPATH", before)
    with delta_loaded(load_settings("local").session, DELTA) as loading:
        assert loading == {}
        added = "/jars/delta-spark.jar:/jars/delta-storage.jar"
        assert os.environ["SPARK_DIST_CLASSPATH"] == (f"{before}:{added}" if before else added)
    assert os.environ.get("SPARK_DIST_CLASSPATH") == before


@pytest.mark.usefixtures("_untouched")
def test_a_spark_of_the_users_own_is_sent_deltas_jars(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its spark-env.sh may set the class path anew."""
    monkeypatch.setenv("SPARK_HOME", "/opt/spark")
    with delta_loaded(load_settings("local").session, DELTA) as loading:
        assert loading == {"spark.jars": SENT}


@pytest.mark.usefixtures("_untouched")
@pytest.mark.parametrize(
    ("session", "running", "jars", "sent"),
    [
        ({}, True, DELTA, SENT),  # its class path stands
        ({"master": "spark://host:7077", "spark": {"spark.jars": "/own.jar"}}, False, DELTA, f"{SENT},/own.jar"),
        ({"master": "local-cluster[1,1,1024]"}, False, DELTA, SENT),
        ({}, False, [Path("/a:b/delta.jar")], "/a:b/delta.jar"),  # on a class path it would be two
    ],
)
def test_executors_are_sent_deltas_jars_and_so_is_a_jvm_that_runs_already(
    monkeypatch: pytest.MonkeyPatch, session: dict[str, Any], running: bool, jars: list[Path], sent: str
) -> None:
    if running:
        monkeypatch.setattr(SparkContext, "_gateway", object())
    with delta_loaded(load_settings("local").session.model_copy(update=session), jars) as loading:
        assert loading == {"spark.jars": sent}
        assert "SPARK_DIST_CLASSPATH" not in os.environ
