"""What an account leaves behind when it is erased: rows that are counted and say nothing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.events.lines import LINE_FAULTS
from segmentation.schemas import DROPPED

ERASED = "erased"
#: what is left of an erased row: enough for the balance of its file and month
_LEFT = ("event_month", "batch_id", "file_id")


def speaks_of(texts: Sequence[str]) -> Column:
    """Whether a row that names neither account nor token holds one of the texts, as words of their own, in its bytes.

    Unreadable lines have no columns to look into. Where there are columns they tell: an account's id that is a number
    would be found in everybody's times and amounts.
    """
    nameless = F.col("rule").isin(*LINE_FAULTS) | (F.col("account_id").isNull() & F.col("token").isNull())
    return F.coalesce(nameless & F.col("raw").cast("string").rlike(_pattern(texts)), F.lit(False))


def redact(column: Column, texts: Sequence[str]) -> Column:
    """A text column with `erased` wherever one of the texts stood as words of their own."""
    return F.regexp_replace(column, _pattern(texts), ERASED)


def _pattern(texts: Sequence[str]) -> str:
    """Java pattern of the texts in every spelling that logs have for them, none inside a longer word or number."""
    spellings: set[str] = set()
    for text in texts:
        for form in (unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)):
            spellings |= {form, form.replace('"', '""'), json.dumps(form)[1:-1]}
    words = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=lambda s: (-len(s), s)))
    return rf"(?<![\p{{L}}\p{{N}}_])(?:{words})(?![\p{{L}}\p{{N}}_])"


def belongs_to(account_id: str, token_keys: Sequence[int]) -> Column:
    """Whether a row of `events` is of the account, by its own column or by a token that no other account has."""
    own = F.coalesce(F.col("account_id") == F.lit(account_id), F.lit(False))
    return own | F.coalesce(F.col("token_key").isin(list(token_keys)), F.lit(False)) if token_keys else own


def erase(events: DataFrame, mark: str) -> DataFrame:
    """The rows with those marked (a boolean column, which goes) emptied and `dropped: erased`."""
    new = {"disposition": F.lit(DROPPED), "rule": F.lit(ERASED)}
    nothing = F.lit(None)
    kept = [name for name in events.columns if name != mark]
    return events.select(
        *(
            F.col(name)
            if name in _LEFT
            else F.when(F.col(mark), new.get(name, nothing)).otherwise(F.col(name)).alias(name)
            for name in kept
        )
    )
