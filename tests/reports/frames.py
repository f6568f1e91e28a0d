"""Hand-made rows of the tables that a report reads: six accounts, two segments, two industries, two dates."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from segmentation.reports.inputs import Inputs

NOW, BEFORE = dt.date(2026, 1, 1), dt.date(2025, 12, 1)
HOSTILE = "<script>alert(1)</script>"
ACCOUNTS = ("A1", "A2", "A3", "A4", "A5", HOSTILE)


def basetable(as_of: dt.date) -> pd.DataFrame:
    industries = ["Labels", "Labels", "Signs", "Signs", None, None]
    return pd.DataFrame({"as_of": as_of, "account_id": ACCOUNTS, "industry": industries})


def segments(as_of: dt.date, placed: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {"as_of": as_of, "account_id": ACCOUNTS, "method": "consensus", "segment": placed, "name": "-",
         "confidence": 0.9, "outlier": [False] * 5 + [True], "model": "runs:/1"}
    )  # fmt: skip


def summaries(as_of: dt.date, sizes: tuple[int, int]) -> pd.DataFrame:
    sentence = "3 accounts (50 % of all). Used more than the others (g = 1.95, 1.79 to 2.10)."
    return pd.DataFrame(
        {"as_of": as_of, "method": "consensus", "segment": [0, 1], "name": ["Heavy use", "Light use"],
         "sentence": sentence, "accounts": sizes, "share": [one / 6 for one in sizes], "stability": [0.9, 0.55],
         "change": ["kept", "born"], "previous": [[0], []], "recency_days": [1.0, 40.0], "active_days": [200.0, 9.0],
         "rows_year": [900.0, 12.0]}
    )  # fmt: skip


def rfm(as_of: dt.date) -> pd.DataFrame:
    return pd.DataFrame(
        {"as_of": as_of, "account_id": ACCOUNTS, "recency_days": [1.0, 2.0, 3.0, 50.0, 60.0, 70.0],
         "label": ["active and heavy"] * 3 + ["fading", "quiet and light", "fading"]}
    )  # fmt: skip


def tables() -> dict[str, pd.DataFrame]:
    """Rows as of NOW by table name, as `Inputs.now` has them; no churn and no value."""
    profiles = pd.DataFrame(
        {"as_of": NOW, "method": "consensus", "segment": [0, 0, 1],
         "feature": ["all_rows_year", "all_error_rate", "all_rows_year"],
         "effect": [1.95, -0.3, -1.95], "low": [1.79, -0.5, -2.1], "high": [2.1, -0.1, -1.79],
         "held_out": [False, True, False]}
    )  # fmt: skip
    cards = pd.DataFrame(
        {"as_of": NOW, "industry": ["Labels", "Signs"], "labelled": 2, "verdict": ["predictable", "not from usage"],
         "reason": ["AUC 0.90 (0.80 to 0.95): well", "AUC 0.50 (0.40 to 0.60): not"], "auc": [0.9, 0.5],
         "auc_low": [0.8, 0.4], "auc_high": [0.95, 0.6], "q_value": [0.01, 0.6], "threshold": [0.8, None],
         "precision": [0.95, None], "precision_low": [0.91, None], "fillable": [1, 0]}
    )  # fmt: skip
    fill = pd.DataFrame(
        {"as_of": NOW, "account_id": ["A5", HOSTILE], "decision": ["fill", "review"], "industry": ["Labels", "Signs"],
         "probability": [0.85, 0.55], "second": ["Signs", "Labels"], "reasons": [["high rows", "low errors"], []]}
    )  # fmt: skip
    suspects = pd.DataFrame(
        {"as_of": NOW, "account_id": ["A4"], "industry": ["Signs"], "suggested": ["Labels"], "probability": [0.02],
         "suggested_probability": [0.9], "margin": [0.88]}
    )  # fmt: skip
    ledger = pd.DataFrame(
        {"rows_in": [100, 50], "kept": [90, 45], "quarantined": [6, 3], "dropped": [4, 2], "status": "read",
         "path": ["a.csv", "b.csv"], "file_id": ["a", "b"], "reason": None,
         "ingested_at": pd.Timestamp("2026-01-02 08:00")}
    )  # fmt: skip
    balance = pd.DataFrame(
        {"disposition": ["kept", "quarantined", "quarantined", "dropped", "flagged"],
         "rule": [None, "bad_time", "bad_time", "duplicate", "unmatched_event_name"], "rows": [135, 6, 3, 6, 7]}
    )  # fmt: skip
    positions = pd.DataFrame({"as_of": NOW, "account_id": ACCOUNTS, "x": [1.0, 1.1, 0.9, -1.0, -1.1, -5.0], "y": 0.5})
    moves = pd.DataFrame(
        {"as_of": NOW, "account_id": ACCOUNTS, "method": "kmeans", "previous_as_of": BEFORE,
         "previous_segment": [0] * 6, "same_model": [0, 0, 0, 0, 1, 1], "segment": [0, 0, 0, 1, 1, 1]}
    )  # fmt: skip
    return {
        "basetable": basetable(NOW), "segments": segments(NOW, [0, 0, 0, 1, 1, 1]),
        "segment_summaries": summaries(NOW, (3, 3)), "segment_profiles": profiles, "segment_moves": moves,
        "account_rfm": rfm(NOW), "account_positions": positions, "industry_cards": cards, "industry_fill": fill,
        "industry_suspects": suspects, "industry_metrics": metrics(), "ingest_ledger": ledger, "row_balance": balance,
    }  # fmt: skip


def metrics() -> pd.DataFrame:
    rows = [
        ("cv", "auc", "Labels", 0.9, 0.8, 0.95, 0.5, 0.5, 0.7),
        ("train", "auc", "Labels", 0.97, 0.9, 1.0, 0.5, 0.5, 0.7),
        ("cv", "auc", "Signs", 0.5, 0.4, 0.6, 0.5, 0.5, 0.6), ("cv", "accuracy", None, 0.75, 0.6, 0.85, 0.5, 0.4, None),
    ]  # fmt: skip
    names = ["slice", "metric", "industry", "value", "low", "high", "majority", "random", "chance_high"]
    return pd.DataFrame(rows, columns=names).assign(as_of=NOW, support=4, p_value=None, reason=None)


def churn() -> pd.DataFrame:
    active = [True, True, True, True, False, True]
    probability = [0.1, 0.6, 0.2, 0.9, 0.99, 0.7]
    return pd.DataFrame({"as_of": NOW, "account_id": ACCOUNTS, "active": active, "probability": probability})


def values() -> pd.DataFrame:
    worth = [10.0, 1000.0, 10.0, 100.0, 5.0, None]
    return pd.DataFrame({"as_of": NOW, "account_id": ACCOUNTS, "lifetime_value": worth, "alive": 1.0})


def earlier() -> dict[str, pd.DataFrame]:
    """Rows as of BEFORE: all accounts in segment 0 but the last, which was in none."""
    return {
        "basetable": basetable(BEFORE).assign(industry=None).head(5), "account_rfm": rfm(BEFORE),
        "segments": segments(BEFORE, [0, 0, 0, 0, 1, -1]), "segment_summaries": summaries(BEFORE, (4, 1)),
    }  # fmt: skip


def inputs(
    now: dict[str, pd.DataFrame] | None = None, before: dict[str, pd.DataFrame] | None = None, **changed: Any
) -> Inputs:
    """All of it together; no `before`: the first report."""
    whole = {
        "as_of": NOW, "previous": BEFORE if before else None, "published": dt.datetime(2026, 1, 2, 9, 30),
        "method": "consensus", "methods": ("kmeans", "gmm"), "now": tables() if now is None else now,
        "before": before or {},
        "words": {"all_rows_year": "log rows of a year"}, "features": 396, "shown": 50, "reach_out": 0.5,
        "fill_precision": 0.9, "outdated": (), "horizon_months": 3, "value_months": 12,
        "previous_horizon_months": 3, "previous_value_months": 12,
        "hashed_ids": False,
    }  # fmt: skip
    return Inputs(**(whole | changed))
