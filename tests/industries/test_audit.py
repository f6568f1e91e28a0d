"""Clean frames pass the audit; each planted leak is found, by name."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from sklearn.metrics import roc_auc_score

from segmentation.errors import InputProblem
from segmentation.features.catalogue import catalogue
from segmentation.features.feature import ALL, Feature
from segmentation.industries.audit import Finding, audit, require_clean
from segmentation.industries.audit_exhibits import Exhibits, gather, in_many_places
from segmentation.industries.single_feature import copied_label, rank_auc
from segmentation.industries.token_leak import token_figures
from segmentation.settings import AuditSettings
from tests.models.planted import feature

AS_OF = dt.date(2026, 1, 1)
SETTINGS = AuditSettings(feature_auc=0.999, token_gap=0.1)
SHARES = {"Print": 0.55, "Labels": 0.2, "Photo": 0.15, "Food": 0.1}
N = 400
FEATURES = [*(feature(f"f{i}") for i in range(5)), feature("dominant_os", fill="Other")]
USAGE = ["all_rows_year", "all_days_since_last"]


def clean() -> Exhibits:
    """400 accounts of four industries, one of them strongly told by f0; two tokens each, as a copy of the account."""
    random = np.random.default_rng(3)
    industry = random.choice(list(SHARES), N, p=list(SHARES.values()))
    accounts = pd.DataFrame({"account_id": [f"a{i:03d}" for i in range(N)], "split": "train", "fold": np.arange(N) % 5})
    usage = pd.DataFrame({"all_rows_year": random.integers(1, 99, N), "all_days_since_last": random.integers(1, 99, N)})
    labelled = pd.DataFrame(random.normal(size=(N, 5)), columns=[f"f{i}" for i in range(5)])
    labelled.loc[industry == "Labels", "f0"] += 3.0
    labelled = labelled.assign(account_id=accounts["account_id"], industry=industry)
    labelled["dominant_os"] = random.choice(["Mac", "Windows"], N)
    tokens = pd.concat([accounts.assign(token_key=np.arange(N) * 2 + twin) for twin in (0, 1)])
    return Exhibits(
        as_of=AS_OF,
        accounts=pd.concat([accounts, usage.astype(float)], axis=1),
        labelled=labelled,
        tokens=tokens,
        recount=pd.concat([accounts[["account_id"]], usage.astype(float)], axis=1),
        undeclared={},
        token_values=twins(accounts, industry).head(0),
    )


def twins(accounts: pd.DataFrame, industry: npt.NDArray[np.object_]) -> pd.DataFrame:
    """Two equal tokens of each of the first 100 accounts, whose habits say nothing about the industry."""
    rows = np.random.default_rng(6).uniform(0, 9, N)
    one = accounts[["account_id", "fold"]].assign(industry=industry, rows=rows, token_key=2 * np.arange(N)).head(100)
    return pd.concat([one, one.assign(token_key=one["token_key"] + 1)])


@pytest.fixture(scope="module")
def exhibits() -> Exhibits:
    return clean()


def findings(exhibits: Exhibits) -> list[Finding]:
    return list(audit(exhibits, FEATURES, SETTINGS, seed=5).findings)


def planted(exhibits: Exhibits, values: object) -> Exhibits:
    """A feature f4 of these values."""
    return replace(exhibits, labelled=exhibits.labelled.assign(f4=values))


def test_clean_data_has_no_finding_but_says_how_strong_its_best_feature_is(exhibits: Exhibits) -> None:
    found = audit(exhibits, FEATURES, SETTINGS, seed=5)
    assert found.findings == ()
    assert found.table().empty
    assert 0.95 < found.figures["largest_feature_auc"] < 0.999
    require_clean(found)


def test_an_account_twice_and_in_two_folds(exhibits: Exhibits) -> None:
    twin = exhibits.accounts.iloc[[7]].assign(fold=4, split="test")
    found = findings(replace(exhibits, accounts=pd.concat([exhibits.accounts, twin])))
    assert {one.what for one in found} == {
        "1 account twice in the basetable",
        "1 account in two folds",
        "1 account in both splits",
    }
    assert all(one.fatal and (one.kind, one.accounts) == ("account", "a007") for one in found)


def test_a_token_in_two_folds(exhibits: Exhibits) -> None:
    """Token 0 is of a000 (fold 0); a005 is in fold 0 too, a001 is not."""
    same = exhibits.tokens.iloc[[5]].assign(token_key=0)
    assert findings(replace(exhibits, tokens=pd.concat([exhibits.tokens, same]))) == []
    other = exhibits.tokens.iloc[[1]].assign(token_key=0)
    [found] = findings(replace(exhibits, tokens=pd.concat([exhibits.tokens, other])))
    assert found.what == "usage of 1 token went to accounts in different folds"
    assert found.accounts == "a000, a001"
    assert found.fatal


def test_rows_that_the_cube_does_not_have_before_as_of(exhibits: Exhibits) -> None:
    accounts = exhibits.accounts.copy()
    accounts.loc[3, "all_rows_year"] += 1
    accounts.loc[[4, 5], "all_days_since_last"] = 0.0
    rows, recency = findings(replace(exhibits, accounts=accounts))
    assert (rows.figure, recency.figure) == (1, 2)
    assert "all_rows_year of 1 account counts what is not in the cube before as_of" in rows.what
    assert "all_days_since_last of 2 accounts" in recency.what
    assert (rows.accounts, recency.accounts) == ("a003", "a004, a005")
    assert rows.fatal
    assert recency.fatal
    gone = replace(exhibits, recount=exhibits.recount[exhibits.recount["account_id"] != "a009"])
    assert {one.kind for one in findings(gone)} == {"after_as_of"}  # the cube does not know it at all


def test_late_rows_that_the_basetable_lacks_are_no_leak(exhibits: Exhibits) -> None:
    recount = exhibits.recount.assign(all_rows_year=exhibits.recount["all_rows_year"] + 1.0)
    [found] = findings(replace(exhibits, recount=recount))
    assert (found.kind, found.fatal, found.figure) == ("stale", False, N)


def test_columns_that_nobody_declared(exhibits: Exhibits) -> None:
    undeclared = {"signed_on": dt.date(2026, 1, 1), "born_on": dt.date(2025, 12, 31), "hint": None}
    signed, born, hint = findings(replace(exhibits, undeclared=undeclared))
    assert (signed.kind, born.kind, hint.kind) == ("after_as_of", "label", "label")
    assert "column signed_on holds dates up to 2026-01-01" in signed.what
    assert born.fatal
    assert hint.fatal


@pytest.mark.parametrize("noise", [0.0, 0.05])
@pytest.mark.parametrize("order", [["Print", "Labels", "Photo", "Food"], ["Food", "Print", "Labels", "Photo"]])
def test_a_copy_of_the_labels_index(exhibits: Exhibits, noise: float, order: list[str]) -> None:
    index = exhibits.labelled["industry"].map(order.index)
    jitter = noise * np.random.default_rng(1).normal(size=N)
    found = [one for one in findings(planted(exhibits, index + jitter)) if one.kind == "label"]
    assert [one.what.split(":")[0] for one in found] == ["the label can be read off f4"]
    assert found[0].fatal


def test_a_category_per_label(exhibits: Exhibits) -> None:
    """Two products per industry are as telling as one; a name per account tells nothing."""
    half = pd.Series(np.arange(N) % 2).astype(str)
    leak = replace(exhibits, labelled=exhibits.labelled.assign(dominant_os=exhibits.labelled["industry"] + half))
    [found] = findings(leak)
    assert "the label can be read off dominant_os: 100%" in found.what
    unique = exhibits.labelled.assign(dominant_os=exhibits.labelled["account_id"])
    assert findings(replace(exhibits, labelled=unique)) == []


def test_a_flag_of_a_small_industry(exhibits: Exhibits) -> None:
    """Too few accounts to judge by an AUC, but no usage is equal for all of them and for nobody else."""
    labelled = exhibits.labelled.copy()
    labelled.loc[labelled.index[:12], "industry"] = "Rare"
    small = replace(exhibits, labelled=labelled)
    told = planted(small, labelled["f4"].where(labelled["industry"] != "Rare", 50.0 + labelled["f4"].abs()))
    assert findings(told) == []
    [found] = findings(planted(small, (labelled["industry"] == "Rare") * 1.0))
    assert found.what == "f4 is 1.0 for all accounts of Rare and for no other"


def test_one_feature_that_is_too_good(exhibits: Exhibits) -> None:
    """In either direction."""
    leak = exhibits.labelled["f4"] - 20.0 * (exhibits.labelled["industry"] == "Photo")
    [found] = findings(planted(exhibits, leak))
    assert found.what == "f4 alone tells Photo from all others with an AUC of 1.0000"
    assert found.figure == 1.0
    with pytest.raises(InputProblem, match=r"stops the run before training: f4 alone .* raise industry.audit.feature"):
        require_clean(audit(planted(exhibits, leak), FEATURES, SETTINGS, seed=5))


def test_tokens_that_give_their_account_away_are_reported_with_both_figures(exhibits: Exhibits) -> None:
    pairs = twins(exhibits.accounts, exhibits.labelled["industry"].to_numpy())
    found = audit(replace(exhibits, token_values=pairs), FEATURES, SETTINGS, seed=5)
    [gap] = found.findings
    assert not gap.fatal
    assert gap.figure == found.figures["token_random_auc"] - found.figures["token_account_auc"] > 0.2
    require_clean(found)
    single = token_figures(pairs.drop_duplicates("account_id"), seed=5)  # leaves nothing to compare
    assert single == {}


def test_rank_auc_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(4)
    values, label = random.integers(0, 4, size=(50, 3)).astype(float), np.arange(50) % 3
    expected = [[roc_auc_score(label == k, values[:, j]) for j in range(3)] for k in range(3)]
    np.testing.assert_allclose(rank_auc(values, label == np.arange(3)[:, None]), expected)


def test_what_can_be_read_off_one_feature() -> None:
    label = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    assert copied_label(label * 1.5, label, ordered=True) == 1.0
    assert copied_label(np.array([1, 2, 3, 4, 9, 8, 6, 7]), label, ordered=True) == 1.0
    assert copied_label(np.ones(8), label, ordered=True) == 0.0
    # one account of class 1 lies among those of class 0: two changes more than needed, of four accounts left open
    assert copied_label(np.array([1, 2, 4, 5, 3, 8, 9, 10]), label, ordered=True) == 0.5
    assert copied_label(np.array(list("aaaabbcd")), label, ordered=False) == 0.5


def test_the_cube_is_counted_again_up_to_the_day_before(spark: SparkSession) -> None:
    """a1 has two tokens, a2 one; rows of January, and of the year before last, are not in the year."""

    def day(text: str) -> dt.datetime:
        return dt.datetime.fromisoformat(f"{text} 23:59:00")

    cube = [
        (dt.date(2025, 12, 1), 1, "Document", 5, day("2025-12-30")),
        (dt.date(2024, 12, 1), 1, "Document", 7, day("2024-12-31")),
        (dt.date(2025, 3, 1), 2, "System", 2, day("2025-03-04")),
        (dt.date(2026, 1, 1), 2, "System", 9, day("2026-01-01")),
        (dt.date(2025, 1, 1), 3, "System", 4, day("2025-01-02")),
    ]
    activity = spark.createDataFrame(
        cube, "event_month date, token_key long, category string, rows long, last_ts timestamp"
    )
    names = [*(f"rows_m{m:02d} long" for m in (1, 2)), "days_m01 int", "errors long"]
    names += [f"{n} double" for n in ("duration_sum", "duration_max", "value_sum", "value_max")]
    owned = [(1, 11, "Document"), (2, 11, "System"), (3, 12, "System")]
    rows = [(AS_OF, *one, 3, 1, 5, 0, 1.0, 1.0, None, None) for one in owned]
    measured = spark.createDataFrame(
        rows, f"as_of date, token_key long, account_key long, category string, {', '.join(names)}"
    )
    accounts = {k: [(f"a{k - 10}", k)] for k in (11, 12)}
    tokens = spark.createDataFrame(
        [(accounts[owner],) for _, owner, _ in owned], "accounts array<struct<account_id string, account_key long>>"
    )
    declared = [f for f in catalogue(("Document", "System")) if f.entry in ("rows_year", "days_since_last")]
    basetable = spark.createDataFrame(
        [
            (AS_OF, "a1", "Food", "train", 0, 7.0, 2.0, AS_OF, None),
            (AS_OF, "a2", None, "train", 1, 4.0, 364.0, None, None),
        ],
        "as_of date, account_id string, industry string, split string, fold int, all_rows_year double,"
        " all_days_since_last double, signed_on date, filled long",
    )
    found = gather(basetable, measured, activity, tokens, AS_OF, declared)
    assert found.recount.sort_values("account_id").values.tolist() == [["a1", 7.0, 2.0], ["a2", 4.0, 364.0]]
    assert list(found.recount) == ["account_id", *sorted(USAGE, reverse=True)]
    assert found.tokens.empty
    assert found.undeclared == {"signed_on": AS_OF}
    assert found.labelled["account_id"].tolist() == ["a1"]
    values = found.token_values.set_index("token_key")
    assert values.loc[2, ["Document rows", "System rows", "System days", "System value_sum"]].tolist() == [0, 4, 2, 0]
    assert [one.kind for one in audit(found, declared, SETTINGS, 5).findings] == ["after_as_of"]  # signed_on


def test_only_tokens_in_many_places_come_to_the_driver(spark: SparkSession) -> None:
    """Token 1 is in two folds, token 2 in two splits, token 3 in one place with two accounts."""
    places = [("a", "train", 0), ("b", "train", 1), ("c", "test", None), ("d", "train", 0)]
    basetable = spark.createDataFrame(places, "account_id string, split string, fold int")
    owned = [(1, "a"), (1, "b"), (2, "a"), (2, "c"), (3, "a"), (3, "d"), (4, "c")]
    rows = in_many_places(spark.createDataFrame(owned, "token_key long, account_id string"), basetable).collect()
    assert sorted((row["token_key"], row["account_id"], row["split"], row["fold"]) for row in rows) == [
        (1, "a", "train", 0), (1, "b", "train", 1), (2, "a", "train", 0), (2, "c", "test", None),
    ]  # fmt: skip


def test_a_feature_of_the_totals_is_what_is_counted_again() -> None:
    """The names that `gather` looks for are in the catalogue."""
    every: dict[str, Feature] = {f.name: f for f in catalogue(("Document",))}
    assert [every[name].category for name in USAGE] == [ALL, ALL]
