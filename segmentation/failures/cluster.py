"""Faults of a cluster, told by what Spark says of them in the trace of whatever failed."""

from __future__ import annotations

import re

#: the rows that `checkpoint.settled` left with executors are gone with all that held them
_ROWS_LOST = re.compile(r"CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND|Checkpoint block \S+ not found")
#: an executor was lost as often as a task, a stage or the master allows
_EXECUTORS_LOST = re.compile(
    r"ExecutorLostFailure|has failed the maximum allowable number of times|Master removed our application"
)
#: what Python on an executor says, within the trace that it sends
_NO_MODULE = re.compile(r"Python(?: ?worker|Exception)[\s\S]*ModuleNotFoundError: No module named '([^'.]+)")
#: Java has not the class, or has that of another release
_NO_CLASS = re.compile(
    r"(?:ClassNotFoundException|NoClassDefFoundError|NoSuchMethodError|NoSuchFieldError|AbstractMethodError"
    r"|InvalidClassException): (\S+)"
)
#: how an executor says that it has not the class that a function stands in
_NO_FUNCTION = "cannot assign instance of java.lang.invoke.SerializedLambda"


def are_rows_lost(text: str) -> bool:
    """Whether executors took rows with them that nothing can compute again but the job from its beginning."""
    return _ROWS_LOST.search(text) is not None


def cluster_fault(text: str) -> str | None:
    """What is wrong with the cluster and how to mend it, as one line; None when the text tells of something else."""
    if are_rows_lost(text) or _EXECUTORS_LOST.search(text):
        return (
            "executors were lost again and again (out of memory: raise --executor-memory or "
            "spark.executor.memoryOverhead; taken away: spark.task.maxFailures)"
        )
    if "All masters are unresponsive" in text:
        return "the Spark master does not answer: start it, or give spark-submit another --master"
    if missing := _NO_MODULE.search(text):
        ours = missing[1] == "segmentation"
        fix = "give spark-submit --py-files dist/segmentation.zip (`make package`)" if ours else "install it there"
        return f"Python on the executors has no module {missing[1]}: {fix}"
    if (missing := _NO_CLASS.search(text)) or _NO_FUNCTION in text:
        what = missing[1].rstrip(";") if missing else "classes that the driver has"
        return (
            f"Java lacks {what}, or has them of another release: driver and executors need the same Spark, and Delta's "
            "jars made for it (`make setup` fetches them) by spark-submit --jars"
        )
    return None
