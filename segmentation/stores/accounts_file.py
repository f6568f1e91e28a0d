"""The accounts file: who the customers are, as far as anybody has typed it in."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from segmentation.column_names import quoted
from segmentation.errors import InputProblem
from segmentation.events.identifiers import ACCOUNT, keyed_id
from segmentation.events.spelling import spelled_id
from segmentation.local_rows import local_frame


def file_hash(path: Path) -> str:
    """SHA-256 of the file; raises InputProblem when it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise InputProblem(f"{path}: cannot be read ({problem.strerror}); --accounts takes a CSV file") from None


def read_accounts(spark: SparkSession, path: Path, account_column: str, key: bytes | None = None) -> DataFrame:
    """One row per line of the CSV file: account_id, then its other columns as text, empty ones null.

    Ids are spelled as in the logs. Every other value is brought to NFC, without white space of any kind at its ends:
    labels that look alike are the same. With a key account ids become its hashes. Raises InputProblem for an unreadable
    file, columns that cannot be told apart, a missing account column, lines without an account or with the same; it
    names lines, never ids.
    """
    frame = _read(path)
    if account_column not in frame.columns:
        raise InputProblem(
            f"{path}: no column {account_column!r} with the accounts (it has {', '.join(frame.columns)}); "
            "name it with --account-column"
        )
    taken = [name for name in frame.columns if name.lower() == "account_id" and name != account_column]
    if taken:
        raise InputProblem(
            f"{path}: has both {account_column!r} and {taken[0]!r}; name one with --account-column, "
            "and rename the other"
        )
    frame = frame.rename(columns={account_column: "account_id"})
    ids = frame["account_id"].map(spelled_id)
    tidied = frame.apply(lambda column: column.str.strip().str.normalize("NFC"))
    frame = tidied.assign(account_id=ids).replace("", pd.NA)
    blank = frame.index[frame["account_id"].isna()]
    if len(blank):
        raise InputProblem(
            f"{path}: line {blank[0]} has no {account_column} ({len(blank)} such lines); fill or delete them"
        )
    repeated = frame.index[frame["account_id"].duplicated(keep=False)]
    if len(repeated):
        first, second, *_ = frame.index[frame["account_id"] == frame["account_id"][repeated[0]]]
        raise InputProblem(
            f"{path}: lines {first} and {second} are of the same {account_column} ({len(repeated)} lines share theirs "
            "with another); leave one of each"
        )
    if key is not None:
        frame["account_id"] = [keyed_id(key, ACCOUNT, account) for account in frame["account_id"]]
    schema = ", ".join(f"{quoted(name)} string" for name in frame.columns)
    return local_frame(spark, frame.astype(object).where(frame.notna(), None).values.tolist(), schema)


def _read(path: Path) -> pd.DataFrame:
    """The file's columns as text, by number of the line; those without heading and value are left out.

    Not by pandas: it renames repeated columns, and takes the first one for an index where lines end in a comma.
    """
    numbers: list[int] = []
    rows: list[list[str]] = []
    last = 0
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            for row in reader:
                if len(row) > 1 or "".join(row).strip():
                    numbers.append(last + 1)
                    rows.append(row)
                last = reader.line_num
    except OSError as problem:
        raise InputProblem(f"{path}: cannot be read ({problem.strerror or problem})") from None
    except (EOFError, zlib.error) as problem:
        raise InputProblem(f"{path}: cannot be unpacked ({problem}); put a whole copy in its place") from None
    except UnicodeDecodeError as problem:
        raise InputProblem(f"{path}: cannot be read as CSV (not UTF-8: {problem.reason}); save it as UTF-8") from None
    except csv.Error as problem:
        raise InputProblem(f"{path}: cannot be read as CSV (line {last + 1}: {problem}); look at its quotes") from None
    if not rows:
        raise InputProblem(f"{path}: is empty; its first line names the columns")
    heads = [head.strip() for head in rows[0]]
    if len(heads) == 1 and (other := next((one for one in ";\t|" if one in heads[0]), None)):
        raise InputProblem(f"{path}: its columns are separated by {other!r}; save it with commas")
    for number, row in zip(numbers, rows, strict=True):
        if any(cell.strip() for cell in row[len(heads) :]):
            raise InputProblem(
                f"{path}: cannot be read as CSV (line {number} has {len(row)} values for {len(heads)} columns); "
                "quote values that hold a comma"
            )
    whole = [(row + [""] * len(heads))[: len(heads)] for row in rows[1:]]
    kept = [place for place, head in enumerate(heads) if head.strip() or any(row[place].strip() for row in whole)]
    _require_distinct(path, {place + 1: heads[place] for place in kept})
    cells = [[row[place] for place in kept] for row in whole]
    return pd.DataFrame(cells, index=numbers[1:], columns=[heads[place] for place in kept], dtype=str)


def _require_distinct(path: Path, heads: Mapping[int, str]) -> None:
    """InputProblem for names that Spark cannot tell apart or quote; `heads` are by the column's number."""
    seen: dict[str, str] = {}
    for number, head in heads.items():
        if not head.strip():
            raise InputProblem(f"{path}: column {number} has values and no name; name it in the first line")
        if "`" in head:
            raise InputProblem(f"{path}: the name of column {head!r} holds a backtick; rename it")
        before = seen.get(head.lower())
        if before is not None:
            what = "stands twice" if before == head else f"differs from {before!r} by case alone"
            raise InputProblem(f"{path}: column {head!r} {what}; rename or delete one of the two")
        seen[head.lower()] = head
