"""What a notebook begins with: the published tables of one data directory or catalog, to read and never to write."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.arguments import expanded
from segmentation.errors import InputProblem
from segmentation.features.feature import Feature
from segmentation.jobs.activity_months import changed_since
from segmentation.jobs.built import is_behind
from segmentation.jobs.freshness import read_basetable
from segmentation.jobs.horizons import forecast_months
from segmentation.jobs.stored_categories import stored_categories
from segmentation.reports.actions import open_fills
from segmentation.reports.standing import standing
from segmentation.runtime import Job
from segmentation.schemas import CHURN_SCORES, INDUSTRY_FILL, INDUSTRY_MODELS, PUBLISHED, SEGMENTS
from segmentation.segments.placing import lead_method
from segmentation.settings import Settings
from segmentation.stores.conf import default_profile, load_settings
from segmentation.stores.made_by import made_by
from segmentation.stores.tables import MissingTable
from segmentation.table import Table

#: more rows than this do not belong into the memory of a notebook
MOST_ROWS = 1_000_000


class _Silent(Job):
    """Notebooks show what stands on standard error as if something were wrong."""

    def say(self, line: str) -> None:
        """Nothing: that a cell is at work is to be seen."""


class House:
    """The published tables as one date sees them. Reading needs no lock, and there is nothing here that writes."""

    def __init__(self, job: Job) -> None:
        self._job = job
        if not job.tables.published:
            raise MissingTable(
                f"there are no tables at {job.tables.location(PUBLISHED).removesuffix(PUBLISHED.name)}: run "
                "`segmentation run` (or `make demo`) first, or set `data_dir` in the first cell to where it wrote"
            )

    @property
    def settings(self) -> Settings:
        """The settings that the tables are read by."""
        return self._job.settings

    @cached_property
    def as_of(self) -> dt.date:
        """The date that the notebook speaks for: the one asked for, else the latest that has a basetable."""
        return self._stored[0]

    @cached_property
    def features(self) -> tuple[Feature, ...]:
        """The features of the basetable as the catalogue declares them, in column order."""
        return self._stored[2]

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """The categories of the logs, in the order of the settings."""
        return stored_categories(self._job)

    @cached_property
    def basetable(self) -> pd.DataFrame:
        """The basetable of `as_of`: one row per account, ordered by account_id."""
        return self._collect(self._stored[1].orderBy("account_id"), "basetable")

    @cached_property
    def _stored(self) -> tuple[dt.date, DataFrame, tuple[Feature, ...]]:
        return read_basetable(self._job)

    @cached_property
    def lead_method(self) -> str:
        """The clustering that speaks for all: the consensus, else the first method of the settings with segments."""
        return self.lead_of(SEGMENTS)

    def lead_of(self, table: Table) -> str:
        """The method that speaks for all of those with rows in a table for `as_of`; MissingTable where none has."""
        found = {str(row["method"]) for row in self.rows_at(table).select("method").distinct().collect()}
        lead = lead_method(found, self.settings.segments.methods)
        if lead is None:
            raise self._nothing_in(table)
        return lead

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """Why the basetable of `as_of` may not agree with the logs, as sentences; none where it does."""
        fix = f"`segmentation basetable --as-of {self.as_of}` builds it anew"
        if changed := changed_since(self._job, self.as_of):
            return (f"{changed}, so what is counted from the log may be newer than the basetable: {fix}",)
        if is_behind(self._job, self.as_of, self.features):
            return (f"the basetable would be built otherwise today (other tables, settings or code): {fix}",)
        return ()

    @cached_property
    def industry_warning(self) -> str | None:
        """What one must know before acting on the industries of `as_of`; None where all is as it should be."""
        return None if self._models.empty else standing(self._models).warning

    @cached_property
    def _models(self) -> pd.DataFrame:
        """The one row of industry_models of `as_of`, with all columns; empty where an earlier release wrote none."""
        has = self.has(INDUSTRY_MODELS)
        return self.rows_at(INDUSTRY_MODELS).toPandas() if has else pd.DataFrame(columns=INDUSTRY_MODELS.columns.names)

    def open_fills(self) -> pd.DataFrame:
        """The rows of industry_fill whose account has no industry yet; of a model that the gate refused none is filled.

        Raises MissingTable where there is nothing for the date.
        """
        frames = {"industry_fill": self.at(INDUSTRY_FILL), "industry_models": self._models, "basetable": self.basetable}
        return open_fills(frames)

    @cached_property
    def horizon_months(self) -> int | None:
        """For how many months the churn forecast of `as_of` speaks; None where an earlier release did not keep it."""
        return forecast_months(self._job, CHURN_SCORES, "horizon_months", self.as_of)

    def feature(self, name: str) -> Feature:
        """What the catalogue says of one feature; raises InputProblem for a name that it does not know."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise InputProblem(f"there is no feature {name!r}: `house.features` has all {len(self.features)}")

    def read(self, table: Table) -> DataFrame:
        """All rows of a table as published; raises MissingTable naming the command that makes it."""
        return self._job.tables.read(table)

    def has(self, table: Table) -> bool:
        """Whether the table has rows for `as_of`."""
        return self._job.tables.exists(table) and not self.rows_at(table).isEmpty()

    def at(self, table: Table, method: str | None = None) -> pd.DataFrame:
        """The rows of a table for `as_of` as pandas, ordered by its key, without the column as_of.

        With `method` those of that clustering alone, of a table that has several. A table that knows no dates is given
        whole. Raises MissingTable where there is nothing for the date, and InputProblem for more than a million rows:
        `read` gives those as a Spark DataFrame.
        """
        rows = self.rows_at(table)
        if method is not None:
            rows = rows.where(F.col("method") == method)
        ordered = rows.orderBy(*table.unique_by) if table.unique_by else rows
        given = self._collect(ordered.drop("as_of"), table.name)
        if given.empty and "as_of" in table.columns.names:
            raise self._nothing_in(table, method)
        return given

    def _nothing_in(self, table: Table, method: str | None = None) -> MissingTable:
        of_method = f" of method {method!r}" if method is not None else ""
        return MissingTable(f"{table.name} has no rows{of_method} as of {self.as_of}: {self.advice(table)}")

    def advice(self, table: Table) -> str:
        """How to get the rows of a table for `as_of`, as a sentence."""
        return f"run `segmentation {made_by(table.name)} --as-of {self.as_of}` over the same tables"

    def rows_at(self, table: Table) -> DataFrame:
        """The rows of a table for `as_of`, as a Spark DataFrame; a table that knows no dates is given whole."""
        rows = self.read(table)
        return rows.where(F.col("as_of") == F.lit(self.as_of)) if "as_of" in table.columns.names else rows

    def _collect(self, rows: DataFrame, name: str) -> pd.DataFrame:
        given = rows.limit(MOST_ROWS + 1).toPandas()
        if len(given) > MOST_ROWS:
            raise InputProblem(f"{name} has more than {MOST_ROWS:,} rows: take `house.read` and Spark for it")
        return given


def open_house(
    data_dir: str | Path = "data",
    as_of: str | dt.date | None = None,
    profile: str | None = None,
    settings: Sequence[str] = (),
) -> House:
    """The tables below `data_dir`, or of the catalog that the settings name, where data_dir plays no part.

    Uses the session that is active (Databricks, Spark Connect), else starts a local one. `profile` and `settings`
    (`section.key=value`) are those of the commands. Raises InputProblem or EnvironmentProblem with the fix.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    _show_figures()
    asked = [f"basetable.as_of={as_of}"] if as_of else []
    loaded = load_settings(profile or default_profile(), [*settings, *asked])
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return House(_Silent("notebook", argparse.Namespace(), loaded, expanded(str(data_dir)), now))


def _show_figures() -> None:
    """Let the notebook draw the figures that the package makes; without pyplot nobody else tells it to."""
    if "IPython" not in sys.modules:  # it is no dependency: whatever runs notebooks brings it
        return
    from IPython import get_ipython  # noqa: PLC0415
    from IPython.core.pylabtools import select_figure_formats  # noqa: PLC0415

    if (shell := get_ipython()) is not None:
        # they have no background of their own, and a notebook may be dark
        select_figure_formats(shell, {"retina"}, facecolor="white", pad_inches=0.15)  # type: ignore[no-untyped-call]
