"""The one screen at the end of `segmentation run`, read back from the tables."""

from __future__ import annotations

import datetime as dt

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.jobs.freshness import read_basetable
from segmentation.runtime import Job
from segmentation.schemas import (
    ACCOUNT_RFM,
    BASETABLE,
    INDUSTRY_METRICS,
    INDUSTRY_SCORES,
    LEDGER,
    SEGMENT_SUMMARIES,
    SEGMENTS,
)
from segmentation.segments.placing import CONSENSUS


def show_summary(job: Job) -> None:
    """Row balance, basetable, segments, AUC per industry beside its baseline, and where everything is."""
    as_of, basetable, features = read_basetable(job)
    tables = job.tables
    lines = ["", f"== as of {as_of} " + "=" * 60, *_balance(tables.read(LEDGER))]
    labelled = basetable.where(F.col("industry").isNotNull()).count()
    lines.append(f"basetable    {basetable.count():,} accounts x {len(features)} features, {labelled:,} labelled")
    lines += _segments(job, as_of)
    lines += _industries(tables.read(INDUSTRY_METRICS), as_of)
    scored = tables.read(INDUSTRY_SCORES).where(F.col("as_of") == F.lit(as_of)).select("account_id").distinct().count()
    lines.append(f"scored       {scored:,} accounts, labelled or not, in industry_scores")
    lines.append(f"tables       {tables.location(BASETABLE).removesuffix('basetable')}")
    if job.settings.storage.tracking_uri is None:
        store = f"sqlite:///{(job.data_dir / 'mlflow.db').absolute()}"
        lines.append(f"model runs   mlflow ui --backend-store-uri {store}")
    job.show("\n".join(lines))


def _balance(ledger: DataFrame) -> list[str]:
    kinds = ("rows_in", "kept", "quarantined", "dropped")
    row = ledger.agg(F.count(F.lit(1)).alias("files"), *(F.sum(kind).alias(kind) for kind in kinds)).first()
    assert row is not None  # an aggregate without groups has one row
    parts = " + ".join(f"{kind} {row[kind]:,}" for kind in kinds[1:])
    return [f"rows         in {row['rows_in']:,} = {parts}, from {row['files']:,} files"]


def _segments(job: Job, as_of: dt.date) -> list[str]:
    """A line per method; the segments of the consensus, or without one of the first method of the settings."""
    rows = _at(job.tables.read(SEGMENT_SUMMARIES), as_of).orderBy("method", "segment").collect()
    found = sorted({row["method"] for row in rows})
    lead = CONSENSUS if CONSENSUS in found else next((m for m in job.settings.segments.methods if m in found), None)
    lines = []
    for method in sorted(found, key=lambda name: (name != lead, name)):
        living = [row for row in rows if row["method"] == method and row["accounts"]]
        stability = [row["stability"] for row in living if row["stability"] is not None]
        told = f", stability {min(stability):.2f} to {max(stability):.2f}" if stability else ""
        lines.append(f"{method:<12} {len(living)} segments{told}")
        if method == lead:
            lines += [f"{row['accounts']:>12,}  {row['segment']} {row['name']}" for row in living]
    outlying = _at(job.tables.read(SEGMENTS), as_of).where("outlier").select("account_id").distinct().count()
    lines.append(f"outlying     {outlying:,} accounts are unlike all others: look before acting on their segment")
    labels = _at(job.tables.read(ACCOUNT_RFM), as_of).groupBy("label").count().orderBy(F.desc("count"), "label")
    lines.append("use          " + ", ".join(f"{row['count']:,} {row['label']}" for row in labels.collect()))
    return lines


def _at(rows: DataFrame, as_of: dt.date) -> DataFrame:
    return rows.where(F.col("as_of") == F.lit(as_of))


def _industries(metrics: DataFrame, as_of: dt.date) -> list[str]:
    """AUC per industry: test with its interval, cross-validated, train; the baselines' AUC is 0.5 by definition."""
    at = metrics.where((F.col("as_of") == F.lit(as_of)) & F.col("metric").isin("auc", "macro_auc", "accuracy"))
    found = {(row["metric"], row["industry"], row["slice"]): row for row in at.collect()}
    head = ("test", "95 % interval", "baseline", "cv", "train", "labelled")
    lines = ["{:<26}{:>7}{:>16}{:>10}{:>8}{:>8}{:>10}".format("industry, AUC of", *head)]
    keys = sorted({key[:2] for key in found}, key=lambda k: (k[0] != "auc", k[0] != "macro_auc", k[1] or ""))
    for metric, industry in keys:
        test, cv, train = (found.get((metric, industry, part)) for part in ("test", "cv", "train"))
        interval = "" if test is None or test["low"] is None else f"{test['low']:.2f} - {test['high']:.2f}"
        cells = (_number(test), interval, _number(test, "majority"), _number(cv), _number(train))
        support = "" if train is None or test is None or metric != "auc" else f"{train['support'] + test['support']:,}"
        name = industry or metric.replace("_", " ")
        lines.append("  {:<24}{:>7}{:>16}{:>10}{:>8}{:>8}{:>10}".format(name[:24], *cells, support))
    return lines


def _number(row: object, name: str = "value") -> str:
    value = None if row is None else row[name]  # type: ignore[index]
    return "-" if value is None else f"{value:.2f}"
