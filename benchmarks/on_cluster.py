"""The basetable by spark-submit on a standalone master with two workers of one core each, on one and two executors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

from benchmarks import eventlog
from benchmarks.world import AS_OF, World
from segmentation.stores.archive import write_archive
from segmentation.stores.jars import find_jars
from tests.cluster.conftest import ROOT, SPARK_HOME, Cluster, environment


@dataclass(frozen=True)
class ClusterRun:
    """Seconds of the cube alone and of the whole job (start-up left out), and bytes that went through shuffles."""

    cube: float
    job: float
    shuffled: int


def build(cluster: Cluster, world: World, executors: int) -> ClusterRun:
    """One full build of the basetable; raises SystemExit with what the job said when it fails."""
    home = world.home / "cluster"
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(world.data, home / "data", copy_function=os.link)
    archive = write_archive(home / "segmentation.zip")
    conf = eventlog.settings(home / "log") | {
        "spark.cores.max": str(executors),
        "spark.dynamicAllocation.enabled": "false",
        "spark.executor.memory": "2g",
        "spark.sql.shuffle.partitions": "2",
    }
    submit = [str(SPARK_HOME / "bin" / "spark-submit"), "--master", cluster.master, "--driver-memory", "2g"]
    submit += ["--driver-java-options", "-XX:-DontCompileHugeMethods", "--py-files", str(archive)]
    submit += ["--jars", ",".join(map(str, find_jars()))]
    submit += [part for key, value in conf.items() for part in ("--conf", f"{key}={value}")]
    job = [str(ROOT / "jobs" / "build_basetable.py"), "--data-dir", str(home / "data"), "--as-of", str(AS_OF)]
    job += ["--accounts", str(world.drop / "accounts.csv")]
    env = environment(PYSPARK_PYTHON=sys.executable, PYSPARK_DRIVER_PYTHON=sys.executable)
    done = subprocess.run([*submit, *job], env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    lines = re.findall(r"\[ *([\d.]+) s\] (.+?) \(([\d.]+) s\)", done.stderr)
    took = {what.partition(":")[0]: (float(at), float(seconds)) for at, what, seconds in lines}
    shuffled = sum(task.shuffled for task in eventlog.tasks(home / "log"))
    return ClusterRun(took["activity"][1], float(lines[-1][0]) - took["starting Spark"][0], shuffled)
