"""The accounts file: its ids as in the logs, hashed where a key is given, and what is wrong with it by line."""

from __future__ import annotations

import gzip
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


def test_ids_keep_what_is_no_blank_as_in_the_logs(spark: SparkSession, file: Path) -> None:
    file.write_text("industry,customer\nMedia, p\u00e4\u00a0 \nPrint,\tb\n", encoding="utf-8")
    rows = read_accounts(spark, file, "customer").collect()
    assert [row["account_id"] for row in rows] == ["p\u00e4\u00a0", "\tb"]


@pytest.mark.parametrize("cut", [slice(-9), slice(40)])
def test_a_packed_file_that_is_cut_is_named(spark: SparkSession, tmp_path: Path, cut: slice) -> None:
    packed = tmp_path / "accounts.csv.gz"
    packed.write_bytes(gzip.compress(b"customer,industry\n" + b"a,Media\n" * 99)[cut])
    with pytest.raises(InputProblem, match=r"accounts.csv.gz: cannot be unpacked \(.+put a whole copy in its place"):
        read_accounts(spark, packed, "customer")


def test_labels_that_look_alike_are_the_same(spark: SparkSession, file: Path) -> None:
    labels = ("Cafe\u0301", "Caf\u00e9\u00a0", "\tCaf\u00e9", "\u00a0")
    lines = [f'"{label}",{number}' for number, label in enumerate(labels)]
    file.write_text("\n".join(["industry,customer", *lines]), encoding="utf-8")
    rows = read_accounts(spark, file, "customer").orderBy("account_id").collect()
    assert [row["industry"] for row in rows] == ["Caf\u00e9"] * 3 + [None]


@pytest.mark.parametrize(
    "text",
    ["industry,customer\nMedia,NA,\nMedia,b,,\n", "industry,customer,\n\nMedia,NA,\nMedia,b\n",
     ",industry,customer\r\n,Media,NA\r\n,Media,b\r\n"],
)  # fmt: skip
def test_commas_with_nothing_behind_or_before_them_make_no_column(spark: SparkSession, file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8-sig", newline="")
    rows = read_accounts(spark, file, "customer")
    assert rows.columns == ["industry", "account_id"]
    assert [tuple(row) for row in rows.collect()] == [("Media", "NA"), ("Media", "b")]


def test_a_file_of_headings_alone_lists_nobody(spark: SparkSession, file: Path) -> None:
    file.write_text("industry,customer\n", encoding="utf-8")
    rows = read_accounts(spark, file, "customer")
    assert (rows.columns, rows.count()) == (["industry", "account_id"], 0)


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
        ("industry, customer\nMedia,Secret Ltd\nMedia, \n", r"line 3 has no customer \(1 such lines\)"),
        ("industry;customer\nMedia, Print;Secret Ltd\n", "its columns are separated by ';'; save it with commas"),
        ("industry,name\nMedia,Secret Ltd\n", r"no column 'customer'.*it has industry, name"),
        ("account_id,customer\n1,Secret Ltd\n", "has both 'customer' and 'account_id'"),
        ("industry,customer\nMedia,Secret Ltd\nMedia,Secret Ltd,x,\n", r"\(line 3 has 4 values for 2 columns\); quote"),
        ('industry,customer\n"Media,Secret Ltd\n', r"cannot be read as CSV \(line 2: unexpected end of data\)"),
        ("", "is empty; its first line names the columns"),
        ("Size,size,customer\n1,2,Secret Ltd\n", "column 'size' differs from 'Size' by case alone; rename"),
        ("Account_ID,customer\n1,Secret Ltd\n", "has both 'customer' and 'Account_ID'"),
        ("a`b,customer\n1,Secret Ltd\n", "the name of column 'a`b' holds a backtick; rename it"),
        ("a,customer,a\n1,Secret Ltd,2\n", "column 'a' stands twice; rename or delete one of the two"),
        (",customer\n1,Secret Ltd\n", "column 1 has values and no name; name it in the first line"),
        ('note,customer\n"two\nlines",x\n\nB,\n', "line 5 has no customer"),
    ],
)
def test_messages_name_the_place_and_no_account(spark: SparkSession, file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputProblem, match=message) as problem:
        read_accounts(spark, file, "customer", KEY)
    assert "Secret" not in str(problem.value)
