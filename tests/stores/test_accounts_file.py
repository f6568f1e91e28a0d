"""The accounts file: its ids as in the logs, hashed where a key is given, and what is wrong with it by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from segmentation.errors import InputProblem
from segmentation.events.identifiers import ACCOUNT, keyed_id
from segmentation.stores.accounts_file import read_accounts

KEY = b"a key of the tests, 32 and longer"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "accounts.csv"
    path.write_text("industry,customer\nMedia, Mu\u0308ller \n,NA\n", encoding="utf-8")
    return path


def test_ids_are_trimmed_and_composed_and_empty_cells_are_null(spark: SparkSession, file: Path) -> None:
    rows = read_accounts(spark, file, "customer").collect()
    assert [row.asDict() for row in rows] == [
        {"industry": "Media", "account_id": "M\u00fcller"},
        {"industry": None, "account_id": "NA"},
    ]


def test_labels_that_look_alike_are_the_same(spark: SparkSession, file: Path) -> None:
    labels = ("Cafe\u0301", "Caf\u00e9\u00a0", "\tCaf\u00e9", "\u00a0")
    lines = [f'"{label}",{number}' for number, label in enumerate(labels)]
    file.write_text("\n".join(["industry,customer", *lines]), encoding="utf-8")
    rows = read_accounts(spark, file, "customer").orderBy("account_id").collect()
    assert [row["industry"] for row in rows] == ["Caf\u00e9"] * 3 + [None]


def test_with_a_key_ids_are_hashes_and_the_rest_as_it_was(spark: SparkSession, file: Path) -> None:
    rows = read_accounts(spark, file, "customer", KEY).collect()
    assert [(row["industry"], row["account_id"]) for row in rows] == [
        ("Media", keyed_id(KEY, ACCOUNT, "M\u00fcller")),
        (None, keyed_id(KEY, ACCOUNT, "NA")),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("industry,customer\nMedia,Secret Ltd\nMedia, \n", r"line 3 has no customer \(1 such lines\)"),
        ("industry,customer\nA,Secret Ltd\nB,x\nC, Secret Ltd\n", r"lines 2 and 4 are of the same customer \(2 lines"),
        ("industry,name\nMedia,Secret Ltd\n", r"no column 'customer'.*it has industry, name"),
        ("account_id,customer\n1,Secret Ltd\n", "has both 'customer' and 'account_id'"),
        ("industry,customer\nMedia,Secret Ltd\nMedia,Secret Ltd,x,y\n", "cannot be read as CSV"),
    ],
)
def test_messages_name_the_place_and_no_account(spark: SparkSession, file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputProblem, match=message) as problem:
        read_accounts(spark, file, "customer", KEY)
    assert "Secret" not in str(problem.value)
