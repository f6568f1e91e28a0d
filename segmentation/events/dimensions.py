"""The small tables that go with `events`: `tokens`, `event_names` and `platforms`. All can be rebuilt from it."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from segmentation.errors import InputProblem
from segmentation.events.categories import categorise
from segmentation.events.revisions import SUPERSEDED
from segmentation.schemas import KEPT, PLATFORMS
from segmentation.settings import CategorySettings


class KeyCollision(InputProblem):  # it names what happened
    """Two names share one 64-bit key; the message names both."""


def merge_tokens(tokens: DataFrame | None, events: DataFrame) -> DataFrame:
    """The table `tokens` after a batch: the stored one (None at first) and the batch's kept events.

    A token's account by rule: most kept rows, then the latest seen, then the smallest account id.
    """
    # the strings are part of the group instead of an aggregate, so that the plan stays a hash aggregate
    seen = (
        events.where(F.col("disposition") == KEPT)
        .groupBy("token_key", "token", "account_key", "account_id")
        .agg(
            F.count(F.lit(1)).alias("rows"), F.min("event_ts").alias("first_seen"), F.max("event_ts").alias("last_seen")
        )
    )
    if tokens is not None:
        stored = tokens.select("token_key", "token", F.inline("accounts"))
        seen = stored.unionByName(seen)
    per_account = seen.groupBy("token_key", "token", "account_key", "account_id").agg(
        F.sum("rows").alias("rows"), F.min("first_seen").alias("first_seen"), F.max("last_seen").alias("last_seen")
    )
    account = F.struct("account_id", "account_key", "rows", "first_seen", "last_seen")
    # the smallest of (-rows, -last seen, id) is the account by rule
    order = F.struct(-F.col("rows"), -F.unix_micros("last_seen"), F.col("account_id"))
    return per_account.groupBy("token_key", "token").agg(
        F.min_by("account_key", order).alias("account_key"),
        F.min_by("account_id", order).alias("account_id"),
        F.sum("rows").alias("rows"),
        F.min("first_seen").alias("first_seen"),
        F.max("last_seen").alias("last_seen"),
        F.sort_array(F.collect_list(account)).alias("accounts"),
    )


def kept_names(events: DataFrame) -> DataFrame:
    """One row per event name and platform of kept events, with when it was seen first.

    Overtaken ones count as kept: whether they had been depends on how files were split into batches.
    """
    kept = (F.col("disposition") == KEPT) | (F.col("rule") == SUPERSEDED)
    return (
        events.where(kept)
        .groupBy("event_key", "event_name", "category", *PLATFORMS.columns.names)
        .agg(F.min("event_ts").alias("first_seen"))
    )


def merge_event_names(
    names: DataFrame | None, named: DataFrame, categories: Sequence[CategorySettings], limit: int
) -> DataFrame:
    """The table `event_names` after a batch, of which `named` are the `kept_names`.

    Bits are handed out in order of name, once, and never change. Names beyond `limit` in a category get no bit: they
    are counted by a sketch.
    """
    seen = named.groupBy("event_key", "event_name", "category").agg(F.min("first_seen").alias("first_seen"))
    found = _with_rule(seen, categories)
    if names is None:
        return _hand_out_bits(found, None, limit)
    earliest = found.select("event_key", F.col("first_seen").alias("_found"))
    kept = names.join(earliest, on="event_key", how="left").select(
        *(
            F.least("first_seen", "_found").alias(name) if name == "first_seen" else F.col(name)
            for name in names.columns
        )
    )
    new = found.join(names.select("event_key"), on="event_key", how="left_anti")
    return kept.unionByName(_hand_out_bits(new, names, limit))


def could_have_bits(names: DataFrame, limit: int) -> bool:
    """Whether names of `event_names` have no bit although their category has fewer than `limit`: it was raised."""
    per_category = names.groupBy("category").agg(
        F.count_if(F.col("bit").isNull()).alias("without"), (F.max("bit") + 1).alias("taken")
    )
    return not per_category.where((F.col("without") > 0) & (F.coalesce("taken", F.lit(0)) < limit)).isEmpty()


def give_bits(names: DataFrame, limit: int) -> DataFrame:
    """`event_names` with the bits up to `limit` handed out to names without one; those that have one keep it.

    What was computed with fewer bits counts such a name by its sketch, so it must not be merged with what has them.
    """
    with_bit = F.col("bit").isNotNull()
    return names.where(with_bit).unionByName(_hand_out_bits(names.where(~with_bit), names, limit))


def merge_platforms(platforms: DataFrame | None, named: DataFrame) -> DataFrame:
    """The table `platforms` after a batch: the stored one (None at first) and those of its `kept_names`."""
    seen = named.select(*PLATFORMS.columns.names)
    return (seen if platforms is None else platforms.unionByName(seen)).distinct()


def _with_rule(seen: DataFrame, categories: Sequence[CategorySettings]) -> DataFrame:
    ruled = categorise(seen.withColumnRenamed("category", "_category"), "event_name", categories)
    return ruled.select(
        "event_key",
        "event_name",
        F.col("_category").alias("category"),
        F.col("category_rule").alias("rule"),
        "first_seen",
    )


def _hand_out_bits(new: DataFrame, names: DataFrame | None, limit: int) -> DataFrame:
    window = Window.partitionBy("category").orderBy("event_name")
    numbered = new.select("*", (F.row_number().over(window) - 1).alias("_number"))
    if names is None:
        numbered = numbered.select("*", F.lit(0).alias("_next"))
    else:
        taken = names.groupBy("category").agg((F.max("bit") + 1).alias("_taken"))
        numbered = numbered.join(taken, on="category", how="left").select(
            *numbered.columns, F.coalesce("_taken", F.lit(0)).alias("_next")
        )
    bit = (F.col("_number") + F.col("_next")).cast("int")
    return numbered.select(
        "event_key", "event_name", "category", "rule", F.when(bit < limit, bit).alias("bit"), "first_seen"
    )


def refuse_collisions(table: DataFrame, key: str, name: str) -> None:
    """Raises KeyCollision when two names share a key (one chance in 36 million for a million names)."""
    clash = (
        table.groupBy(key)
        .agg(F.count(F.lit(1)).alias("n"), F.min(name).alias("one"), F.max(name).alias("other"))
        .where(F.col("n") > 1)
        .first()
    )
    if clash is not None:
        raise KeyCollision(
            f"{clash['one']!r} and {clash['other']!r} have the same {key} {clash[key]}: rename one of them"
        )
