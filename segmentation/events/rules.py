"""What becomes of a row, and by which rule. The first rule that holds decides; every other one that holds is a flag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.errors import InputProblem
from segmentation.events.duplicates import DUPLICATE, REPEATED_HEADER
from segmentation.events.erasure import ERASED
from segmentation.events.lines import LINE_FAULTS, UNREADABLE, any_of, is_short
from segmentation.events.revisions import SUPERSEDED
from segmentation.events.times import in_gap, is_ambiguous
from segmentation.schemas import DROPPED, KEPT, QUARANTINED
from segmentation.settings import IngestSettings, RuleSettings

FLAGGED = "flagged"


@dataclass(frozen=True)
class Rule:
    """A named condition and the disposition of a row on which it is the first to hold."""

    name: str
    disposition: str
    holds: Column
    #: rows which the rule does not decide, but flags where another one has decided
    only_flags: Column | None = None


def built_in_rules(settings: IngestSettings, now: str, zone: str = "UTC") -> list[Rule]:
    """The rules of every log, in order, over the columns of `events.build`; `now` is an ISO timestamp in UTC.

    `zone` is the one in which the source writes its times.
    """
    fault = F.col("_line_fault")
    readable = fault.isNull() | ~fault.isin(*UNREADABLE)
    # of them tables are keyed, or models see them
    names = ("token", "account_id", "event_name", "status", "product", "os")
    texts = [~is_short(F.col(name), settings.max_text_length) for name in names]
    return [
        Rule(REPEATED_HEADER, DROPPED, F.col("_repeated_header")),
        *(Rule(name, QUARANTINED, fault == name) for name in LINE_FAULTS),
        # nothing is missing in a line of which nothing could be read
        Rule("missing_account", QUARANTINED, F.col("account_id").isNull() & readable),
        Rule("missing_token", QUARANTINED, F.col("token").isNull() & readable),
        Rule("missing_event_name", QUARANTINED, F.col("event_name").isNull() & readable),
        Rule("missing_event_id", QUARANTINED, F.col("_missing_event_id") & readable),
        *_time_rules(settings, now, zone, readable),
        *_number_rules(settings.max_number),
        Rule("bad_revision", QUARANTINED, F.col("_bad_revision")),
        Rule("text_too_long", QUARANTINED, any_of(texts)),
    ]


def is_in_range(settings: IngestSettings, now: str) -> Column:
    """The event's time is there, not before the earliest that the settings know and not too far in the future."""
    latest = F.to_timestamp(F.lit(now)) + F.make_interval(days=F.lit(settings.future_days))
    moment = F.col("event_ts")
    return moment.isNotNull() & (moment >= F.lit(settings.earliest).cast("timestamp")) & (moment <= latest)


def _time_rules(settings: IngestSettings, now: str, zone: str, readable: Column) -> list[Rule]:
    written, moment, local = F.col("_written_ts"), F.col("event_ts"), ~F.col("_is_moment")
    return [
        Rule("bad_time", QUARANTINED, written.isNull() & readable),
        Rule("time_out_of_range", QUARANTINED, written.isNotNull() & ~is_in_range(settings, now)),
        Rule("time_in_dst_gap", QUARANTINED, local & in_gap(written, moment, zone)),
        Rule("ambiguous_time", FLAGGED, local & is_ambiguous(written, moment, zone)),
    ]


def _number_rules(largest: float) -> list[Rule]:
    duration, value = F.col("duration_s"), F.col("value")
    # NaN compares greater than anything, so that it is not below infinity
    large = [(F.abs(number) > largest) & (F.abs(number) < float("inf")) for number in (duration, value)]
    return [
        Rule("bad_duration", QUARANTINED, F.col("_duration_s_given") & duration.isNull()),
        Rule("duration_not_finite", QUARANTINED, _is_not_finite(duration)),
        Rule("negative_duration", QUARANTINED, duration < 0),
        Rule("bad_value", QUARANTINED, F.col("_value_given") & value.isNull()),
        Rule("value_not_finite", QUARANTINED, _is_not_finite(value)),
        Rule("number_out_of_range", QUARANTINED, any_of(large)),
    ]


def closing_rules() -> list[Rule]:
    """The rules that come after the source's own."""
    return [
        Rule(DUPLICATE, DROPPED, F.col("_duplicate"), only_flags=F.col("_copy_of_undecided")),
        Rule("unknown_json_key", FLAGGED, F.col("_unknown_json_key")),
        Rule("unmatched_event_name", FLAGGED, F.col("category_rule") == "unmatched"),
    ]


def with_source_rules(
    before: Sequence[Rule], own: Sequence[RuleSettings], after: Sequence[Rule], rows: DataFrame
) -> list[Rule]:
    """The rules in order, those a source file brings included: over `rows`, the log's columns beside ours.

    Where both have a name it is ours. Raises InputProblem for the name of a rule that is there without it.
    """
    there = {*(rule.name for rule in (*before, *after)), SUPERSEDED, ERASED}
    if taken := [rule.name for rule in own if rule.name in there]:
        raise InputProblem(f"rules of the source are named like built-in ones: {', '.join(taken)}; rename them")
    return [*before, *(Rule(rule.name, rule.disposition, condition(rule.when, rows)) for rule in own), *after]


def condition(sql: str | None, rows: DataFrame) -> Column:
    """What a source's SQL says of a row: of a text whether it reads as true (t, yes, 1) or false, of neither null."""
    if sql is None:
        return F.lit(None).cast("boolean")
    given = F.expr(sql)
    is_text = isinstance(rows.select(given).schema[0].dataType, T.StringType)
    return given.try_cast("boolean") if is_text else given


def _is_not_finite(number: Column) -> Column:
    return F.isnan(number) | (F.abs(number) == float("inf"))


def decide(rows: DataFrame, rules: Sequence[Rule]) -> DataFrame:
    """The rows with `rule` (the first that holds and decides), `disposition` and `flags` (all others that hold).

    A condition that is null does not hold. Flags are worked out only for the few rows on which anything holds.
    """
    holds = {rule.name: F.coalesce(rule.holds, F.lit(False)) for rule in rules}
    deciding = [rule for rule in rules if rule.disposition != FLAGGED]
    name = F.coalesce(*(F.when(holds[rule.name], F.lit(rule.name)) for rule in deciding))
    suspect = any_of([holds[rule.name] for rule in rules if rule.disposition == FLAGGED])
    quarantining = [rule.name for rule in deciding if rule.disposition == QUARANTINED]
    rule = F.col("rule")
    disposition = (
        F.when(rule.isNull(), F.lit(KEPT)).when(rule.isin(quarantining), F.lit(QUARANTINED)).otherwise(F.lit(DROPPED))
    )
    shown = {
        r.name: holds[r.name] if r.only_flags is None else holds[r.name] | (r.only_flags & rule.isNotNull())
        for r in rules
    }
    # no function of arrays that takes another function: Spark generates no code for one, and writes out every row first
    all_held = F.split(F.concat_ws(" ", *(F.when(hold, F.lit(name)) for name, hold in shown.items())), " ")
    others = F.array_except(all_held, F.array(rule))
    flags = F.when((rule.isNotNull() | F.col("_suspect")) & (F.size(others) > 0), others)
    # two selects, so that the conditions are evaluated once and what follows builds on their outcome
    named = rows.select("*", name.alias("rule"), suspect.alias("_suspect"))
    return named.select("*", disposition.alias("disposition"), flags.alias("flags"))
