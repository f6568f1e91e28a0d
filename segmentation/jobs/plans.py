"""Plans of batches: which files by which rules, written down before any of it is read."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.events.layout import columns_of
from segmentation.events.rule_set import RuleSet
from segmentation.local_rows import local_rows
from segmentation.runtime import Job
from segmentation.schemas import INGEST_PLANS, LEDGER, READ
from segmentation.stores.inspection import RawFile
from segmentation.stores.secrets import key_fingerprint, read_key

#: states of a plan
PLANNED, GIVEN_UP, REPLAYED = "planned", "given_up", "replayed"


@dataclass(frozen=True)
class Plan:
    """A batch to be read."""

    batch_id: str
    rules: RuleSet
    #: UTC; what is "in the future" for the batch, however late it is finished
    planned_at: dt.datetime
    files: tuple[RawFile, ...]

    @property
    def note(self) -> str:
        """What the commit of its rows carries: a killed run's is known by it, that of a plan given up is not."""
        return f"batch {self.batch_id} planned {self.planned_at}"


def make_plan(job: Job, files: Sequence[RawFile], rules: RuleSet) -> Plan:
    """Write the plan down. Equal files and rules give an equal batch id."""
    named = rules.hash() + "".join(sorted(file.file_id for file in files))
    # a time of its own: the plan before it of the same batch may have been given up a second ago
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    plan = Plan(hashlib.sha256(named.encode()).hexdigest()[:16], rules, now, tuple(files))
    _write(job, [plan], PLANNED, None)
    return plan


def give_up(job: Job, plan: Plan, problem: Exception) -> None:
    """Write down that the plan will not be carried out; where identifiers are hashed, the kind of problem alone.

    Spark's messages quote the values that it could not make sense of.
    """
    _write(job, [plan], GIVEN_UP, _kind(problem) if job.settings.privacy.hash_ids else str(problem))


def _kind(problem: Exception) -> str:
    """The class of the error, and where Spark names the condition at its root that name: no value is in either."""
    conditions = re.findall(r"(?:\bSpark\w*Exception: |^)\[([A-Z_.]+)\]", str(problem))
    return type(problem).__name__ + (f" {conditions[-1]}" if conditions else "")


def record_replay(job: Job, rules: Mapping[str, RuleSet]) -> None:
    """Write down by which rules rows are decided again, each under a batch that holds such rows."""
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    _write(job, [Plan(batch_id, own, now, ()) for batch_id, own in rules.items()], REPLAYED, None)


def unfinished_plans(job: Job) -> list[Plan]:
    """Plans that were neither carried out (they have no entry in the published ledger) nor given up, oldest first."""
    plans = job.tables.read_latest(INGEST_PLANS)
    if plans is None:
        return []
    plans = plans.where(F.col("state") != REPLAYED)
    if job.tables.exists(LEDGER):
        plans = plans.join(job.tables.read(LEDGER).select("batch_id").distinct(), on="batch_id", how="left_anti")
    return [_read(row) for row in _not_given_up(plans)]


def rules_of_stored(job: Job, source: str, paths: Sequence[str]) -> list[tuple[str | None, RuleSet | None]]:
    """(path, rules) of the stored files of a source, each pair once.

    The path is None for all that are not in `paths`; the rules are None where no plan tells them that this release can
    read.
    """
    plans = job.tables.read_latest(INGEST_PLANS)
    if plans is None or not job.tables.exists(LEDGER):
        return []
    of_source = F.col("source") == source
    made = plans.where(of_source & (F.col("state") != GIVEN_UP)).select("batch_id", "rules")
    path = F.when(F.col("path").isin(list(paths)), F.col("path")).alias("path")
    stored = job.tables.read(LEDGER).where(of_source & (F.col("status") == READ)).select("batch_id", path).distinct()
    found = stored.join(made, on="batch_id", how="left").select("path", "rules").distinct().collect()
    return [(row["path"], _rules_in(row["rules"])) for row in found]


def _rules_in(text: str | None) -> RuleSet | None:
    try:
        return RuleSet.model_validate_json(text) if text is not None else None
    except ValidationError:
        return None


def require_same_key(job: Job) -> None:
    """Raises InputProblem when the tables were made under another key for identifiers than this run has.

    Nothing that comes would match what is stored. The plans know the key: nothing comes into the tables without one.
    """
    key = read_key(job.settings.privacy)
    now = key_fingerprint(key) if key else None
    plans = job.tables.read_latest(INGEST_PLANS)
    # every job asks this, so it is one read of a small table, without the files of each batch, and no join
    asked = ("batch_id", "state", "planned_at", "rules")
    carried = _not_given_up(plans.select(*asked)) if plans is not None else []
    then = json.loads(carried[-1]["rules"]).get("key_fingerprint") if carried else now
    if then == now:
        return
    privacy = job.settings.privacy
    made = f"with hashed identifiers under key {then}" if then else "with identifiers as they are"
    mend = f"set {privacy.key_variable} to that key" if now else f"set privacy.hash_ids and {privacy.key_variable}"
    raise InputProblem(
        f"the tables in {job.data_dir} were made {made}, and this run has {f'key {now}' if now else 'no key'}: "
        f"{mend if then else 'leave privacy.hash_ids off'}, or use another --data-dir"
    )


def _not_given_up(plans: DataFrame) -> list[Row]:
    """Rows of plans that left something behind, oldest first."""
    # as text: Python would take a collected timestamp for one in the machine's zone
    rows = (
        plans.withColumn("planned_at", F.col("planned_at").cast("string")).orderBy("planned_at", "batch_id").collect()
    )
    ended = {(row["batch_id"], row["planned_at"]) for row in rows if row["state"] == GIVEN_UP}
    return [row for row in rows if (row["batch_id"], row["planned_at"]) not in ended]


def _read(row: Row) -> Plan:
    try:
        rules = RuleSet.model_validate_json(row["rules"])
    except ValidationError as problem:
        where = ".".join(map(str, problem.errors()[0]["loc"]))
        raise InputProblem(
            f"batch {row['batch_id']} was planned on {row['planned_at'][:19]} and not finished, by rules that this "
            f"release does not take ({where}: {problem.errors()[0]['msg']}): finish it with the release that planned it"
        ) from None
    files = (
        RawFile(path=Path(path), columns=columns_of(one["layout"], rules.source.delimiter), **one)
        for path, one in json.loads(row["files"]).items()
    )
    return Plan(row["batch_id"], rules, dt.datetime.fromisoformat(row["planned_at"]), tuple(files))


def _write(job: Job, plans: Sequence[Plan], state: str, reason: str | None) -> None:
    rows = [_row(plan, state, reason) for plan in plans]
    job.tables.append_ahead(local_rows(rows, INGEST_PLANS.columns), INGEST_PLANS)


def _row(plan: Plan, state: str, reason: str | None) -> tuple[object, ...]:
    at = plan.planned_at.replace(tzinfo=dt.UTC)  # a bare time would be taken for one of the session's zone
    noted = ("file_id", "bytes", "modified_ns", "rows", "layout")
    files = json.dumps({str(file.path): {name: getattr(file, name) for name in noted} for file in plan.files})
    return plan.batch_id, state, at, plan.rules.source.name, plan.rules.hash(), plan.rules.text(), files, reason
