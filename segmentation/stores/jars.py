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

from segmentation.errors import EnvironmentProblem
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

#: the release of Delta whose jars are these, beside its own; of another one nobody has looked
LISTED = "4.4.0"
_BESIDE = (
    *(f"delta-{name}-{LISTED}.jar" for name in ("kernel-api", "kernel-defaults", "kernel-unitycatalog", "storage")),
    "unitycatalog-client-0.6.0.jar",
    "unitycatalog-hadoop-0.6.0.jar",
)
#: segmentation.failures.Exit.ENVIRONMENT, which stands above the stores
_ENVIRONMENT = 4

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


def minor_release(version: str) -> str:
    """Such as 4.2 of 4.2.0; jars for one are not for another."""
    return ".".join(version.split(".")[:2])


def delta_package() -> str:
    """Maven coordinates of the Delta jars for the installed pyspark and delta-spark."""
    spark = minor_release(version("pyspark"))
    delta = version("delta-spark")
    # Delta 4.1 began to name the Spark release in the artifact
    name = f"delta-spark_{spark}_2.13" if tuple(map(int, delta.split(".")[:2])) >= (4, 1) else "delta-spark_2.13"
    return f"io.delta:{name}:{delta}"


def find_jars(folder: Path | None = None) -> list[Path]:
    """The jars in the folder, sorted; empty when one of those that the installed delta-spark needs is not there."""
    folder = folder or jar_folder()
    return [] if missing_jars(folder) else sorted(folder.glob("*.jar"))


def needed_jars() -> list[str]:
    """The jars that the installed delta-spark needs, as Maven Central calls them: those we know of."""
    _, artifact, release = delta_package().split(":")
    return [f"{artifact}-{release}.jar", *(_BESIDE if release == LISTED else ())]


def missing_jars(folder: Path | None = None) -> list[str]:
    """The names of jars that are not in the folder: of those that were fetched into it, else of those that are needed.

    Ivy puts the group before a name; who fetches jars by hand may not.
    """
    folder = folder or jar_folder()
    fetched = [name.partition("_")[2] for name in _names_of_fetched(folder)]  # behind the group
    there = [jar.name for jar in folder.glob("*.jar")]
    # a list of another release tells nothing of the jars that were put in their place
    wanted = fetched if _holds_delta(fetched) else needed_jars()
    return [name for name in wanted if not any(one.endswith(name) for one in there)]


def _names_of_fetched(folder: Path) -> list[str]:
    return (folder / FETCHED).read_text().splitlines() if (folder / FETCHED).is_file() else []


def _holds_delta(names: list[str]) -> bool:
    """Whether the jar of the installed delta-spark is among those of these names."""
    return any(name.endswith(needed_jars()[0]) for name in names)


def fetch_jars(folder: Path) -> list[Path]:
    """Fetch the Delta jars into `folder` and return them; does nothing when they are there.

    Raises EnvironmentProblem, with the end of Ivy's own report and the jars to put there by hand, when Maven Central
    cannot be reached.
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
        raise EnvironmentProblem(
            f"could not fetch {delta_package()} from Maven Central ({tail}): put "
            f"{', '.join(missing_jars(folder))} into {folder} by hand"
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


def main() -> int:
    """Fetch the jars where they are not all there; the exit code is that of a command."""
    try:
        fetch_jars(jar_folder())
    except EnvironmentProblem as problem:
        sys.stderr.write(f"segmentation: {problem}\n")
        return _ENVIRONMENT
    return 0


if __name__ == "__main__":
    sys.exit(main())
