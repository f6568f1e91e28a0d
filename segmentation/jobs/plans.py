"""Plans of batches: which files by which rules, written down before any of it is read."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Row
from pyspark.sql import functions as F

from segmentation.events.rule_set import RuleSet
from segmentation.runtime import Job
from segmentation.schemas import INGEST_PLANS, LEDGER, RULE_SETS
from segmentation.stores.inspection import RawFile, columns_of

PLANNED, GIVEN_UP = "planned", "given_up"


@dataclass(frozen=True)
class Plan:
    """A batch to be read."""

    batch_id: str
    rules: RuleSet
    #: UTC; what is "in the future" for the batch, however late it is finished
    planned_at: dt.datetime
    files: tuple[RawFile, ...]


def make_plan(job: Job, files: Sequence[RawFile], rules: RuleSet) -> Plan:
    """Write the plan down. Equal files and rules give an equal batch id."""
    named = rules.hash() + "".join(sorted(file.file_id for file in files))
    plan = Plan(hashlib.sha256(named.encode()).hexdigest()[:16], rules, job.now, tuple(files))
    remember_rules(job, rules)
    _write(job, plan, PLANNED, None)
    return plan


def remember_rules(job: Job, rules: RuleSet) -> None:
    """Write the rules down unless they are known: a plan only names them."""
    known = job.tables.read_latest(RULE_SETS)
    if known is None or known.where(F.col("rules_hash") == rules.hash()).isEmpty():
        row = (rules.hash(), rules.source.name, rules.text())
        job.tables.append_ahead(job.spark.createDataFrame([row], RULE_SETS.columns), RULE_SETS)


def give_up(job: Job, plan: Plan, reason: str) -> None:
    """Write down that the plan will not be carried out."""
    _write(job, plan, GIVEN_UP, reason)


def unfinished_plans(job: Job) -> list[Plan]:
    """Plans that were neither carried out (they have no entry in the published ledger) nor given up, oldest first."""
    plans = job.tables.read_latest(INGEST_PLANS)
    if plans is None:
        return []
    if job.tables.exists(LEDGER):
        plans = plans.join(job.tables.read(LEDGER).select("batch_id").distinct(), on="batch_id", how="left_anti")
    # as text: Python would take a collected timestamp for one in the machine's zone
    rows = plans.withColumn("planned_at", F.col("planned_at").cast("string")).collect()
    ended = {(row["batch_id"], row["planned_at"]) for row in rows if row["state"] == GIVEN_UP}
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if (row["batch_id"], row["planned_at"]) not in ended:
            groups.setdefault((row["planned_at"], row["batch_id"]), []).append(row)
    return [_read(job, groups[key]) for key in sorted(groups)]


def _read(job: Job, rows: Sequence[Row]) -> Plan:
    stored = job.tables.read_latest(RULE_SETS)
    assert stored is not None  # rules are written before the plan that names them
    text = stored.where(F.col("rules_hash") == rows[0]["rules_hash"]).first()
    assert text is not None
    rules = RuleSet.model_validate_json(text["rules"])
    files = [
        RawFile(
            Path(row["path"]), row["file_id"], row["bytes"], row["modified_ns"], row["rows_in"], row["layout"],
            columns_of(row["layout"], rules.source.delimiter),
        )
        for row in rows
    ]  # fmt: skip
    files.sort(key=lambda file: file.path)
    return Plan(rows[0]["batch_id"], rules, dt.datetime.fromisoformat(rows[0]["planned_at"]), tuple(files))


def _write(job: Job, plan: Plan, state: str, reason: str | None) -> None:
    at = plan.planned_at.replace(tzinfo=dt.UTC)  # a bare time would be taken for the machine's local one
    rows = [
        (plan.batch_id, state, at, plan.rules.source.name, plan.rules.hash(), file.file_id, str(file.path), file.bytes,
         file.modified_ns, file.rows, file.layout, reason)
        for file in plan.files
    ]  # fmt: skip
    job.tables.append_ahead(job.spark.createDataFrame(rows, INGEST_PLANS.columns), INGEST_PLANS)
