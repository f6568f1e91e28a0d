"""The one screen at the end of `segmentation run`, read back from the tables."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.errors import LackingData
from segmentation.industries.filling import FILL, REVIEW, promised
from segmentation.jobs.freshness import read_basetable
from segmentation.jobs.industry_models import decided_fills
from segmentation.runtime import Job
from segmentation.schemas import (
    ACCOUNT_RFM,
    BASETABLE,
    INDUSTRY_CARDS,
    INDUSTRY_METRICS,
    INDUSTRY_SCORES,
    LEDGER,
    READ,
    SEGMENT_SUMMARIES,
    SEGMENTS,
)
from segmentation.segments.placing import lead_method
from segmentation.shown import counted, shown_below
from segmentation.stores.moved_runs import database_of


def show_summary(job: Job, lacking: LackingData | None = None) -> None:
    """Row balance, basetable, segments, per industry its AUC and verdict, what can be filled, where everything is.

    `lacking` stands in the place of the industries where the data do not hold what these need.
    """
    as_of, basetable, features = read_basetable(job)
    tables = job.tables
    lines = ["", f"== as of {as_of} " + "=" * 60, *_balance(tables.read(LEDGER))]
    labelled = basetable.where(F.col("industry").isNotNull()).count()
    lines.append(f"basetable    {basetable.count():,} accounts x {len(features)} features, {labelled:,} labelled")
    lines += _segments(job, as_of)
    lines += _industries(job, as_of) if lacking is None else [f"industries   not told: {lacking}"]
    lines.append(f"tables       {tables.location(BASETABLE).removesuffix('basetable')}")
    if job.settings.storage.tracking_uri is None:
        lines.append(f"model runs   mlflow ui --backend-store-uri sqlite:///{database_of(job.data_dir)}")
    job.show("\n".join(lines))


def _balance(ledger: DataFrame) -> list[str]:
    kinds = ("rows_in", "kept", "quarantined", "dropped")
    files = F.count_if(F.col("status") == READ).alias("files")
    row = ledger.agg(files, *(F.sum(kind).alias(kind) for kind in kinds)).first()
    assert row is not None  # an aggregate without groups has one row
    parts = " + ".join(f"{kind} {row[kind]:,}" for kind in kinds[1:])
    return [f"rows         in {row['rows_in']:,} = {parts}, from {row['files']:,} files"]


def _segments(job: Job, as_of: dt.date) -> list[str]:
    """A line per method; the segments of the consensus, or without one of the first method of the settings."""
    rows = _at(job.tables.read(SEGMENT_SUMMARIES), as_of).orderBy("method", "segment").collect()
    found = sorted({row["method"] for row in rows if row["accounts"]})
    lead = lead_method(found, job.settings.segments.methods)
    lines = []
    for method in sorted(found, key=lambda name: (name != lead, name)):
        living = [row for row in rows if row["method"] == method and row["accounts"]]
        stability = [row["stability"] for row in living if row["stability"] is not None]
        told = f", stability {shown_below(min(stability))} to {shown_below(max(stability))}" if stability else ""
        lines.append(f"{method:<12} {len(living)} segments{told}")
        if method == lead:
            lines += [f"{row['accounts']:>12,}  {row['segment']} {row['name']}" for row in living]
    outlying = _at(job.tables.read(SEGMENTS), as_of).where("outlier").select("account_id").distinct().count()
    lines.append(f"outlying     {counted(outlying, 'account')} unlike all others: look before acting on their segment")
    labels = _at(job.tables.read(ACCOUNT_RFM), as_of).groupBy("label").count().orderBy(F.desc("count"), "label")
    lines.append("use          " + ", ".join(f"{row['count']:,} {row['label']}" for row in labels.collect()))
    return lines


def _at(rows: DataFrame, as_of: dt.date) -> DataFrame:
    return rows.where(F.col("as_of") == F.lit(as_of))


def _industries(job: Job, as_of: dt.date) -> list[str]:
    """AUC per industry, cross-validated with its interval, beside what the fit saw and the test split; verdicts."""
    if not job.tables.exists(INDUSTRY_METRICS):
        return [_none_published(as_of)]
    shown = _at(job.tables.read(INDUSTRY_METRICS), as_of).where(F.col("metric").isin("auc", "macro_auc", "accuracy"))
    found = {(row["metric"], row["industry"], row["slice"]): row for row in shown.collect()}
    cards = {row["industry"]: row for row in _at(job.tables.read(INDUSTRY_CARDS), as_of).collect()}
    lows = [card["precision_low"] for card in cards.values()]
    head = ("train", "cv", "95 % interval", "test", "baseline", "labelled")
    if not cards:
        return [_none_published(as_of)]
    wide = max(24, *map(len, cards))
    cells_of = "{:>6}{:>6}{:>15}{:>6}{:>10}{:>10}  {}"
    lines = [f"{'industry, AUC of':<{wide + 2}}" + cells_of.format(*head, "verdict")]
    keys = sorted({key[:2] for key in found}, key=lambda k: (k[0] != "auc", k[0] != "macro_auc", k[1] or ""))
    for metric, industry in keys:
        train, cv, test = (found.get((metric, industry, part)) for part in ("train", "cv", "test"))
        interval = "-" if cv is None or cv["low"] is None else f"{cv['low']:.2f} - {cv['high']:.2f}"
        card = cards.pop(industry, None) if metric == "auc" else None
        cells = (_number(train), _number(cv), interval, _number(test), _number(cv, "majority"))
        told = (f"{card['labelled']:,}", card["verdict"]) if card else ("", "")
        name = industry or metric.replace("_", " ")
        lines.append(f"  {name:<{wide}}{cells_of.format(*cells, *told)}".rstrip())
    lines += [
        f"  {name:<{wide + 43}}{card['labelled']:>10,}  {card['verdict']}" for name, card in sorted(cards.items())
    ]
    precision = promised(job.settings.industry.fill_precision, lows)
    decided = decided_fills(job, as_of).groupBy("decision").count().collect()
    lines.append(_fill({row["decision"]: row["count"] for row in decided}, precision))
    scored = _at(job.tables.read(INDUSTRY_SCORES), as_of).select("account_id").distinct().count()
    return [*lines, f"scored       {scored:,} accounts, labelled or not, in industry_scores"]


def _none_published(as_of: dt.date) -> str:
    return f"industries   none published as of {as_of}: the gate refused the new model, the one before cannot answer"


def _fill(counts: dict[str, int], precision: float) -> str:
    review = counts.get(REVIEW, 0)
    return (
        f"fill in      {counted(counts.get(FILL, 0), 'account')} can be filled at >= {100 * precision:g}% precision, "
        f"{review:,} {'goes' if review == 1 else 'go'} to review"
    )


def _number(row: object, name: str = "value") -> str:
    value = None if row is None else row[name]  # type: ignore[index]
    return "-" if value is None else f"{value:.2f}"
