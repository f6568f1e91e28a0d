"""cube -> how often every account with a value will come back, and what that is worth."""

from __future__ import annotations

import datetime as dt
import json

from pyspark.sql import functions as F

from segmentation.arguments import add_as_of
from segmentation.code_digest import code_digest
from segmentation.features.tokens import main_accounts
from segmentation.jobs.activity_months import require_current_activity
from segmentation.jobs.horizons import months_of_others
from segmentation.jobs.reach import reached_date
from segmentation.jobs.rows import replace_date
from segmentation.outlook.days import first_value_month, holdout_start, value_days
from segmentation.outlook.value import ValueForecast, forecast_value
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import ACCOUNT_VALUES, ACTIVITY, BASETABLE, TOKENS
from segmentation.shown import counted
from segmentation.stores.outlook_runs import log_value
from segmentation.stores.runs import open_runs


def value(job: Job) -> None:
    """Fit BG/NBD and gamma-gamma on all days with a value before as_of, check them on the last of these months."""
    tables, settings = job.tables, job.settings.outlook
    activity, tokens = tables.read(ACTIVITY), tables.read(TOKENS)
    as_of = _as_of(job)
    versions = tables.versions([ACTIVITY, TOKENS])
    others = months_of_others(job, ACCOUNT_VALUES, "value_months", as_of)
    made = {
        "as_of": str(as_of),
        "code": code_digest(["segmentation.outlook", "segmentation.features"]),
        **versions,
        **others,
    }
    note = json.dumps({**made, **settings.model_dump(mode="json")}, sort_keys=True)
    if not job.args.force and tables.note(ACCOUNT_VALUES) == note:
        job.show(f"value as of {as_of}: nothing has changed, kept as it is")
        return
    require_current_activity(job, as_of)
    first, aside = first_value_month(activity, as_of)
    if aside:
        job.say(
            f"left aside: {counted(aside, 'row')} with a value before {first}, so few that a wrong clock is likelier"
        )
    split = holdout_start(first, as_of, settings.value_months)
    with job.stage("value: days counted"):
        owners = main_accounts(activity, tokens, as_of)
        # a stray row of a wrong clock would make an account look old, and hardly ever there
        of_logs = activity.where(F.col("event_month") >= F.lit(first))
        days = value_days(of_logs, owners, as_of, split or as_of).toPandas()
    with job.stage("value: fitted"):
        found = forecast_value(days, as_of, split, settings.value_months, settings.bootstrap, settings.seed)
    with job.stage("value: logged and stored"):
        log_value(open_runs(job.settings.storage, job.data_dir), found, job.settings, versions, as_of)
        replace_date(job, as_of, (ACCOUNT_VALUES, found.accounts, note))
        job.publish()
    for line in summary_lines(found, as_of, split, settings.value_months):
        job.show(line)


def _as_of(job: Job) -> dt.date:
    """The date of the run or of the settings, else that of the latest basetable, else the last that the logs reach."""
    asked = job.as_of or job.settings.basetable.as_of
    if asked is None and job.tables.exists(BASETABLE):
        asked = max(job.tables.dates(BASETABLE), default=None)
    return reached_date(job, asked)


def summary_lines(found: ValueForecast, as_of: dt.date, split: dt.date | None, months: int) -> list[str]:
    """What is forecast in all, how it did on the months held back, and every note."""
    table, visits = found.accounts, found.visits
    again = table["repeats"] > 0
    alive, once = table.loc[again, "alive"].sum(), int((~again).sum())
    worth = "" if found.values is None else f", worth {table['lifetime_value'].sum():,.0f}"
    lines = [
        f"value as of {as_of}: {counted(len(table), 'account')}; in {months} months "
        f"{table['expected_days'].sum():,.0f} days with a value{worth}",
        f"  of {int(again.sum()):,} that came again {alive:,.0f} are alive; {once:,} came only once, of whom BG/NBD "
        "cannot tell",
        f"  BG/NBD r {visits.r:.3f}, alpha {visits.alpha:.3f} weeks, a {visits.a:.3f}, b {visits.b:.3f}",
    ]
    if found.values is not None:
        lines.append(f"  gamma-gamma p {found.values.p:.2f}, q {found.values.q:.2f}, v {found.values.v:.2f}")
    for row in found.holdout.to_dict("records"):
        verdict = "better" if row["better_low"] > 0 else "not shown to be better"
        lines.append(
            f"  {row['quantity']} from {split} on: {row['expected']:,.0f} forecast, {row['actual']:,.0f} came; "
            f"mean error {row['error']:.2f}, {verdict} than going on as before ({row['naive_error']:.2f})"
        )
        if row["left_out"]:
            lines.append(
                f"    left out: {counted(row['left_out'], 'account')} without a {row['quantity']} forecast by then, "
                f"which brought {row['left_out_actual']:,.0f}"
            )
    return [*lines, *(f"  note: {note}" for note in found.notes)]


JOB = JobSpec("value", "how often every account will come back, and what that is worth", add_as_of, value, tracks=True)
