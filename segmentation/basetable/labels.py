"""The label of an account: picked from the accounts file, tidied, merged into groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.column_names import quoted
from segmentation.errors import InputProblem, LackingData

#: in label_groups: every label that no other group names
OTHERS = "*"
#: white space of Unicode, no-break spaces and line ends among it, as every engine for patterns understands it
_SPACE = "[\\s\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"


class AccountCounts(NamedTuple):
    """How the accounts of the logs and of the accounts file meet."""

    with_features: int
    labelled: int
    in_file_without_usage: int
    not_in_file: int


def label_accounts(accounts: DataFrame, label_column: str, label_groups: Mapping[str, Sequence[str]]) -> DataFrame:
    """One row per account of the file: account_id, industry. Labels are trimmed, white space within is one blank,
    a blank label is null.

    `label_groups` is {new: [old, ...]}, `*` standing for every label that no group names. Raises InputProblem on an
    unknown column, naming those there are, and on a label that two groups claim.
    """
    if label_column not in accounts.columns:
        there = ", ".join(name for name in accounts.columns if name != "account_id")
        raise InputProblem(f"the accounts file has no column {label_column!r} to take labels from; it has {there}")
    return accounts.select("account_id", _grouped(_label(label_column), label_groups).alias("industry"))


def labels_of_nobody(accounts: DataFrame, label_column: str, label_groups: Mapping[str, Sequence[str]]) -> list[str]:
    """The old labels in `label_groups` that no account has, a misspelt one perhaps, in their order."""
    olds = dict.fromkeys(_tidied(old) for group in label_groups.values() for old in group)
    olds.pop(OTHERS, None)
    if not olds:
        return []
    found = accounts.select(_label(label_column).alias("label")).where(F.col("label").isin(*olds)).distinct().collect()
    return [old for old in olds if old not in {row["label"] for row in found}]


def count_accounts(with_usage: DataFrame, labelled: DataFrame) -> AccountCounts:
    """The counts, so that no account goes missing unseen; raises InputProblem when the file repeats an account.

    `with_usage` holds the account_id of each account with features, once; `labelled` is what `label_accounts` gave.
    Accounts to which no token belongs have no features and no basetable row, whether they have events or not.
    """
    used = with_usage.select("account_id", F.lit(True).alias("used"))
    listed = labelled.groupBy("account_id").agg(F.max("industry").alias("industry"), F.count(F.lit(1)).alias("listed"))
    both = used.join(listed, on="account_id", how="full")
    is_used, is_listed = F.col("used").isNotNull(), F.col("listed").isNotNull()
    repeated = F.collect_list(F.when(F.col("listed") > 1, F.col("account_id")))
    row = both.agg(
        F.count_if(is_used), F.count_if(is_used & F.col("industry").isNotNull()),
        F.count_if(is_listed & ~is_used), F.count_if(is_used & ~is_listed),
        F.slice(F.array_sort(repeated), 1, 5),
    ).first()  # fmt: skip
    *counts, twice = row or (0, 0, 0, 0, [])
    if twice:
        raise InputProblem(f"the accounts file lists more than once: {', '.join(twice)}")
    return AccountCounts(*counts)


def count_dropped(dropped: DataFrame, labelled: DataFrame) -> tuple[int, int]:
    """(accounts left out for missing too much, those of them with a label); `labelled` lists no account twice."""
    both = dropped.select("account_id").join(labelled, on="account_id", how="left")
    row = both.agg(F.count("account_id"), F.count("industry")).first()
    return (row[0], row[1]) if row else (0, 0)


def require_classes(basetable: DataFrame) -> dict[str, int]:
    """Accounts per industry, by name; raises LackingData when there is nothing to tell apart."""
    counts = basetable.where(F.col("industry").isNotNull()).groupBy("industry").count().orderBy("industry").collect()
    if not counts:
        raise LackingData("no account with usage carries a label: check --label and the ids of the accounts file")
    if len(counts) == 1:
        raise LackingData(f"every labelled account is {counts[0].industry!r}: a model needs at least two labels")
    return {row.industry: int(row["count"]) for row in counts}


def _label(column: str) -> Column:
    """The label tidied, null when nothing is left."""
    spaced = F.regexp_replace(F.col(quoted(column)).cast("string"), _SPACE, " ")
    return F.nullif(F.trim(spaced), F.lit(""))


def _tidied(label: str) -> str:
    """A label of the settings as one of the file: whoever types two blanks, or copies a tab, means one."""
    return " ".join(label.split())


def _grouped(label: Column, groups: Mapping[str, Sequence[str]]) -> Column:
    new_of: dict[str, str] = {}
    for new, olds in groups.items():
        for old in olds:
            if new_of.setdefault(_tidied(old), new) != new:
                raise InputProblem(f"label_groups: both {new_of[_tidied(old)]!r} and {new!r} claim the label {old!r}")
    for new in groups:  # a label of the group's own name is of the group, unless another one claims it
        new_of.setdefault(_tidied(new), new)
    others = new_of.pop(OTHERS, None)
    grouped = F.lit(None).cast("string")
    for new in dict.fromkeys(new_of.values()):
        olds = [old for old, target in new_of.items() if target == new]
        grouped = F.coalesce(grouped, F.when(label.isin(olds), F.lit(new)))
    rest = label if others is None else F.when(label.isNotNull(), F.lit(others))
    return F.coalesce(grouped, rest)
