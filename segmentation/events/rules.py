"""What becomes of a row, and by which rule. The first rule that holds decides; every other one that holds is a flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column
from pyspark.sql import functions as F

from segmentation.events.duplicates import DUPLICATE, REPEATED_HEADER
from segmentation.schemas import DROPPED, KEPT, QUARANTINED
from segmentation.settings import IngestSettings, RuleSettings

FLAGGED = "flagged"


@dataclass(frozen=True)
class Rule:
    """A named condition and the disposition of a row on which it is the first to hold."""

    name: str
    disposition: str
    holds: Column


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
        Rule("bad_time", QUARANTINED, F.col("event_ts").isNull()),
        Rule("time_out_of_range", QUARANTINED, out_of_range),
        Rule("bad_duration", QUARANTINED, _unusable("duration_s") | (F.col("duration_s") < 0)),
        Rule("bad_value", QUARANTINED, _unusable("value")),
        Rule("text_too_long", QUARANTINED, _any(texts)),
    ]


def closing_rules() -> list[Rule]:
    """The rules that come after the source's own."""
    return [
        Rule(DUPLICATE, DROPPED, F.col("_duplicate")),
        Rule("unmatched_event_name", FLAGGED, F.col("category_rule") == "unmatched"),
    ]


def source_rules(rules: Sequence[RuleSettings]) -> list[Rule]:
    """The rules a source file brings, over the log's own columns."""
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


def decide(rules: Sequence[Rule]) -> tuple[Column, Column, Column]:
    """Columns `disposition`, `rule` and `flags` of a row.

    Raises nothing: a condition that is null does not hold.
    """
    held = [(rule, F.coalesce(rule.holds, F.lit(False))) for rule in rules]
    deciding = [(rule, holds) for rule, holds in held if rule.disposition != FLAGGED]
    name = F.coalesce(*(F.when(holds, F.lit(rule.name)) for rule, holds in deciding))
    disposition = F.coalesce(*(F.when(holds, F.lit(rule.disposition)) for rule, holds in deciding), F.lit(KEPT))
    all_held = F.array_compact(F.array(*(F.when(holds, F.lit(rule.name)) for rule, holds in held)))
    others = F.array_except(all_held, F.array(name))
    anything = _any([holds for _, holds in held])
    # the array is built for the few rows that need one
    flags = F.when(anything, F.when(F.size(others) > 0, others))
    return disposition.alias("disposition"), name.alias("rule"), flags.alias("flags")
