"""Everything that is looked at before any model, and what of it a reader must know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from segmentation.checkpoint import settled
from segmentation.exploration import events as of_events
from segmentation.exploration.accounts import account_histograms, profile_accounts, sample_accounts
from segmentation.exploration.concentration import KINDS, concentration
from segmentation.exploration.correlation import feature_groups
from segmentation.exploration.coverage import activity_gaps, category_coverage
from segmentation.exploration.profiles import CONSTANT, NEARLY_CONSTANT, remark
from segmentation.features.feature import ALL
from segmentation.features.months import YEAR, first_in_turn, months_before
from segmentation.features.tokens import main_accounts
from segmentation.settings import ExploreSettings
from segmentation.shown import listed

#: a last month with less than this share of a usual month's rows may not be there in full
_THIN_MONTH = 0.5


@dataclass(frozen=True)
class Exploration:
    """The tables of `segmentation explore`, less as_of."""

    profiles: pd.DataFrame
    histograms: pd.DataFrame
    hitters: pd.DataFrame
    coverage: pd.DataFrame
    #: one row per account, as_of included
    gaps: DataFrame
    groups: pd.DataFrame
    #: what a reader must know, one line each
    warnings: tuple[str, ...]


def explore(
    events: DataFrame,
    activity: DataFrame,
    tokens: DataFrame,
    basetable: DataFrame,
    as_of: dt.date,
    settings: ExploreSettings,
) -> Exploration:
    """Look at the kept rows before as_of (two scans of events, the rest from the cube) and at its basetable."""
    owners = settled(main_accounts(activity, tokens, as_of))
    profiles = of_events.profile_events(events, as_of, settings.near_constant)
    counts = of_events.count_values(events, as_of, profiles, settings.bins)
    found = concentration(activity, owners, tokens, counts.values, as_of, settings.top)
    coverage = category_coverage(activity, owners, as_of)
    accounts = sample_accounts(basetable, settings.driver_accounts)
    histograms = account_histograms(accounts, settings.bins).assign(source="basetable")
    groups = feature_groups(accounts, settings.correlation)
    whole = pd.concat(
        [_with_names(profiles, found.kinds, settings.near_constant), profile_accounts(accounts, settings.near_constant)]
    )
    return Exploration(
        whole.reset_index(drop=True),
        pd.concat([counts.histograms.assign(source=of_events.SOURCE), histograms], ignore_index=True),
        found.hitters,
        coverage,
        activity_gaps(activity, owners, as_of),
        groups,
        tuple(warnings(whole, found.hitters, coverage, as_of, settings.skew_share)),
    )


def warnings(
    profiles: pd.DataFrame, hitters: pd.DataFrame, coverage: pd.DataFrame, as_of: dt.date, skew_share: float
) -> Iterator[str]:
    """Skew, months without rows, a last month that looks unfinished, columns that say nothing."""
    first = hitters[hitters["kind"].isin(["account", "token"]) & (hitters["share"] >= skew_share)]
    for row in first.to_dict("records"):
        told = "sums and means speak of it alone, and one Spark task does its work"
        yield f"{row['kind']} {row['name']} holds {row['share']:.0%} of all kept rows: {told}"
    yield from _months(coverage, as_of)
    features = profiles[profiles["source"] == "basetable"]
    for said in (CONSTANT, NEARLY_CONSTANT):
        names = features.loc[features["remark"] == said, "column_name"].tolist()
        if names:
            yield f"{len(names)} feature(s) {said}: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"  # noqa: PLR2004


def _months(coverage: pd.DataFrame, as_of: dt.date) -> Iterator[str]:
    months = coverage[(coverage["category"] == ALL) & coverage["event_month"].notna()]
    rows = {pd.Timestamp(row["event_month"]).date(): int(row["rows"]) for row in months.to_dict("records")}
    if not rows:
        return
    last, missing = months_before(as_of, 1), []
    month, first = last, first_in_turn(rows)
    while month >= first:
        if month not in rows:
            missing.append(f"{month:%Y-%m}")
        month = months_before(month, 1)
    if missing:
        yield f"no row at all in {listed(sorted(missing), YEAR)}: were these months delivered?"
    # neither of a few rows of a wrong clock, nor of the months that it is asked for
    usual = float(np.median([count for month, count in rows.items() if first <= month < last] or [0]))
    if last in rows and rows[last] < _THIN_MONTH * usual:
        yield f"{last:%Y-%m} has {rows[last]:,} rows, a usual month {usual:,.0f}: is it complete?"


def _with_names(profiles: pd.DataFrame, kinds: pd.DataFrame, near_constant: float) -> pd.DataFrame:
    """Profiles of names with what was counted to the row: how many there are, Gini's coefficient, the largest share."""
    known = kinds.set_index(kinds["kind"].map(KINDS))
    rows = []
    for row in profiles.to_dict("records"):
        name = row["column_name"]
        if name in known.index:
            counted = known.loc[name]
            if counted["kind"] != "account":  # counted as main accounts, which are not all that the logs name
                row |= {"distinct_values": int(counted["names"]), "estimated": False}
            row |= {"gini": float(counted["gini"]), "top_share": float(counted["top_share"])}
            row["remark"] = remark(row, near_constant)
        rows.append(row)
    return pd.DataFrame(rows, columns=profiles.columns)
