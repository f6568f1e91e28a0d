"""The models of docs/how-to/new-model.md, put in as the page says, are trained."""

from __future__ import annotations

import re

import numpy as np
import pytest
import yaml
from pyspark.sql import SparkSession
from sklearn.metrics import adjusted_rand_score

from segmentation.industries.training import train_industry
from segmentation.models import catalogue
from segmentation.models.catalogue import MODELS, ModelEntry
from segmentation.models.support import check_models
from segmentation.segments.training import train_segments
from segmentation.settings import ModelSettings
from tests.industries.settings import industry_settings
from tests.models import planted
from tests.segments.planted_settings import settings
from tests.test_docs import DOCS, last_value

PAGE = (DOCS / "how-to" / "new-model.md").read_text(encoding="utf-8")
[NUMBERS] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
OWN = {name: ModelSettings.model_validate(one) for name, one in yaml.safe_load(NUMBERS)["models"].items()}


@pytest.fixture(autouse=True)
def entries(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [last_value(block, vars(catalogue)) for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)]
    assert [(one.name, one.task) for one in found if isinstance(one, ModelEntry)] == [
        ("average", "segments"), ("forest", "industry"),
    ]  # fmt: skip
    monkeypatch.setattr(catalogue, "MODELS", (*MODELS, *found))


def test_its_entries_are_taken_with_its_numbers(spark: SparkSession) -> None:
    check_models(["average"], "segments", OWN)
    check_models(["forest"], "industry", OWN)


@pytest.mark.long
def test_its_method_of_segments_finds_the_planted_groups_and_places_whom_it_did_not_see(spark: SparkSession) -> None:
    truth = planted.groups()
    asked = settings(methods=("average",), k_min=3, k_max=4, resamples=2, driver_accounts=100)
    frame = spark.createDataFrame(truth.drop(columns="kind"))
    [result] = train_segments(frame, planted.usage_features(), asked, OWN).results
    found = result.assignments.toPandas().merge(truth, on="account_id")
    assert result.k == 3
    assert adjusted_rand_score(found["kind"], found["segment"]) == 1.0
    assert all((segment.stability or 0) > 0.8 for segment in result.segments)


@pytest.mark.long
def test_its_model_of_industries_gives_probabilities_and_importances(spark: SparkSession) -> None:
    shares = {"Food": 0.4, "Toys": 0.4, "Wine": 0.2}
    frame = spark.createDataFrame(planted.labelled(shares, {"Food": 3.0, "Toys": 3.0, "Wine": 3.0}, n=90, unlabelled=5))
    result = train_industry(frame, planted.label_features(), industry_settings(models=["forest"]), OWN)
    assert [candidate.params for candidate in result.candidates] == [{"maxDepth": 3}, {"maxDepth": 5}]
    sums = result.scores.toPandas().groupby("account_id")["probability"].sum()
    np.testing.assert_allclose(sums, 1.0)
    assert set(result.drivers.groupby("industry").head(3)["feature"]) == {"f0", "f1", "f2"}
    assert result.drivers.groupby("industry")["effect"].sum().to_numpy() == pytest.approx(1.0)
