"""One data directory, one key: under another one, or without, nothing that comes would match what is stored."""

from __future__ import annotations

from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.jobs.plans import GIVEN_UP
from segmentation.runtime import Job
from segmentation.schemas import INGEST_PLANS
from segmentation.stores.secrets import key_fingerprint, read_key


def require_same_key(job: Job) -> None:
    """Raises InputProblem when the tables were made under another key for identifiers than this run has.

    The plans of the batches know it: nothing comes into the tables without one.
    """
    key = read_key(job.settings.privacy)
    now = key_fingerprint(key) if key else None
    plans = job.tables.read_latest(INGEST_PLANS)
    if plans is None:
        return
    fingerprint = F.get_json_object("rules", "$.key_fingerprint").alias("key")
    # as text, since only its order matters; every job asks this, so it is one read of a small table and no join
    rows = plans.select("batch_id", "state", F.col("planned_at").cast("string"), fingerprint).collect()
    # a plan that was given up has left nothing behind
    ended = {(row["batch_id"], row["planned_at"]) for row in rows if row["state"] == GIVEN_UP}
    carried = [row for row in rows if (row["batch_id"], row["planned_at"]) not in ended]
    if not carried:
        return
    then = max(carried, key=lambda row: str(row["planned_at"]))["key"]
    if then == now:
        return
    privacy = job.settings.privacy
    made = f"with hashed identifiers under key {then}" if then else "with identifiers as they are"
    mend = f"set {privacy.key_variable} to that key" if now else f"set privacy.hash_ids and {privacy.key_variable}"
    raise InputProblem(
        f"the tables in {job.data_dir} were made {made}, and this run has {f'key {now}' if now else 'no key'}: "
        f"{mend if then else 'leave privacy.hash_ids off'}, or use another --data-dir"
    )
