"""What a report is made from, read from the tables as of one date and the one before."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.basetable.imputation import basetable_features
from segmentation.code_digest import code_digest
from segmentation.errors import InputProblem
from segmentation.features.tokens import main_accounts
from segmentation.features.words import spoken
from segmentation.jobs.freshness import BESIDE, is_outdated
from segmentation.jobs.horizons import forecast_months
from segmentation.jobs.stored_categories import stored_categories
from segmentation.reports.inputs import Inputs
from segmentation.runtime import Job
from segmentation.schemas import (
    ACCOUNT_POSITIONS,
    ACCOUNT_RFM,
    ACCOUNT_VALUES,
    ACTIVITY,
    BASETABLE,
    CHURN_METRICS,
    CHURN_SCORES,
    INDUSTRY_CARDS,
    INDUSTRY_COVERAGE,
    INDUSTRY_DRIVERS,
    INDUSTRY_FILL,
    INDUSTRY_METRICS,
    INDUSTRY_MODELS,
    INDUSTRY_SUSPECTS,
    LEDGER,
    ROW_BALANCE,
    SEGMENT_MOVES,
    SEGMENT_PROFILES,
    SEGMENT_SUMMARIES,
    SEGMENTS,
    TOKENS,
)
from segmentation.segments.placing import lead_method
from segmentation.table import Table

#: read as of the date; those of which the report says what they were before come first
COMPARED = (
    SEGMENTS, SEGMENT_SUMMARIES, ACCOUNT_RFM, INDUSTRY_CARDS, INDUSTRY_FILL, INDUSTRY_MODELS, CHURN_SCORES,
    ACCOUNT_VALUES,
)  # fmt: skip
OF_NOW = (
    SEGMENT_PROFILES, SEGMENT_MOVES, ACCOUNT_POSITIONS, INDUSTRY_METRICS, INDUSTRY_COVERAGE,
    INDUSTRY_DRIVERS, INDUSTRY_SUSPECTS, CHURN_METRICS,
)  # fmt: skip
#: without them there is nothing to report
NEEDED = (BASETABLE, SEGMENTS, SEGMENT_SUMMARIES)
#: tables read at the same time: each waits more than it works
AT_ONCE = 4
OF_BASETABLE = ("as_of", "account_id", "industry")


def read_inputs(job: Job) -> tuple[Inputs, str]:
    """The frames of a report, and the note by which a later run tells that nothing has changed.

    MissingTable when nothing is segmented yet, InputProblem for a date of which nothing is.
    """
    tables = job.tables
    for table in NEEDED:
        tables.version(table)  # names the command that makes it
    dates = tables.dates(SEGMENTS)
    as_of = _asked(job, dates)
    previous = max((date for date in dates if date < as_of), default=None)
    read = [one for one in (*COMPARED, *OF_NOW, BASETABLE, LEDGER, ROW_BALANCE, ACTIVITY) if tables.exists(one)]
    both = _collected(job, read, as_of, previous)
    now, before = _of_date(both, as_of), _of_date(both, previous)
    if not len(now[BASETABLE.name]):
        raise InputProblem(f"no basetable as of {as_of}: run `segmentation basetable --as-of {as_of}`")
    settings, methods = job.settings, set(now[SEGMENTS.name]["method"])
    features = basetable_features(stored_categories(job), settings.basetable.imputation)
    inputs = Inputs(
        as_of=as_of,
        previous=previous,
        published=max(tables.published[table.name].at for table in read),
        method=str(lead_method(methods, settings.segments.methods)),
        methods=tuple(settings.segments.methods),
        now={name: rows for name, rows in now.items() if len(rows)},
        before={name: rows for name, rows in before.items() if len(rows)},
        words=spoken(features),
        features=len(features),
        shown=settings.report.shown,
        reach_out=settings.report.reach_out,
        fill_precision=settings.industry.fill_precision,
        outdated=tuple(table.name for table in BESIDE if is_outdated(job, table, as_of)),
        horizon_months=_months(job, CHURN_SCORES, as_of),
        value_months=_months(job, ACCOUNT_VALUES, as_of),
        previous_horizon_months=_months(job, CHURN_SCORES, previous),
        previous_value_months=_months(job, ACCOUNT_VALUES, previous),
        hashed_ids=settings.privacy.hash_ids,
    )
    return inputs, _note(job, inputs, read)


def _note(job: Job, inputs: Inputs, read: Sequence[Table]) -> str:
    """What a report depends on, its code among it; equal notes mean equal reports."""
    # beside its own: what accounts are worth, how features are called and figures are written
    code = ["segmentation.reports", "segmentation.outlook", "segmentation.features", "segmentation"]
    asked = {
        "as_of": str(inputs.as_of),
        "code": code_digest(code),
        "report": job.settings.report.model_dump(),
        "horizon": inputs.horizon_months,
        "method": inputs.method,
    }
    return json.dumps({**job.tables.versions(read), **asked}, sort_keys=True)


def _months(job: Job, table: Table, date: dt.date | None) -> int | None:
    name = "horizon_months" if table is CHURN_SCORES else "value_months"
    return forecast_months(job, table, name, date) if date else None


def _asked(job: Job, dates: list[dt.date]) -> dt.date:
    """The date of the settings, else the latest that has segments."""
    as_of = job.as_of or job.settings.basetable.as_of or dates[-1]
    if as_of not in dates:
        known = ", ".join(map(str, dates))
        raise InputProblem(
            f"no segments as of {as_of} (there are {known}): run `segmentation segments --as-of {as_of}`"
        )
    return as_of


def _collected(job: Job, read: Sequence[Table], as_of: dt.date, previous: dt.date | None) -> dict[str, pd.DataFrame]:
    """The rows of both dates by table name; of tables without as_of all rows, of the cube its sums by category."""

    def collect(table: Table) -> pd.DataFrame:
        rows = job.tables.read(table)
        if table is ACTIVITY:
            owners = main_accounts(rows, job.tables.read(TOKENS), as_of)
            return _categories(rows, owners, as_of).toPandas().sort_values("category", ignore_index=True)
        if table is BASETABLE:
            rows = rows.select(*OF_BASETABLE)
        if "as_of" in table.columns.names:
            dates = [date for date in (as_of, previous) if date and (date == as_of or table not in OF_NOW)]
            rows = rows.where(F.col("as_of").isin(dates))
        # an order that does not depend on how Spark read them
        return rows.toPandas().sort_values(list(table.unique_by), ignore_index=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        frames = list(pool.map(collect, read))
    return {"categories" if table is ACTIVITY else table.name: one for table, one in zip(read, frames, strict=True)}


def _of_date(frames: Mapping[str, pd.DataFrame], as_of: dt.date | None) -> dict[str, pd.DataFrame]:
    """The rows of one date; tables without as_of speak for any."""
    dated = {name: rows[rows["as_of"] == as_of] if "as_of" in rows else rows for name, rows in frames.items()}
    if ACCOUNT_VALUES.name in dated:  # forecast from the cube: for accounts, too, that the basetable left out
        values, spoken_of = dated[ACCOUNT_VALUES.name], dated[BASETABLE.name]["account_id"]
        dated[ACCOUNT_VALUES.name] = values[values["account_id"].isin(spoken_of)]
    return {name: rows.reset_index(drop=True) for name, rows in dated.items()} if as_of else {}


def _categories(activity: DataFrame, owners: DataFrame, as_of: dt.date) -> DataFrame:
    """One row per category of the kept rows before as_of: rows, tokens, their main accounts, first and last row."""
    past = activity.where(F.col("event_month") < F.lit(as_of))
    by_token = past.groupBy("category", "token_key").agg(
        F.sum("rows").alias("rows"), F.min("first_ts").alias("first"), F.max("last_ts").alias("last")
    )
    # every token of the cube has an owner, so that a join beside the sums, and another scan for it, would add nothing
    owned = by_token.join(owners.select("token_key", "account_id"), on="token_key")
    first_and_last = (F.min("first").alias("first"), F.max("last").alias("last"))
    by_account = owned.groupBy("category", "account_id").agg(
        F.sum("rows").alias("rows"), F.count(F.lit(1)).alias("tokens"), *first_and_last
    )
    return by_account.groupBy("category").agg(
        F.sum("rows").alias("rows"),
        F.sum("tokens").alias("tokens"),
        *first_and_last,
        F.count(F.lit(1)).alias("accounts"),
    )
