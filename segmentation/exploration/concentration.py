"""On how few accounts, tokens, names, products and systems the log rows fall."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from segmentation.arrays import Ints
from segmentation.checkpoint import settled
from segmentation.features.measures import before

#: kind of name -> the column of the logs that it stands in
KINDS = {
    "account": "account_id", "token": "token", "event_name": "event_name", "category": "category",
    "product": "product", "os": "os", "status": "status",
}  # fmt: skip


@dataclass(frozen=True)
class Concentration:
    """Heavy hitters, and how unequal it is in all."""

    #: table heavy_hitters less as_of
    hitters: pd.DataFrame
    #: one row per kind: kind, names (how many there are), rows (that carry one), gini, top_share (of those rows)
    kinds: pd.DataFrame


def concentration(
    activity: DataFrame, owners: DataFrame, tokens: DataFrame, values: DataFrame, as_of: dt.date, top: int
) -> Concentration:
    """The `top` names of each kind with the most kept rows before as_of, equals by name, and Gini's coefficient.

    `owners` are the tokens' main accounts (`features.tokens.main_accounts`), so that an account's rows are those that
    its basetable speaks of. `values` counts what the cube does not know (`events.count_values`): kind, name, rows.
    """
    cube = before(activity, as_of).groupBy("token_key", "category", "product", "os").agg(F.sum("rows").alias("rows"))
    named = cube.join(owners.select("token_key", "account_id"), on="token_key").join(
        tokens.select("token_key", "token"), on="token_key"
    )
    account, nobody = F.col("account_id"), F.lit(None).cast("string")
    parts = [_part("account", account, account), _part("token", F.col("token"), account)]
    parts += [_part(kind, F.col(kind), nobody) for kind in ("category", "product", "os")]
    long = named.select("rows", F.inline(F.array(*parts))).where(F.col("name").isNotNull())
    summed = long.groupBy("kind", "name", "owner").agg(F.sum("rows").alias("rows"))
    others = values.select("kind", "name", nobody.alias("owner"), "rows")
    counted = settled(summed.unionByName(others))
    # every row has a category, so its sum is that of all rows
    spectrum = counted.groupBy("kind", "rows").agg(F.count(F.lit(1)).alias("names")).toPandas()
    total = int((spectrum["rows"] * spectrum["names"])[spectrum["kind"] == "category"].sum())
    order = Window.partitionBy("kind").orderBy(F.desc("rows"), "name")
    first = counted.withColumn("rank", F.row_number().over(order)).where(F.col("rank") <= top)
    return Concentration(_hitters(first.toPandas(), total), _kinds(spectrum))


def gini_of(rows: Ints, names: Ints) -> float:
    """Gini's coefficient when names[i] names have rows[i] rows each: 0 all alike, towards 1 all on one."""
    order = np.argsort(rows, kind="stable")
    held, of = (rows * names)[order], names[order]
    if held.sum() == 0:
        return 0.0
    cumulative = np.concatenate([[0.0], np.cumsum(held) / held.sum()])
    # twice the area under the Lorenz curve, which is straight between equal names
    return float(1.0 - np.sum(of / of.sum() * (cumulative[1:] + cumulative[:-1])))


def _part(kind: str, name: Column, owner: Column) -> Column:
    return F.struct(F.lit(kind).alias("kind"), name.alias("name"), owner.alias("owner"))


def _hitters(first: pd.DataFrame, total: int) -> pd.DataFrame:
    kinds = list(KINDS)
    ordered = first.sort_values(["kind", "rank"], key=lambda c: c.map(kinds.index) if c.name == "kind" else c)
    share = ordered["rows"] / max(total, 1)
    told = ordered.rename(columns={"owner": "account_id"}).assign(
        share=share, cumulative_share=share.groupby(ordered["kind"]).cumsum()
    )
    return told[["kind", "rank", "name", "account_id", "rows", "share", "cumulative_share"]].reset_index(drop=True)


def _kinds(spectrum: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for kind in KINDS:
        mine = spectrum[spectrum["kind"] == kind]
        if len(mine):
            counts, names = mine["rows"].to_numpy(dtype=np.int64), mine["names"].to_numpy(dtype=np.int64)
            held = int((counts * names).sum())
            rows.append((kind, int(names.sum()), held, gini_of(counts, names), int(counts.max()) / held))
    return pd.DataFrame(rows, columns=["kind", "names", "rows", "gini", "top_share"])
