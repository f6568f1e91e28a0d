"""What went wrong, as one line and an exit code: the same for every job."""

from __future__ import annotations

import re
import shutil
from enum import IntEnum
from pathlib import Path
from urllib.parse import unquote

from segmentation.errors import EnvironmentProblem, InputProblem, LackingData, first_line
from segmentation.failures.cluster import are_rows_lost, cluster_fault
from segmentation.failures.servers import server_fault
from segmentation.stores.conf import ConfError
from segmentation.stores.made_by import damaged


class Exit(IntEnum):
    """What a job's exit code means."""

    OK = 0
    FAILED = 1  # a fault of the program or the machine; a trace was printed unless the line says all
    USAGE = 2  # arguments or settings
    INPUT = 3  # files, tables or labels
    ENVIRONMENT = 4  # Java, jars, Python, a full disk, a JVM that was killed
    PARTIAL = 5  # done, but some files could not be taken in; the ledger names each
    LACKING = 6  # the data lack what the command needs, such as labels, months or values; nothing is broken
    INTERRUPTED = 130  # by Ctrl-C or SIGTERM


#: what the user can mend, and the message says how
_USERS = (
    (ConfError, Exit.USAGE),
    (LackingData, Exit.LACKING),
    (InputProblem, Exit.INPUT),
    (EnvironmentProblem, Exit.ENVIRONMENT),
)
#: what Spark, Hadoop, Python and SQLite say of a full disk
_DISK_FULL = ("No space left on device", "database or disk is full", "Disk quota exceeded")
#: what py4j says when its JVM is no more; the last is a dead socket between the two
_JVM_GONE = (
    "Py4JNetworkError",
    "Answer from Java side is empty",
    "Error while sending or receiving",
    # Python's own, of a socket to the JVM; a database or a file system that is not there says it in other words
    "ConnectionRefusedError",
)
#: what it says to a call that was under way; of an error in Java it would tell the trace as well
_CALL_WITHOUT_ANSWER = re.compile(r"Py4JError: An error occurred while calling \S+$", re.MULTILINE)
_CONFLICT = re.compile(r"PublicationConflict|DELTA_CONCURRENT_|Concurrent(Append|Delete\w*|Transaction|Write)Exception")
_GONE = "FILE_NOT_EXIST"
#: what Spark says of a file that is not there, DBR_ on Databricks, and of one that it cannot make sense of
_FILE_LOST = re.compile(
    rf"\[FAILED_READ_FILE\.(?:DBR_)?({_GONE}|NO_HINT)\][^\n]*? reading file (?:(?:file|dbfs):/*(?=/))?(.+?)\. "
)
_ONE_MIB = 1 << 20
_SAFE = "what was published before is as it was; run the same command again to finish"


def is_conflict(problem: BaseException) -> bool:
    """Whether another writer came first: what the job has read is old, so it has to begin again."""
    return _CONFLICT.search(_text(problem)) is not None


def why_begin_again(problem: BaseException) -> str | None:
    """What to say when the job should begin again at once: what it has read or computed is old or gone."""
    if is_conflict(problem):
        return "another writer came first; beginning again from what it published"
    if are_rows_lost(_text(problem)):
        return "executors were lost, and rows with them; beginning again from what is published"
    return None


def is_passing(problem: BaseException, data_dir: Path) -> bool:
    """Whether the same work may succeed when it is tried again: a full disk, dead processes, another writer."""
    text = _text(problem)
    machines = server_fault(text) or cluster_fault(text)
    return is_conflict(problem) or machines is not None or _is_disk_full(text, data_dir) or _is_jvm_gone(text)


def explain(problem: BaseException, data_dir: Path, jvm_ended: bool = False) -> tuple[str, Exit, bool]:
    """(one line, exit code, whether a trace helps); raises `problem` again when it is none of a job's.

    `jvm_ended`: Spark's JVM is known to be dead, whatever its last words were.
    """
    if isinstance(problem, KeyboardInterrupt):
        return f"interrupted; {_SAFE}", Exit.INTERRUPTED, False
    if not isinstance(problem, Exception):
        raise problem
    if _is_disk_full(_text(problem), data_dir):  # before all, as whoever met it may have taken it for something else
        if isinstance(problem, InputProblem) and _DISK_FULL[0] in str(problem):  # it names the disk, another one
            return str(problem), Exit.ENVIRONMENT, False
        where = f"the disk of {data_dir.absolute()} or of Spark's scratch folder (spark.local.dir)"
        return f"no space left on {where}: free some; {_SAFE}", Exit.ENVIRONMENT, False
    for kind, code in _USERS:
        if isinstance(problem, kind):
            return str(problem), code, False
    known = _known_fault(_JVM_GONE[0] if jvm_ended else _text(problem))
    if known is not None:
        return *known, False
    return f"{type(problem).__name__}: {first_line(problem)}", Exit.FAILED, True


def _known_fault(text: str) -> tuple[str, Exit] | None:
    """Faults of the machine, of other writers and of rows, told by what Spark, Delta and SQLite say of them."""
    if fault := server_fault(text) or cluster_fault(text):
        return f"{fault}; {_SAFE}", Exit.ENVIRONMENT
    if gone := _jvm_fault(text):
        return f"{gone}; {_SAFE}", Exit.ENVIRONMENT
    if _CONFLICT.search(text):
        return f"other writers came first again and again; {_SAFE}", Exit.FAILED
    if fault := _lost_file(text):
        return fault, Exit.INPUT
    fault = _fault_of_rows(text)
    return (fault, Exit.FAILED) if fault else None


def _lost_file(text: str) -> str | None:
    """A file that Spark does not find or cannot read: of a table, or a log that went while it was read."""
    lost = _FILE_LOST.search(text)
    if lost is None:
        return None
    why, file = ("is gone" if lost[1] == _GONE else "cannot be read"), unquote(lost[2])
    of_table = re.search(r"/tables/(\w+)/", file)
    if of_table is None:
        return f"{file} {why}: put it back whole, then give the same command again"
    table = of_table[1]
    # `forget` deletes older versions' files under whoever reads one
    first = "if `segmentation forget` ran meanwhile, give the same command again; else " if why == "is gone" else ""
    return damaged(table, f"its file {file} {why}", first)


def unreadable_file(problem: BaseException) -> str | None:
    """The path of a file that is there and of which Spark could make no sense."""
    # its own words: another problem, met on the way out, is not the file's
    lost = _FILE_LOST.search(f"{problem}\n{problem.__cause__}")
    return unquote(lost[2]) if lost and lost[1] != _GONE else None


def _fault_of_rows(text: str) -> str | None:
    """What Delta's constraints or a stage's own plan hold against rows; Spark tells it in many lines."""
    if broken := re.search(r"\[DELTA_(?:VIOLATE_CONSTRAINT|NOT_NULL)[^\n]*(?:\n - [^\n]*)*", text):
        return f"rows that a table must not hold were refused: {' '.join(broken.group().split())}"
    raised = re.search(r"\[USER_RAISED_EXCEPTION\] (.*?)( SQLSTATE:|$)", text, re.MULTILINE)
    return raised[1] if raised else None


def _is_disk_full(text: str, data_dir: Path) -> bool:
    """Not every program says it: of a folder that cannot be made Hadoop only says so. Then the disk itself tells."""
    if any(said in text for said in _DISK_FULL):
        return True
    try:
        return "Mkdirs failed" in text and shutil.disk_usage(data_dir).free < _ONE_MIB
    except OSError:
        return False


def _jvm_fault(text: str) -> str | None:
    if "[JAVA_GATEWAY_EXITED]" in text:
        return "Java did not start (its words stand above; is session.driver_memory more than this machine has?)"
    return "Spark's JVM is gone (killed, or out of memory: see session.driver_memory)" if _is_jvm_gone(text) else None


def _is_jvm_gone(text: str) -> bool:
    return any(said in text for said in _JVM_GONE) or _CALL_WITHOUT_ANSWER.search(text) is not None


def _text(problem: BaseException) -> str:
    """The problem's own words and those of whatever caused it."""
    texts: list[str] = []
    one: BaseException | None = problem
    while one is not None and len(texts) < 10:  # noqa: PLR2004  # a chain may be a ring
        texts.append(f"{type(one).__name__}: {one}")
        one = one.__cause__ or one.__context__
    return "\n".join(texts)
