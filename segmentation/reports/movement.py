"""What changed since the report before: figures beside figures, and who is in another segment now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from segmentation.industries.filling import FILL, REVIEW
from segmentation.reports.actions import open_fills
from segmentation.reports.charts import inhabited
from segmentation.reports.inputs import Inputs
from segmentation.shown import counted, shown_share

ACCOUNTS, SEGMENTS, INDUSTRIES, OUTLOOK = "accounts", "segments", "industries", "outlook"


def report_changes(inputs: Inputs) -> pd.DataFrame:
    """Table report_changes less as_of and previous_as_of: one row per topic and item, `before` null in the first."""
    now = dict(_figures(inputs, earlier=False))
    before = dict(_figures(inputs, earlier=True)) if inputs.previous else {}
    keys = [*now, *(key for key in before if key not in now)]
    rows = [(*key, before.get(key), now.get(key)) for key in keys]
    return pd.DataFrame(rows, columns=["topic", "item", "before", "now"]).astype({"before": float, "now": float})


def moved_accounts(inputs: Inputs) -> pd.DataFrame:
    """One row per account that was there at both dates: account_id, previous_segment, segment."""
    now, before = inputs.of_method("segments"), inputs.of_method("segments", earlier=True)
    if now.empty or before.empty:
        return pd.DataFrame(columns=["account_id", "previous_segment", "segment"])
    earlier = before[["account_id", "segment"]].rename(columns={"segment": "previous_segment"})
    return earlier.merge(now[["account_id", "segment"]], on="account_id").sort_values("account_id", ignore_index=True)


def moved_of_all(pairs: pd.DataFrame) -> str:
    """In words, how many accounts of both dates are in another segment; `pairs`: of `moved_accounts`, not empty."""
    moved = int((pairs["previous_segment"] != pairs["segment"]).sum())
    return f"{moved:,} of {counted(len(pairs), 'account')} ({shown_share(moved / len(pairs))})"


def _figures(inputs: Inputs, earlier: bool) -> Iterator[tuple[tuple[str, str], float]]:
    frames = inputs.before if earlier else inputs.now
    if "basetable" in frames:
        basetable = frames["basetable"]
        yield (ACCOUNTS, "accounts with usage"), float(len(basetable))
        yield (ACCOUNTS, "accounts with a known industry"), float(basetable["industry"].notna().sum())
    if "account_rfm" in frames:
        for label in _rfm_labels(inputs):
            yield (ACCOUNTS, f"use: {label}"), float((frames["account_rfm"]["label"] == label).sum())
    summaries = inputs.of_method("segment_summaries", earlier)
    if not summaries.empty:
        sizes = summaries.set_index("segment")["accounts"]
        yield (SEGMENTS, "segments"), float((sizes > 0).sum())
        for segment, name in _named_segments(inputs).items():
            yield (SEGMENTS, f"{segment} {name}: accounts"), float(sizes.get(segment, 0))
    yield from _of_industries(frames)
    yield from _of_outlook(inputs, earlier)


def _rfm_labels(inputs: Inputs) -> list[str]:
    """Those of both dates: a kind of use that nobody has any more is 0, not unknown."""
    both = [frames["account_rfm"]["label"] for frames in (inputs.now, inputs.before) if "account_rfm" in frames]
    return sorted(set().union(*both))


def _named_segments(inputs: Inputs) -> dict[int, str]:
    """The name of each segment of either date, by id: one that is no more, or was not yet, has 0 accounts then."""
    both = [inputs.of_method("segment_summaries", earlier) for earlier in (True, False)]
    rows = [row for rows in both if not rows.empty for row in inhabited(rows).to_dict("records")]
    named = {row["segment"]: row["name"] for row in rows}  # by today's name where it has one
    return dict(sorted(named.items()))


def _of_industries(frames: Mapping[str, pd.DataFrame]) -> Iterator[tuple[tuple[str, str], float]]:
    if "industry_fill" in frames and "basetable" in frames:
        unlabelled = open_fills(frames)
        for decision in (FILL, REVIEW):
            count = (unlabelled["decision"] == decision).sum()
            yield (INDUSTRIES, f"accounts to {decision}"), float(count)
    if "industry_cards" in frames:
        for row in frames["industry_cards"].sort_values("industry").to_dict("records"):
            if row["auc"] is not None and row["auc"] == row["auc"]:  # NaN is not itself
                yield (INDUSTRIES, f"{row['industry']}: AUC"), float(row["auc"])


def _of_outlook(inputs: Inputs, earlier: bool) -> Iterator[tuple[tuple[str, str], float]]:
    """What was forecast for more or fewer months than now is no `before` of it: that is left out."""
    frames = inputs.before if earlier else inputs.now
    if "churn_scores" in frames:
        active = frames["churn_scores"]["active"].astype(bool)
        yield (OUTLOOK, "active accounts"), float(active.sum())
        if not earlier or inputs.previous_horizon_months == inputs.horizon_months:
            silent = frames["churn_scores"]["probability"][active].sum()
            yield (OUTLOOK, "of them expected to fall silent"), float(silent)
    if "account_values" in frames and (not earlier or inputs.previous_value_months == inputs.value_months):
        # null, not 0, where no value could be forecast
        worth = frames["account_values"]["lifetime_value"].astype(float).sum(min_count=1)
        yield (OUTLOOK, "expected value of the accounts that have one"), float(worth)
