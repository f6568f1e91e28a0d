"""Delta's jars: where they are, and how they get there.

The delta-spark wheel holds none. Spark's own Ivy fetches them from Maven Central; two settings make that reliable:
a settings file whose only resolver is Maven Central (Ivy's default chain looks into the local Maven folder first and
fails on a pom without its jar), and the exclusion of what Spark ships already.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from segmentation.stores.files import whole

IVY_SETTINGS = """<ivysettings>
  <settings defaultResolver="central"/>
  <resolvers><ibiblio name="central" m2compatible="true"/></resolvers>
</ivysettings>
"""

SHIPPED_WITH_SPARK = (
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.parquet:parquet-hadoop",
    "org.scala-lang:scala-library",
    "org.slf4j:slf4j-api",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "org.apache.logging.log4j:log4j-api",
    "com.fasterxml.jackson.core:jackson-databind",
    "com.fasterxml.jackson.core:jackson-core",
    "com.fasterxml.jackson.core:jackson-annotations",
    "com.fasterxml.jackson.datatype:jackson-datatype-jdk8",
    "org.roaringbitmap:RoaringBitmap",
    "com.google.code.findbugs:jsr305",
)

#: beside the jars: the names of all that were fetched together
FETCHED = "fetched.txt"
#: beside the jars, if it was made: Java's archive of the classes that a run loads (a "dynamic CDS archive")
CLASSES = "classes.jsa"


def jar_folder() -> Path:
    """`$SEGMENTATION_JARS`, or `.jars` in the working directory, or else beside the package in its checkout."""
    if given := os.environ.get("SEGMENTATION_JARS"):
        return Path(given)
    here, checkout = Path(".jars"), Path(__file__).resolve().parents[2] / ".jars"
    return checkout if checkout.is_dir() and not here.is_dir() else here  # a notebook works in its own folder


def delta_package() -> str:
    """Maven coordinates of the Delta jars for the installed pyspark and delta-spark."""
    spark = ".".join(version("pyspark").split(".")[:2])
    delta = version("delta-spark")
    # Delta 4.1 began to name the Spark release in the artifact
    name = f"delta-spark_{spark}_2.13" if tuple(map(int, delta.split(".")[:2])) >= (4, 1) else "delta-spark_2.13"
    return f"io.delta:{name}:{delta}"


def find_jars(folder: Path | None = None) -> list[Path]:
    """The jars in the folder, sorted; empty when the one of the installed delta-spark or one fetched with it is not."""
    folder = folder or jar_folder()
    jars = sorted(folder.glob("*.jar")) if folder.is_dir() else []
    return jars if _holds_delta([jar.name for jar in jars]) and not lost_jars(folder) else []


def lost_jars(folder: Path | None = None) -> list[str]:
    """The names of jars that were fetched into the folder and are not there; none where they were put there by hand."""
    folder = folder or jar_folder()
    names = _names_of_fetched(folder)
    # a list of another release tells nothing of the jars that were put in their place
    return [name for name in names if not (folder / name).is_file()] if _holds_delta(names) else []


def _names_of_fetched(folder: Path) -> list[str]:
    return (folder / FETCHED).read_text().splitlines() if (folder / FETCHED).is_file() else []


def _holds_delta(names: list[str]) -> bool:
    """Whether the jar of the installed delta-spark is among those of these names."""
    _, artifact, release = delta_package().split(":")
    wanted = f"{artifact}-{release}.jar"
    return any(name.endswith(wanted) for name in names)


def fetch_jars(folder: Path) -> list[Path]:
    """Fetch the Delta jars into `folder` and return them; does nothing when they are there.

    Raises RuntimeError with the end of Ivy's own report when Maven Central cannot be reached.
    """
    if jars := find_jars(folder):
        return jars
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        settings = Path(scratch) / "ivysettings.xml"
        settings.write_text(IVY_SETTINGS)
        nothing = Path(scratch) / "nothing.py"
        nothing.write_text("")
        import pyspark  # noqa: PLC0415  # setup runs this module before anything else needs Spark

        home = Path(pyspark.__path__[0])
        done = subprocess.run(
            [
                str(home / "bin" / "spark-submit"),
                *("--packages", delta_package(), "--exclude-packages", ",".join(SHIPPED_WITH_SPARK)),
                *("--conf", f"spark.jars.ivy={scratch}/ivy", "--conf", f"spark.jars.ivySettings={settings}"),
                str(nothing),
            ],
            env={**os.environ, "SPARK_HOME": str(home), "PYSPARK_PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        _keep(sorted(Path(scratch, "ivy", "jars").glob("*.jar")), folder)
    jars = find_jars(folder)
    if not jars:
        tail = " / ".join(done.stderr.strip().splitlines()[-3:])
        raise RuntimeError(
            f"could not fetch {delta_package()} from Maven Central ({tail}); put the jars into {folder} by hand"
        )
    return jars


def _keep(fetched: list[Path], folder: Path) -> None:
    """Copy the jars, their names first: a copy that is broken off must not pass for all of them.

    Those that an earlier release fetched go: beside the new ones Java would load them first.
    """
    if fetched:
        for name in _names_of_fetched(folder):
            (folder / name).unlink(missing_ok=True)
        (folder / FETCHED).write_text("".join(f"{jar.name}\n" for jar in fetched))
    for jar in fetched:
        with whole(folder / jar.name) as place:
            shutil.copy(jar, place)


if __name__ == "__main__":
    for fetched in fetch_jars(jar_folder()):
        sys.stdout.write(f"{fetched}\n")
