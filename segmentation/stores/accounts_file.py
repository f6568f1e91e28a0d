"""The accounts file: who the customers are, as far as anybody has typed it in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from segmentation.errors import InputProblem
from segmentation.events.identifiers import ACCOUNT, keyed_id
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

    Every value is brought to NFC, as account ids are in the logs, without blanks of any kind at its ends: labels that
    look alike are the same. With a key account ids become its hashes. Raises InputProblem for an
    unreadable file, a missing account column, lines without an account or with the same; it names lines, never ids.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as problem:  # pandas raises ValueErrors for malformed files and bad encodings
        raise InputProblem(f"{path}: cannot be read as CSV ({str(problem).splitlines()[0]})") from None
    if account_column not in frame.columns:
        raise InputProblem(
            f"{path}: no column {account_column!r} with the accounts (it has {', '.join(frame.columns)}); "
            "name it with --account-column"
        )
    if account_column != "account_id" and "account_id" in frame.columns:
        raise InputProblem(
            f"{path}: has both {account_column!r} and 'account_id'; name one with --account-column, "
            "and rename the other"
        )
    frame = frame.rename(columns={account_column: "account_id"})
    frame = frame.apply(lambda column: column.str.strip().str.normalize("NFC")).replace("", pd.NA)
    blank = frame.index[frame["account_id"].isna()]
    if len(blank):
        raise InputProblem(
            f"{path}: line {blank[0] + 2} has no {account_column} ({len(blank)} such lines); fill or delete them"
        )
    repeated = frame.index[frame["account_id"].duplicated(keep=False)]
    if len(repeated):
        first, second, *_ = frame.index[frame["account_id"] == frame["account_id"][repeated[0]]] + 2
        raise InputProblem(
            f"{path}: lines {first} and {second} are of the same {account_column} ({len(repeated)} lines share theirs "
            "with another); leave one of each"
        )
    if key is not None:
        frame["account_id"] = [keyed_id(key, ACCOUNT, account) for account in frame["account_id"]]
    schema = ", ".join(f"`{name}` string" for name in frame.columns)
    return local_frame(spark, frame.astype(object).where(frame.notna(), None).values.tolist(), schema)
