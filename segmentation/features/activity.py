"""The additive cube: events become one row per token, category and month, in one scan and one exchange.

Everything in a row merges exactly with another row: counts and sums add, maxima max, masks OR, sketches unite.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.features.expressions import DAY
from segmentation.schemas import ACTIVITY
from segmentation.table import EXACT

WORD = 64  #: bits of one name mask column
KEYS = ACTIVITY.unique_by


def mask_words(event_names: DataFrame) -> tuple[int, bool]:
    """(64-bit words that the name masks need, whether some names have no bit and need the sketch).

    Reads the small `event_names` table; the pair is what `build_activity` and `token_features` want to know.
    """
    row = event_names.agg(F.max("bit"), F.count_if(F.col("bit").isNull())).first()
    highest, without_bit = row if row is not None else (None, 0)
    return (0 if highest is None else highest) // WORD + 1, without_bit > 0


def build_activity(
    events: DataFrame, event_names: DataFrame, platforms: DataFrame, words: int, sketch: bool
) -> DataFrame:
    """ACTIVITY: one row per month, token, account, category, product and system of the kept rows of `events`.

    Durations in seconds; sums are exact over numbers rounded to the millionth, so that no order of rows changes a bit.
    With `sketch` the names without a bit are counted by a HyperLogLog sketch (Flajolet et al. 2007, as Apache
    DataSketches keeps it), an estimate (standard error 1.6 %); without it the plan stays a plain hash aggregate.
    Restrict `events` to the months wanted before the call: the partition filter reaches the scan. Spark raises
    USER_RAISED_EXCEPTION for a row whose name or platform the two small tables lack.
    """
    numbers = (_number("duration_s"), _number("value"))
    # kept rows, and no others, have no rule (`decided_by_rule` in EVENTS): a column of nulls costs nothing to read,
    # where comparing the text of every row took an eighth of the time
    kept = events.where(F.col("rule").isNull()).select(
        "event_month", "token_key", "account_key", "platform_key", "event_key", "event_ts", "is_error", *numbers,
        _day_mask().alias("day_mask"),
    )  # fmt: skip
    # numbers are grouped, and texts looked up for the few groups: as keys, texts took a third of the time
    names = event_names.select(
        "event_key", "bit", F.xxhash64("category").alias("_category_key"), *_name_words(F.col("bit"), words)
    )
    named = kept.join(F.broadcast(names), on="event_key", how="left")
    by = ("event_month", "token_key", "account_key", "platform_key", "_category_key")
    cells = named.groupBy(*by).agg(*_aggregates(words, sketch), F.min("event_key").alias("event_key"))
    told = cells.join(F.broadcast(event_names.select("event_key", "category")), on="event_key", how="left").join(
        F.broadcast(platforms.select("*", F.lit(True).alias("_listed"))), on="platform_key", how="left"
    )
    lost = F.raise_error("a row of events has a name or a platform that event_names or platforms lack")
    unknown = F.col("category").isNull() | F.col("_listed").isNull()
    special = {
        "category": F.when(unknown, lost.cast("string")).otherwise(F.col("category")),
        "duration_sum": _whole("duration"),
        "value_sum": _whole("value"),
    }
    return _packed(told, words, sketch, special)


def merge_activity(parts: DataFrame, words: int, sketch: bool) -> DataFrame:
    """ACTIVITY from parts of it, such as a stored month and its late rows: equal to building it from all the rows.

    Parts made while fewer names were known have fewer name words.
    """
    name_words = [F.bit_or(F.get("name_masks", F.lit(word))).alias(f"names_{word}") for word in range(words)]
    united = F.when(F.count("name_sketch") > 0, F.hll_union_agg("name_sketch")).alias("name_sketch")
    merged = parts.groupBy(*KEYS).agg(
        *(F.sum(name).alias(name) for name in ("rows", "duration_count", "value_count", "errors")),
        *(F.sum(name).cast(EXACT).alias(name) for name in ("duration_sum", "value_sum")),
        *(F.max(name).alias(name) for name in ("duration_max", "value_max", "last_ts")),
        F.min("first_ts").alias("first_ts"),
        F.bit_or("day_mask").alias("day_mask"),
        *name_words,
        *([united] if sketch else []),
    )
    return _packed(merged, words, sketch, {})


def _packed(cells: DataFrame, words: int, sketch: bool, special: dict[str, Column]) -> DataFrame:
    """The cells with their name words in one array, and the columns of ACTIVITY in order."""
    masks = F.array(*(F.coalesce(f"names_{word}", F.lit(0).cast("long")) for word in range(words)))
    packed = {
        "name_masks": masks,
        "name_sketch": F.col("name_sketch") if sketch else F.lit(None).cast("binary"),
        **special,
    }
    return cells.select(*(packed.get(name, F.col(name)).alias(name) for name in ACTIVITY.columns.names))


def _number(name: str) -> Column:
    # NaN is greater than any number, so a single one would become the maximum; of 0.0 and -0.0, which are equal, the
    # maximum is whichever came first: + 0.0 leaves only one of them
    return F.when(~F.isnan(name), F.col(name) + F.lit(0.0)).alias(name)


def _day_mask() -> Column:
    """The bit of the row's day. Counted from the month's first midnight in UTC: one column less to read."""
    midnight = F.unix_date("event_month").cast("long") * F.lit(DAY)
    before = ((F.unix_micros("event_ts") - midnight) / F.lit(float(DAY))).cast("int")
    return F.call_function("shiftleft", F.lit(1), before)


def _name_words(bit: Column, words: int) -> list[Column]:
    """A name's bit as a mask in the word it falls into, null in the others."""
    mask = F.call_function("shiftleft", F.lit(1).cast("long"), bit % WORD)
    return [F.when(F.floor(bit / WORD) == word, mask).alias(f"names_{word}") for word in range(words)]


def _parts(number: str, of: str) -> tuple[Column, Column]:
    """Sums of the whole and of the millionths of a number, both in long, as sums of doubles depend on their order.

    Sums of decimals would be exact too but are far slower. Ingest refuses numbers beyond 1e12, so that a cell
    overflows (and ANSI mode raises) only with more than nine million rows of that size.
    """
    below = F.floor(number)
    millionths = F.rint((F.col(number) - below) * F.lit(1e6)).cast("long")
    return F.sum(below).alias(f"{of}_whole"), F.sum(millionths).alias(f"{of}_millionths")


def _whole(of: str) -> Column:
    whole, millionths = (F.col(f"{of}_{part}").cast("decimal(20,0)") for part in ("whole", "millionths"))
    return (whole + millionths * F.lit(Decimal("0.000001"))).cast(EXACT)


def _aggregates(words: int, sketch: bool) -> Sequence[Column]:
    nothing = F.lit(None)
    bit = F.col("bit")
    unnamed = F.hll_sketch_agg(F.when(bit.isNull(), F.col("event_key")))
    return [
        F.count(F.lit(1)).alias("rows"),
        F.count("duration_s").alias("duration_count"),
        *_parts("duration_s", "duration"),
        F.max("duration_s").alias("duration_max"),
        F.count("value").alias("value_count"),
        *_parts("value", "value"),
        F.max("value").alias("value_max"),
        F.count_if("is_error").alias("errors"),
        *(F.bit_or(mask).alias(mask) for mask in ("day_mask", *(f"names_{word}" for word in range(words)))),
        *([F.when(F.count_if(bit.isNull()) > 0, unnamed).otherwise(nothing).alias("name_sketch")] if sketch else []),
        F.min("event_ts").alias("first_ts"),
        F.max("event_ts").alias("last_ts"),
    ]
