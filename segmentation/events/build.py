"""Parsed rows to the table `events`: times, names, numbers, keys, category, disposition."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.column_names import quoted
from segmentation.events.categories import categorise
from segmentation.events.parse import UNKNOWN_KEYS, original
from segmentation.events.revisions import identity_columns
from segmentation.events.rules import (
    built_in_rules,
    closing_rules,
    condition,
    decide,
    is_in_range,
    with_source_rules,
)
from segmentation.events.spelling import Composer, composed, composed_by_java
from segmentation.events.times import is_moment, to_utc, written_time
from segmentation.schemas import EVENTS, KEPT
from segmentation.settings import CategorySettings, IngestSettings, SourceSettings

#: bits of the parts of a row's place in its file; the seconds of a month need 22, and all must fit into a long
_CATEGORY_BITS, _TOKEN_BITS, _SECOND_BITS = 10, 22, 22


def build_events(
    parsed: DataFrame,
    source: SourceSettings,
    categories: Sequence[CategorySettings],
    settings: IngestSettings,
    batch_id: str,
    now: str,
    compose: Composer = composed_by_java,
) -> DataFrame:
    """One row of `events` per parsed row, whatever becomes of it; `now` is the job's start, an ISO time in UTC.

    `compose` gives tokens, accounts and event names one spelling of each letter.
    """
    types = {field.name: field.dataType for field in parsed.schema}
    named = categorise(_named(parsed, source, types, compose), "event_name", categories)
    rules = with_source_rules(built_in_rules(settings, now, source.time.zone), source.rules, closing_rules(), named)
    ours = [field.name for field in EVENTS.columns]
    decided = decide(named, rules)
    special = _special_columns(batch_id, is_in_range(settings, now), original(F.col("_raw"), types["_raw"]))
    return decided.select(*(special.get(name, F.col(name)).alias(name) for name in ours))


def lay_out(events: DataFrame) -> DataFrame:
    """The rows in the order in which they are stored, sorted inside each task: no shuffle for it.

    By month, category, token, second: a category is a run of pages, a token a run of rows within it. Of category and
    token a few bits of their hashes have to do, so that the place is one long: Spark sorts a single number by radix,
    where comparing several columns row by row took a seventh of ingest.
    """
    day, month = F.dayofmonth("event_date").cast("long"), F.year("event_date") * 12 + F.month("event_date")
    parts = (
        (month.cast("long"), 63 - _CATEGORY_BITS - _TOKEN_BITS - _SECOND_BITS),
        (F.hash("category").cast("long"), _CATEGORY_BITS),
        (F.col("token_key"), _TOKEN_BITS),
        (day * 86_400 + F.pmod(F.unix_seconds("event_ts"), F.lit(86_400)), _SECOND_BITS),
    )
    place = F.lit(0).cast("long")
    for part, bits in parts:
        within = F.coalesce(part, F.lit(0)).bitwiseAND(F.lit((1 << bits) - 1))
        place = F.shiftleft(place, bits).bitwiseOR(within)
    return events.sortWithinPartitions(place)


def platform_key() -> Column:
    """The key of the row's product and system; there is one too where either is null."""
    # a hash passes over nulls: a product without a system would be a system of that name without a product
    return F.xxhash64(*(F.coalesce(name, F.lit("")) for name in ("product", "os")))


def read_category(events: DataFrame, category: str, *columns: str) -> DataFrame:
    """The kept events of one category, all columns or the given ones.

    Files are ordered by category inside a month, so Parquet's page index skips the pages of the others.
    """
    wanted = events.where((F.col("category") == category) & (F.col("disposition") == KEPT))
    return wanted.select(*columns) if columns else wanted


def _named(parsed: DataFrame, source: SourceSettings, types: dict[str, T.DataType], compose: Composer) -> DataFrame:
    """Our columns computed from the log's, beside the log's own for the source's rules."""
    attributes = [part for name in source.attributes for part in (F.lit(name), F.col(quoted(name)).cast("string"))]
    computed = {
        "_written_ts": written_time(source.time, parsed),
        "_is_moment": is_moment(source.time, parsed),
        "token": _text(source.token),
        "account_id": _text(source.account_id),
        "event_name": _text(source.event_name),
        **_number(parsed, "duration_s", source.duration_s),
        **_number(parsed, "value", source.value),
        "status": _text(source.status),
        "is_error": condition(source.error_when, parsed),
        "product": _text(source.product),
        "os": _text(source.os),
        "attributes": _attributes(attributes, UNKNOWN_KEYS in types),
        "_unknown_json_key": F.col(UNKNOWN_KEYS).isNotNull() if UNKNOWN_KEYS in types else F.lit(False),
        **identity_columns(parsed, source),
    }
    # a log's column may bear one of our names, and Spark takes Token for token; from here on the name means ours
    ours = {*computed, *EVENTS.columns.names, "category_rule"}
    rest = [name for name in parsed.columns if name.lower() not in ours]
    named = parsed.select(*(F.col(quoted(name)) for name in rest), *(c.alias(name) for name, c in computed.items()))
    spelled = {name: composed(F.col(name), compose) for name in ("token", "account_id", "event_name")}
    return named.select(
        *(spelled.get(name, F.col(quoted(name))).alias(name) for name in named.columns),
        to_utc(F.col("_written_ts"), source.time.zone, F.col("_is_moment")).alias("event_ts"),
    )


def _special_columns(batch_id: str, in_range: Column, raw: Column) -> dict[str, Column]:
    """The columns of `events` that are not simply called so among the decided rows."""
    category, event_name = F.col("category"), F.col("event_name")
    month = F.trunc(F.to_date("event_ts"), "MM")
    return {
        "batch_id": F.lit(batch_id),
        "file_id": F.col("_file_id"),
        "raw": F.when(F.col("disposition") != KEPT, raw),
        "row_hash": F.col("_row_hash"),
        "event_date": F.to_date("event_ts"),
        # a nonsense year is no month to partition by
        "event_month": F.when(in_range, month),
        "token_key": F.when(F.col("token").isNotNull(), F.xxhash64("token")),
        "account_key": F.when(F.col("account_id").isNotNull(), F.xxhash64("account_id")),
        "event_key": F.when(event_name.isNotNull(), F.xxhash64(category, event_name)),
        "platform_key": platform_key(),
    }


def _blank_to_null(expression: str) -> Column:
    return F.nullif(F.trim(F.expr(expression).cast("string")), F.lit(""))


def _text(expression: str | None) -> Column:
    return F.lit(None).cast("string") if expression is None else _blank_to_null(expression)


def _number(parsed: DataFrame, name: str, expression: str | None) -> dict[str, Column]:
    """The number, and whether the log has anything in its place."""
    if expression is None:
        return {name: F.lit(None).cast("double"), f"_{name}_given": F.lit(False)}
    given = F.expr(expression)
    kind = parsed.select(given).schema[0].dataType
    # what is a number already would be the same one as a text and back, at some cost
    if not isinstance(kind, (T.DoubleType, T.IntegralType)):
        given = _blank_to_null(expression)
        return {name: _written_number(given), f"_{name}_given": given.isNotNull()}
    # of a double it would do nothing but stand for the source's SQL in what Spark says of a value that stops it
    number = given if isinstance(kind, T.DoubleType) else given.try_cast("double")
    return {name: number, f"_{name}_given": given.isNotNull()}


def _written_number(text: Column) -> Column:
    """The number; null for 5d, 3f and 0x1p3 as well, which are numbers to Java and so to Spark's cast."""
    d, x, f, i = (F.contains(text, F.lit(one)) | F.contains(text, F.lit(one.upper())) for one in "dxfi")
    # searched for by bytes, since a pattern would make a string of Java's of every value; there is an f in inf, too
    return F.when(~(d | x | (f & ~i)), text.try_cast("double"))


def _attributes(parts: Sequence[Column], with_unknown_keys: bool) -> Column:
    none = F.lit(None).cast(T.MapType(T.StringType(), T.StringType()))
    known = F.create_map(*parts) if parts else none
    if not with_unknown_keys:
        return known
    unknown = F.col(UNKNOWN_KEYS)
    both = F.map_concat(known, unknown) if parts else unknown
    return F.when(unknown.isNotNull(), both).otherwise(known)
