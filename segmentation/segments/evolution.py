"""How segments change from one as_of to the next: what customers did, and what retraining did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.segments.describing import ended_summary
from segmentation.segments.matching import ENDED, KEPT, NOWHERE, Previous


@dataclass(frozen=True)
class Decomposed:
    """The moves of one method between two runs, in accounts."""

    method: str
    previous_as_of: str
    #: in both runs
    accounts: int
    #: the model before puts them elsewhere on the data of now: the customer changed, the model did not
    by_customers: int
    #: the model of now puts them elsewhere than the one before, on the same data: the model changed
    by_retraining: int
    #: in another segment than before, for whatever of these reasons
    moved: int


def moves(previous: DataFrame, same_model: DataFrame, now: DataFrame) -> DataFrame:
    """Table `segment_moves`: one row per as_of, account and method that is in all three.

    `previous`: rows of table `segments` of an earlier as_of. `same_model`: account_id, method, segment, by the model
    behind `previous` on the basetable of now. `now`: rows of table `segments` of now. A customer who moved is told
    from one whom retraining moved by the step in between, in which only the data have changed.
    """
    key = ["account_id", "method"]
    before = previous.select(*key, F.col("as_of").alias("previous_as_of"), F.col("segment").alias("previous_segment"))
    between = same_model.select(*key, F.col("segment").cast("int").alias("same_model"))
    at = now.select("as_of", *key, F.col("segment").cast("int").alias("segment"))
    return before.join(between, key).join(at, key).select(
        "as_of", *key, "previous_as_of", "previous_segment", "same_model", "segment"
    )  # fmt: skip


def decompose(moved: DataFrame) -> list[Decomposed]:
    """Moves by customers apart from moves by retraining, per method; an account can be moved by both, even back."""
    customers = F.col("same_model") != F.col("previous_segment")
    retraining = F.col("segment") != F.col("same_model")
    elsewhere = F.col("segment") != F.col("previous_segment")
    counts = moved.groupBy("method", F.col("previous_as_of").cast("string").alias("before")).agg(
        F.count(F.lit(1)).alias("accounts"),
        F.count_if(customers).alias("by_customers"),
        F.count_if(retraining).alias("by_retraining"),
        F.count_if(elsewhere).alias("moved"),
    )
    return sorted((Decomposed(*row) for row in counts.collect()), key=lambda one: (one.method, one.previous_as_of))


def previous_run(segments: pd.DataFrame, profiles: pd.DataFrame, as_of: str, highest: int) -> Previous:
    """One method's run before, from its rows of the tables `segments` and `segment_profiles`.

    `highest` is the highest id that any run of the method has ever given out.
    """
    named = segments[segments["segment"] != NOWHERE].drop_duplicates("segment")
    centres: dict[int, dict[str, float]] = {}
    known = profiles[profiles["centre"].notna()]
    for segment, feature, centre in zip(known["segment"], known["feature"], known["centre"], strict=True):
        centres.setdefault(int(segment), {})[str(feature)] = float(centre)
    return Previous(
        as_of=as_of,
        segments={
            str(account): int(segment)
            for account, segment in zip(segments["account_id"], segments["segment"], strict=True)
        },
        names={int(segment): str(name) for segment, name in zip(named["segment"], named["name"], strict=True)},
        centres=centres,
        highest=highest,
    )


def with_ended(summaries: pd.DataFrame, replaced: pd.DataFrame, why: Callable[[str], str]) -> pd.DataFrame:
    """The summaries, and as ended whatever segments of those `replaced` are not in them: their ids stay given out.

    Both are rows of table `segment_summaries` of one as_of, of any methods; `why` those of a method are no more.
    """
    known = set(zip(summaries["method"], summaries["segment"], strict=True))
    ended = [
        row
        if row["change"] == ENDED
        else ended_summary(row["method"], row["segment"], row["name"], why(row["method"]), ())
        for row in replaced.to_dict("records")
        if (row["method"], row["segment"]) not in known
    ]
    return pd.DataFrame([*summaries.to_dict("records"), *ended], columns=summaries.columns)


def keep_history(summaries: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Summaries of a run that replaces another of the same as_of, with the history that those had.

    Both are rows of table `segment_summaries` of one method, `stored` those about to be replaced. A segment that is
    merely kept since the run replaced was first, born or whatever it was then; and what had ended then, has ended.
    So training twice on the same data gives the same rows.
    """
    before = stored.set_index("segment")
    rows = []
    for row in summaries.to_dict("records"):
        if row["change"] == KEPT and row["segment"] in before.index:
            # list(): Spark hands arrays over as numpy's, which do not compare
            told = before.loc[row["segment"]]
            row |= {"change": str(told["change"]), "previous": [int(one) for one in told["previous"]]}
        rows.append(row)
    known = set(summaries["segment"])
    rows += [row for row in stored.to_dict("records") if row["change"] == ENDED and row["segment"] not in known]
    return pd.DataFrame(rows, columns=summaries.columns).sort_values("segment", ignore_index=True)
