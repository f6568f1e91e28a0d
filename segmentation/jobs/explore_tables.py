"""events, cube and basetable -> what stands in them, before any model: six small tables and one screen."""

from __future__ import annotations

import datetime as dt
import json

from segmentation.arguments import add_as_of
from segmentation.exploration.result import Exploration, explore
from segmentation.features.feature import ALL
from segmentation.jobs.activity_months import require_current_activity
from segmentation.jobs.freshness import read_basetable
from segmentation.jobs.rows import replace_date
from segmentation.runtime import Job, JobSpec
from segmentation.schemas import (
    ACTIVITY,
    ACTIVITY_GAPS,
    BASETABLE,
    CATEGORY_COVERAGE,
    COLUMN_HISTOGRAMS,
    COLUMN_PROFILES,
    EVENTS,
    FEATURE_GROUPS,
    HEAVY_HITTERS,
    TOKENS,
)

#: groups, names and remarks shown on the screen, each
SHOWN = 3


def explore_tables(job: Job) -> None:
    """Store what there is to see as of a date, and show the most of it; says so when nothing has changed."""
    as_of, basetable, _ = read_basetable(job)
    tables, settings = job.tables, job.settings.explore
    versions = tables.versions([EVENTS, ACTIVITY, TOKENS, BASETABLE])
    note = json.dumps({"as_of": str(as_of), **versions, **settings.model_dump(mode="json")}, sort_keys=True)
    if not job.args.force and tables.note(COLUMN_PROFILES) == note:
        job.show(f"exploration as of {as_of}: nothing has changed, kept as it is")
        return
    require_current_activity(job, as_of)
    with job.stage("explored"):
        found = explore(
            tables.read(EVENTS), tables.read(ACTIVITY), tables.read(TOKENS), basetable, as_of, settings
        )  # fmt: skip
    with job.stage("stored"):
        _store(job, found, as_of, note)
    job.show("\n".join(summary_lines(found, as_of)))


def _store(job: Job, found: Exploration, as_of: dt.date, note: str) -> None:
    replace_date(
        job,
        as_of,
        (ACTIVITY_GAPS, found.gaps, None),
        (COLUMN_HISTOGRAMS, found.histograms, None),
        (HEAVY_HITTERS, found.hitters, None),
        (CATEGORY_COVERAGE, found.coverage, None),
        (FEATURE_GROUPS, found.groups, None),
        (COLUMN_PROFILES, found.profiles, note),
    )
    job.publish()


def summary_lines(found: Exploration, as_of: dt.date) -> list[str]:
    """One screen: rows and missing values, who holds the rows, categories, groups of features, warnings."""
    profiles = found.profiles
    events = profiles[profiles["source"] == "events"]
    lines = [f"exploration as of {as_of}: {int(events['rows'].max()):,} kept rows"]
    for row in events[events["missing"] > 0].sort_values("missing_share", ascending=False).to_dict("records"):
        lines.append(f"  missing      {row['missing_share']:>6.1%}  {row['column_name']}")
    for column in ("account_id", "token", "event_name", "product", "os", "status"):
        for row in events[(events["column_name"] == column) & events["gini"].notna()].to_dict("records"):
            told = f"{'about ' if row['estimated'] else ''}{int(row['distinct_values']):,}"
            lines.append(
                f"  {column:<12} {told:>13} of them, the largest holds {row['top_share']:.1%} "
                f"of their rows (Gini {row['gini']:.2f})"
            )
    whole = found.coverage[found.coverage["event_month"].isna() & (found.coverage["category"] != ALL)]
    for row in whole.sort_values("rows", ascending=False).to_dict("records"):
        lines.append(f"  {row['category']:<24} {row['rows']:>12,} rows, {row['account_share']:>4.0%} of the accounts")
    features, groups = found.groups, found.groups[found.groups["size"] > 1]
    number = groups["group_number"].nunique()
    lines.append(
        f"  {len(features):,} features vary; {len(groups):,} of them fall into {number:,} groups that say the same"
    )
    for _, members in list(groups.groupby("group_number"))[:SHOWN]:
        lead = members["representative"].iloc[0]
        names = [name for name in members["feature"] if name != lead][:SHOWN]
        lines.append(f"    {len(members)} like {lead}: {', '.join(names)}{', ...' if len(members) > SHOWN + 1 else ''}")
    return [*lines, *(f"  look: {warning}" for warning in found.warnings)]


JOB = JobSpec("explore", "what stands in the logs and the basetable, before any model", add_as_of, explore_tables)
