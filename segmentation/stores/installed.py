"""What a local session needs of the machine, looked at before it starts: that spares the user a JVM stack trace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pyspark

from segmentation.errors import EnvironmentProblem
from segmentation.stores.jars import find_jars, jar_folder, minor_release, missing_jars

#: as the documentation of Spark 4.2 has it; 4.0 and 4.1 name the first two
SUPPORTED_JAVA = (17, 21, 25)
_GET_JAVA = "install a JDK 17, 21 or 25, or point JAVA_HOME at one"


def java_version() -> int | None:
    """Major version of the Java that Spark would start, or None when there is none.

    EnvironmentProblem where the file cannot be started.
    """
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not java or not Path(java).exists():
        return None
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    except OSError as problem:  # nobody may execute it, or it is of another kind of machine
        raise EnvironmentProblem(f"no Java found: {java} cannot be started ({problem.strerror}): {_GET_JAVA}") from None
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else None


def check_environment() -> list[Path]:
    """The Delta jars to load.

    Raises EnvironmentProblem on no or a wrong Java, a SPARK_HOME without Spark or of another release, or missing jars.
    """
    java = java_version()
    if java is None:
        raise EnvironmentProblem(f"no Java found: {_GET_JAVA}")
    if java not in SUPPORTED_JAVA:
        raise EnvironmentProblem(f"Java {java} does not run Spark 4: {_GET_JAVA}")
    if home := os.environ.get("SPARK_HOME"):
        _check_home(Path(home))
    if not (jars := find_jars()):
        raise EnvironmentProblem(
            f"Delta's jars {', '.join(missing_jars())} are not in {jar_folder().absolute()}: fetch them by "
            "`python -m segmentation.stores.jars`, or put them there by hand and set SEGMENTATION_JARS if the folder "
            "is another one"
        )
    return jars


def _check_home(home: Path) -> None:
    """PySpark starts whatever lies in SPARK_HOME; a Spark of another release fails with errors that name no cause."""
    if not (home / "bin" / "spark-submit").is_file():
        raise EnvironmentProblem(f"SPARK_HOME is {home}, where no Spark is: unset it, or name its folder")
    ours = minor_release(pyspark.__version__)
    for jar in (home / "jars").glob("spark-core_*.jar"):
        found = jar.stem.partition("-")[2].partition("-")[2]  # spark-core_2.13-4.2.0
        if minor_release(found) != ours:
            raise EnvironmentProblem(
                f"SPARK_HOME is {home}, which is Spark {found}, and PySpark here is {pyspark.__version__}: unset it, "
                f"or name a Spark {ours}"
            )
