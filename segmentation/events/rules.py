"""What becomes of a row, and by which rule. The first rule that holds decides; every other one that holds is a flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.events.duplicates import DUPLICATE, REPEATED_HEADER
from segmentation.events.revisions import SUPERSEDED
from segmentation.schemas import DROPPED, KEPT, QUARANTINED
from segmentation.settings import IngestSettings, RuleSettings

FLAGGED = "flagged"
#: the names of `built_in_rules` and `closing_rules`, which a source may not use again
BUILT_IN = (
    REPEATED_HEADER,
    "malformed_line",
    "missing_account",
    "missing_token",
    "missing_event_name",
    "missing_event_id",
    "bad_time",
    "time_out_of_range",
    "bad_duration",
    "bad_value",
    "bad_revision",
    "text_too_long",
    DUPLICATE,
    SUPERSEDED,
    "unmatched_event_name",
)


@dataclass(frozen=True)
class Rule:
    """A named condition and the disposition of a row on which it is the first to hold."""

    name: str
    disposition: str
    holds: Column
    #: rows which the rule does not decide, but flags where another one has decided
    only_flags: Column | None = None


def built_in_rules(settings: IngestSettings, now: str) -> list[Rule]:
    """The rules of every log, in order, over the columns of `events.build`; `now` is an ISO timestamp in UTC."""
    latest = F.to_timestamp(F.lit(now)) + F.make_interval(days=F.lit(settings.future_days))
    out_of_range = (F.col("event_ts") < F.lit(settings.earliest).cast("timestamp")) | (F.col("event_ts") > latest)
    texts = [F.length(name) > settings.max_text_length for name in ("token", "account_id", "event_name", "status")]
    return [
        Rule(REPEATED_HEADER, DROPPED, F.col("_repeated_header")),
        Rule("malformed_line", QUARANTINED, F.col("_malformed")),
        Rule("missing_account", QUARANTINED, F.col("account_id").isNull()),
        Rule("missing_token", QUARANTINED, F.col("token").isNull()),
        Rule("missing_event_name", QUARANTINED, F.col("event_name").isNull()),
        Rule("missing_event_id", QUARANTINED, F.col("_missing_event_id")),
        Rule("bad_time", QUARANTINED, F.col("event_ts").isNull()),
        Rule("time_out_of_range", QUARANTINED, out_of_range),
        Rule("bad_duration", QUARANTINED, _unusable("duration_s") | (F.col("duration_s") < 0)),
        Rule("bad_value", QUARANTINED, _unusable("value")),
        Rule("bad_revision", QUARANTINED, F.col("_bad_revision")),
        Rule("text_too_long", QUARANTINED, _any(texts)),
    ]


def closing_rules() -> list[Rule]:
    """The rules that come after the source's own."""
    return [
        Rule(DUPLICATE, DROPPED, F.col("_duplicate"), only_flags=F.col("_copy_of_undecided")),
        Rule("unmatched_event_name", FLAGGED, F.col("category_rule") == "unmatched"),
    ]


def source_rules(rules: Sequence[RuleSettings]) -> list[Rule]:
    """The rules a source file brings, over the log's columns (ours, where one bears a name of ours).

    Raises InputProblem for the name of a built-in rule.
    """
    taken = [rule.name for rule in rules if rule.name in BUILT_IN]
    if taken:
        raise InputProblem(f"rules of the source are named like built-in ones: {', '.join(taken)}; rename them")
    return [Rule(rule.name, rule.disposition, F.expr(rule.when)) for rule in rules]


def _unusable(number: str) -> Column:
    """A number was written, but what was written is none, or not a finite one. NaN compares greater than anything."""
    value = F.col(number)
    infinite = F.abs(value) == F.lit(float("inf"))
    return F.col(f"_{number}_given") & (value.isNull() | F.isnan(value) | infinite)


def _any(conditions: Sequence[Column]) -> Column:
    hit = F.lit(False)
    for condition in conditions:
        hit = hit | F.coalesce(condition, F.lit(False))
    return hit


def decide(rows: DataFrame, rules: Sequence[Rule]) -> DataFrame:
    """The rows with `rule` (the first that holds and decides), `disposition` and `flags` (all others that hold).

    A condition that is null does not hold. Flags are worked out only for the few rows on which anything holds.
    """
    holds = {rule.name: F.coalesce(rule.holds, F.lit(False)) for rule in rules}
    deciding = [rule for rule in rules if rule.disposition != FLAGGED]
    name = F.coalesce(*(F.when(holds[rule.name], F.lit(rule.name)) for rule in deciding))
    suspect = _any([holds[rule.name] for rule in rules if rule.disposition == FLAGGED])
    quarantining = [rule.name for rule in deciding if rule.disposition == QUARANTINED]
    rule = F.col("rule")
    disposition = (
        F.when(rule.isNull(), F.lit(KEPT)).when(rule.isin(quarantining), F.lit(QUARANTINED)).otherwise(F.lit(DROPPED))
    )
    shown = {
        r.name: holds[r.name] if r.only_flags is None else holds[r.name] | (r.only_flags & rule.isNotNull())
        for r in rules
    }
    all_held = F.array_compact(F.array(*(F.when(hold, F.lit(name)) for name, hold in shown.items())))
    others = F.array_except(all_held, F.array(rule))
    flags = F.when((rule.isNotNull() | F.col("_suspect")) & (F.size(others) > 0), others)
    # two selects, so that the conditions are evaluated once and what follows builds on their outcome
    named = rows.select("*", name.alias("rule"), suspect.alias("_suspect"))
    return named.select("*", disposition.alias("disposition"), flags.alias("flags"))
