"""The one place that starts a Spark session."""

from __future__ import annotations

import codecs
import contextlib
import locale
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from pyspark.sql import SparkSession

from segmentation.settings import SessionSettings
from segmentation.stores.connect import DELTA_SETTINGS, connect
from segmentation.stores.host import is_submitted, on_databricks, remote_address
from segmentation.stores.installed import check_environment
from segmentation.stores.jars import CLASSES, jar_folder
from segmentation.stores.submitted import require_delta, require_master, told

#: Java leaves methods of more than 8,000 bytes to its interpreter, and Spark generates such methods for wide selects:
#: compiling them too took the building of a million events from 11-12 s to 6-9 s (two cores, warm)
COMPILE_ALL = "-XX:-DontCompileHugeMethods"
#: on few cores the collector that stops the program does the same in less time than the one that runs beside it
COLLECTOR = "-XX:+UseParallelGC"
_NAME, _EXTENSIONS, _JAVA_OPTIONS = "spark.app.name", "spark.sql.extensions", "spark.driver.extraJavaOptions"
#: a list of jars, by which Spark's launcher ends the class path
_LAST_ON_CLASS_PATH = "SPARK_DIST_CLASSPATH"
#: what costs time and gives us nothing, wherever we start the session
FASTER = {
    # PySpark asks the session and looks at its own call stack on every call of a column or frame, to name a line of
    # Python in errors: a tenth of the time from cube to basetable. Whoever wants these lines sets it to "true"
    "spark.python.sql.dataFrameDebugging.enabled": "false",
    # Spark keeps the last 100 classes that it generated, and one build needs some 260: none would be there
    # when it is asked for again, by a later step or the next job, and Java would compile each of them anew
    "spark.sql.codegen.cache.maxEntries": "4000",
}
#: what every session of ours writes and means, wherever it runs
WRITTEN = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    # the few months of a log file each have a file open: else every row would be sorted once more, by month
    "spark.sql.maxConcurrentOutputFileWriters": "2",
}


def get_session(settings: SessionSettings) -> SparkSession:
    """The active session untouched (Databricks, notebooks, Spark Connect), or a new one with Delta.

    Under `spark-submit` the master and the jars are whatever it was given, and its settings win over the profile's;
    without it Spark starts locally, or goes to the Connect server of the settings.
    """
    logging.getLogger().addFilter(_is_news)
    active = SparkSession.getActiveSession()
    if active is not None:
        return active
    if on_databricks():  # the workspace has one for whoever asks, jars and all
        return SparkSession.builder.getOrCreate()
    if address := remote_address(settings):
        return connect(address, WRITTEN | profile_settings(settings))
    submitted = is_submitted()
    if submitted:
        require_master()
    jars = [] if submitted else check_environment()
    first = told() if submitted else {}
    builder = SparkSession.builder.appName(first[_NAME] if _is_named(first) else settings.app_name)
    yielding = {key: value for key, value in (FASTER | profile_settings(settings)).items() if key not in first}
    options = ({} if submitted else _local_options(settings)) | WRITTEN | yielding
    java_options = {} if submitted else {_JAVA_OPTIONS: _java_options(settings)}
    with delta_loaded(settings, jars) as loading:
        for key, value in (options | _with_delta(yielding | first) | java_options | loading).items():
            builder = builder.config(key, value)
        session = builder.getOrCreate()
    if submitted:
        require_delta(session)
    return session


def _is_named(given: Mapping[str, str]) -> bool:
    """Whether somebody gave the application a name; spark-submit itself takes the script's."""
    return given.get(_NAME, Path(sys.argv[0]).name) != Path(sys.argv[0]).name


def _with_delta(given: Mapping[str, str]) -> dict[str, str]:
    """Delta's settings beside what somebody else gave: other extensions stay, and so does another catalog."""
    ours = DELTA_SETTINGS[_EXTENSIONS]
    extensions = [name for one in given.get(_EXTENSIONS, "").split(",") if (name := one.strip())]
    catalogs = {key: given.get(key, value) for key, value in DELTA_SETTINGS.items()}
    return catalogs | {_EXTENSIONS: ",".join(dict.fromkeys([*extensions, ours]))}


def profile_settings(settings: SessionSettings) -> dict[str, str]:
    """What the profile asks of Spark beyond master and memory; where it says a thing twice, as `spark` has it."""
    partitions = {"spark.sql.shuffle.partitions": str(n)} if (n := settings.shuffle_partitions) else {}
    return partitions | settings.spark


def _is_news(record: logging.LogRecord) -> bool:
    """All but the trace that py4j writes to the root logger when its JVM dies: the error raised says it in one line."""
    return Path(record.pathname).parent.name != "py4j"


def jvm_process(spark: SparkSession) -> int | None:
    """Process id of the JVM that this Python started, None where it runs elsewhere (Spark Connect, a shell)."""
    return getattr(_jvm(spark), "pid", None)


def jvm_has_ended(spark: SparkSession, seconds: float = 0.0) -> bool:
    """Whether the JVM that this Python started is dead within `seconds`; False where it runs elsewhere."""
    process = _jvm(spark)
    if process is None:
        return False
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _jvm(spark: SparkSession) -> subprocess.Popen[bytes] | None:
    gateway = getattr(getattr(spark, "_sc", None), "_gateway", None)
    return getattr(gateway, "proc", None)


def _takes_class_path(settings: SessionSettings, jars: list[Path]) -> bool:
    """Whether the driver is all there is of Spark, and its JVM is yet to be started, with a class path that is ours."""
    from pyspark import SparkContext  # noqa: PLC0415  # a mere client of Spark Connect has none

    master = settings.master or settings.spark.get("spark.master", "local")
    alone = master.startswith("local") and not master.startswith("local-cluster")
    started = getattr(SparkContext, "_gateway", None) is not None  # by a session that ended
    theirs = {"SPARK_HOME", "SPARK_CONF_DIR"} & os.environ.keys()  # whose spark-env.sh may set it anew
    splits = any(os.pathsep in str(jar.absolute()) for jar in jars)
    return alone and not (started or theirs or splits)


@contextlib.contextmanager
def delta_loaded(settings: SessionSettings, jars: list[Path]) -> Iterator[dict[str, str]]:
    """The settings that load Delta's jars into a session, which is to be started within.

    Where that can be, they stand behind Spark's own on the class path of the driver, whatever else the user has put
    there: a class in `spark.jars` is first looked for in vain among all of Spark's, which took a twentieth of a job in
    a new JVM. Without jars nothing is loaded: spark-submit has been given them.
    """
    paths = [str(jar.absolute()) for jar in jars]
    if not jars:
        yield {}
        return
    if not _takes_class_path(settings, jars):
        yield {"spark.jars": ",".join([*paths, *filter(None, [settings.spark.get("spark.jars")])])}
        return
    before = os.environ.get(_LAST_ON_CLASS_PATH)
    os.environ[_LAST_ON_CLASS_PATH] = os.pathsep.join([*filter(None, [before]), *paths])
    try:
        yield {}
    finally:  # a JVM that somebody starts later is not ours to change
        del os.environ[_LAST_ON_CLASS_PATH]
        if before is not None:
            os.environ[_LAST_ON_CLASS_PATH] = before


def _loaded_before() -> list[str]:
    """Options by which Java takes the classes of an earlier run from `make fast-start`, where that was made.

    Java itself sees whether they are of this Java and of the class path as it is now, and does without them if not. It
    would tell so on standard output, by which nobody is helped.
    """
    archive = (jar_folder() / CLASSES).absolute()
    if not archive.exists() or os.pathsep in str(archive):  # it takes such a path for two archives
        return []
    return [f'"-XX:SharedArchiveFile={archive}"', "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]


def _finds_names() -> bool:
    """Whether Java would find files whose names are not ASCII: not where the locale is C, or is not installed.

    Such a one comes by ssh or stands in a Dockerfile; Python does without it and tells nobody.
    """
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, "")
        return codecs.lookup(locale.nl_langinfo(locale.CODESET)).name != "ascii"
    except (locale.Error, LookupError):  # LookupError: letters that Python knows nothing of
        return False
    finally:
        locale.setlocale(locale.LC_ALL, before)


def _java_options(settings: SessionSettings) -> str:
    """Ours, then those of the settings: of two that say the same thing Java takes the later, but of collectors none."""
    theirs = settings.spark.get(_JAVA_OPTIONS, "")
    log4j = Path(__file__).with_name("log4j2.properties")
    ours = [COMPILE_ALL, "-Duser.timezone=UTC", f"-Dlog4j2.configurationFile={log4j.as_uri()}", *_loaded_before()]
    everywhere = [
        theirs,
        settings.spark.get("spark.driver.defaultJavaOptions", ""),
        os.environ.get("JAVA_TOOL_OPTIONS", ""),
    ]
    collector = [] if any(re.search(r"-XX:\+Use\w+GC\b", one) for one in everywhere) else [COLLECTOR]
    return " ".join([*ours, *collector, *filter(None, [theirs])])


def _local_options(settings: SessionSettings) -> dict[str, str]:
    """What a driver needs that nobody submitted; the reason stands beside each odd one."""
    if not _finds_names():
        os.environ["LC_ALL"] = "C.UTF-8"
    cores = os.cpu_count() or 2
    options = {
        "spark.master": settings.master or "local[*]",
        "spark.sql.shuffle.partitions": str(cores),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        # Delta's own log would be read in 50 tasks; one per core is enough for tables of this size
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
    }
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # `python3` would hardly be one with our packages
    # executors on other machines would call themselves, and may have their Python elsewhere
    if settings.spark.get("spark.master", options["spark.master"]).startswith("local"):
        os.environ["PYSPARK_PYTHON"] = sys.executable  # workers must run this very interpreter
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")  # a host name that does not resolve stops Spark
        options["spark.driver.host"] = "127.0.0.1"
    if settings.driver_memory:
        options["spark.driver.memory"] = settings.driver_memory
    return options
