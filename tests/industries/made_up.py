"""A finished training with a model that needed none, for whatever comes after the training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.ml.feature import IndexToString, SQLTransformer
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from segmentation.industries.calibration import Calibration
from segmentation.industries.gate import Evidence
from segmentation.industries.result import Calibrated, Candidate, Fill, IndustryResult
from segmentation.industries.scoring import score_industries
from segmentation.schemas import INDUSTRY_SUSPECTS

INDUSTRIES = ("Food & drink", "Toys")


def model(limit: float, industries: Sequence[str] = INDUSTRIES) -> PipelineModel:
    """Accounts with f0 above the limit are toys, by nine to one."""
    answers = f"IF(f0 > {limit}, array(0.1D, 0.9D), array(0.6D, 0.4D)) AS probabilities"
    sql = f"SELECT *, {answers}, IF(f0 > {limit}, 1.0D, 0.0D) AS prediction FROM __THIS__"
    named = IndexToString(inputCol="prediction", outputCol="predicted_industry", labels=list(industries))
    return PipelineModel(stages=[SQLTransformer(statement=sql), named])


def result(
    basetable: DataFrame, limit: float, loss: float, reg_param: float, industries: Sequence[str] = INDUSTRIES
) -> IndustryResult:
    """Every account has that out-of-fold loss, and `reg_param` made the model; toys are filled from .8 on.

    A candidate with regParam 0.01 and a loss of 1 is always among those tried.
    """
    ids = sorted(row["account_id"] for row in basetable.where("industry IS NOT NULL").select("account_id").collect())
    others = sorted(row["account_id"] for row in basetable.where("industry IS NULL").select("account_id").collect())
    losses = {account: loss + 0.001 * place for place, account in enumerate(ids)}
    first = {account: 1.0 + 0.001 * place for place, account in enumerate(ids)}
    tried = {0.01: first, reg_param: losses}
    decisions = pd.DataFrame({"account_id": others, "decision": "review", "industry": "Toys", "probability": 0.9,
                              "second": INDUSTRIES[0], "reasons": [["high f0"]] * len(others)})  # fmt: skip
    return IndustryResult(
        model=model(limit, industries), model_name="lasso", reason="made up", params={"regParam": reg_param},
        candidates=tuple(
            Candidate("lasso", {"regParam": value}, float(np.mean(list(each.values()))), 0.1, 1.1, 0.0, 0.0, each)
            for value, each in tried.items()
        ),
        industries=INDUSTRIES, support={"Food & drink": 60, "Toys": 40}, excluded={"Rare": "2 labelled accounts"},
        metrics=_metrics(limit), confusion=pd.DataFrame({"industry": ["Toys"], "predicted": ["Toys"], "accounts": [9]}),
        drivers=pd.DataFrame({"industry": ["Toys"], "feature": ["f0"], "effect": [limit], "selected": [1.0]}),
        scores=score_industries(model(limit, industries), basetable), train_accounts=80, test_accounts=40,
        numeric=("f0",), categorical=(), cards=_cards(),
        fill=Fill(decisions, _coverage(), {"Toys": 0.8, "Food & drink": None}, "0 accounts can be filled"),
        suspects=pd.DataFrame([(ids[0], "Toys", "Food & drink", 0.1, 0.9, 0.8)],
                              columns=INDUSTRY_SUSPECTS.columns.names[1:]),
        calibrated=Calibrated(cast("Calibration", None), _reliability(), pd.DataFrame({"slice": ["cv"]})),
        learning_curve=pd.DataFrame({"share": [0.5, 1], "accounts": [20, 40], "industry": "Toys", "auc": [0.7, None]}),
        ablation=pd.DataFrame({"category": ["Document"], "loss": [0.1], "low": [0.0], "high": [0.2]}),
        evidence=Evidence(losses, train_auc=0.9, cv_auc=0.8, test_classes=2, test_accounts=40, shift_auc=0.6,
                          metrics_finite=True),
        shift=pd.DataFrame({"feature": ["f0"], "p_value": [0.5]}), notes=("a note",),
    )  # fmt: skip


def with_label_nulls(basetable: DataFrame) -> DataFrame:
    """The columns that a result needs: as_of, account_id, industry, split, fold, f0."""
    return basetable.select("as_of", "account_id", "industry", "split", F.col("fold").cast("int"), "f0")


def _metrics(limit: float) -> pd.DataFrame:
    def row(part: str, metric: str, industry: str | None, value: float | None) -> dict[str, Any]:
        known = {"low": 0.7, "high": 0.95, "majority": 0.5, "random": 0.5, "chance_high": 0.6, "p_value": 0.01}
        reason = None if value is not None else "no account of it in the slice"
        return {"slice": part, "metric": metric, "industry": industry, "value": value, "support": 40, "reason": reason,
                **known}  # fmt: skip

    value = 0.8 + limit / 100 + 0.1 / 3  # a figure that takes all its digits
    auc = [row(part, "auc", name, value) for part in ("train", "cv", "test") for name in INDUSTRIES]
    return pd.DataFrame([*auc, row("cv", "macro_auc", None, value), row("test", "log_loss", None, None)])


def _cards() -> pd.DataFrame:
    figures = ("auc", "auc_low", "auc_high", "pr_auc", "pr_auc_low", "pr_auc_high", "prevalence", "q_value", "gain",
               "precision", "precision_low", "coverage")  # fmt: skip
    toys = {"industry": "Toys", "labelled": 40, "verdict": "predictable", "reason": "AUC .83, all of it",
            "threshold": 0.8, "fillable": 0, **dict.fromkeys(figures, 0.9)}  # fmt: skip
    rare = {"industry": "Rare", "labelled": 2, "verdict": "too few accounts", "reason": "2 labelled accounts",
            "fillable": 0}  # fmt: skip
    return pd.DataFrame([toys, {**toys, "industry": "Food & drink", "threshold": None}, rare])


def _coverage() -> pd.DataFrame:
    return pd.DataFrame({"industry": ["Toys", "all"], "threshold": 0.8, "filled": 30, "precision": 1.0, "low": 0.91,
                         "coverage": [0.7, 0.3]})  # fmt: skip


def _reliability() -> pd.DataFrame:
    return pd.DataFrame({"slice": "cv", "scope": "top", "bin": [6, 8], "mean_probability": [0.6, 0.9],
                         "share_right": [0.58, 0.93], "low": [0.5, 0.85], "high": [0.7, 0.97],
                         "accounts": [60, 40]})  # fmt: skip
