"""Which command makes a table: for messages where one is missing, and for the reference."""

from __future__ import annotations

#: by table name
MADE_BY = {
    "events": "ingest", "ingest_ledger": "ingest", "row_balance": "ingest", "tokens": "ingest", "event_names": "ingest",
    "platforms": "ingest", "ingest_plans": "ingest",
    "activity": "basetable", "activity_files": "basetable", "token_features": "basetable",
    "account_features": "basetable", "accounts": "basetable", "basetable": "basetable", "segments": "segments",
    "segment_summaries": "segments", "segment_profiles": "segments", "segment_moves": "segments",
    "account_rfm": "segments", "account_positions": "segments",
    "industry_scores": "industry", "industry_models": "industry", "industry_metrics": "industry",
    "industry_cards": "industry", "industry_coverage": "industry", "industry_fill": "industry",
    "industry_suspects": "industry", "industry_drivers": "industry", "churn_scores": "churn", "churn_metrics": "churn",
    "account_values": "value", "account_scores": "score", "column_profiles": "explore", "column_histograms": "explore",
    "heavy_hitters": "explore", "category_coverage": "explore", "activity_gaps": "explore",
    "feature_groups": "explore",
    "segment_industries": "report", "account_actions": "report", "report_changes": "report",
}  # fmt: skip


def damaged(name: str, why: str, first: str = "") -> str:
    """What is wrong with a table, what to try `first`, and how to get back what was lost of it.

    That is by a copy, as the command that makes the table may think that all is there.
    """
    return f"table {name} is damaged: {why}: {first}restore it from a copy (made by `segmentation {made_by(name)}`)"


def made_by(name: str) -> str:
    """The command that makes the table of that name."""
    return MADE_BY.get(name, "run")
