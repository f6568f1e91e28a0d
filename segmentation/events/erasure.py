"""What an account leaves behind when it is erased: rows that are counted and say nothing."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from segmentation.events.lines import (
    BAD_UTF8,
    DUPLICATE_JSON_KEY,
    NESTED_VALUE,
    NUL_CHARACTER,
    UNREADABLE,
    any_of,
)
from segmentation.schemas import DROPPED

ERASED = "erased"
#: what is left of an erased row: enough for the balance of its file and month
_LEFT = ("event_month", "batch_id", "file_id")
#: beside letters and digits of ASCII what no writer of JSON escapes
_NEVER_ESCAPED = " -_.,:;@#()"
#: where a word or a number begins and ends, to Java
_START, _END = r"(?<![\p{L}\p{N}_])", r"(?![\p{L}\p{N}_])"


def speaks_of(texts: Sequence[str]) -> Column:
    """Whether a row holds one of the texts in its bytes, where no column can tell whose it is.

    Of a row that names neither account nor token, in words of their own anywhere. Where there are columns they tell: an
    account's id that is a number would be found in everybody's times and amounts. But what damaged a row may have kept
    its column from being the id, so there the text is looked for at the damage.
    """
    text, rule = F.col("raw").cast("string"), F.col("rule")
    nameless = rule.isin(*UNREADABLE) | (F.col("account_id").isNull() & F.col("token").isNull())
    return any_of(
        [
            nameless & text.rlike(_pattern(texts)),
            rule.isin(BAD_UTF8, NUL_CHARACTER) & text.rlike(_damaged(texts)),
            rule.isin(DUPLICATE_JSON_KEY, NESTED_VALUE) & _is_folded(text, texts),
        ]
    )


def _damaged(texts: Sequence[str]) -> str:
    """Java pattern of the texts with a NUL or bytes that are no UTF-8 (to Java U+FFFD) right before or behind them."""
    damage = r"(?:\x00|\uFFFD|\\u0000)"
    return rf"{damage}{_spelled(texts)}{_END}|{_START}{_spelled(texts)}{damage}"


def _is_folded(text: Column, texts: Sequence[str]) -> Column:
    """Whether one of the texts is all of a value in an object or array, or under a key that stands twice.

    Of equal keys the columns have the last, of an object all its text; a map of Spark's keeps every one.
    """
    values = F.map_entries(F.from_json(text, "map<string, string>", {"allowSingleQuotes": "false"}))
    keys = F.transform(values, lambda one: one["key"])
    whole = rf'(?:\A|[:,\[])[\s"]*{_spelled(texts)}[\s"]*(?:\z|[,}}\]])'

    def holds(one: Column) -> Column:
        folded = one["value"].rlike(r"\A[{\[]") | (F.size(F.filter(keys, lambda key: key == one["key"])) > 1)
        return folded & one["value"].rlike(whole)

    return F.exists(values, holds)


def redact(column: Column, texts: Sequence[str]) -> Column:
    """A text column with `erased` wherever one of the texts stood as words of their own."""
    return F.regexp_replace(column, _pattern(texts), ERASED)


def _pattern(texts: Sequence[str]) -> str:
    """Java pattern of the texts, none inside a longer word or number."""
    return f"{_START}{_spelled(texts)}{_END}"


def _spelled(texts: Sequence[str]) -> str:
    """Java pattern of the texts in every spelling that logs have for them."""
    forms = {unicodedata.normalize(form, text) for text in texts for form in ("NFC", "NFD")}
    return f"(?:{'|'.join(''.join(map(_written, one)) for one in sorted(forms, key=lambda s: (-len(s), s)))})"


def _written(letter: str) -> str:
    """Java pattern of a letter as CSV and JSON write it; of JSON's writers each escapes others, in capitals or not."""
    if letter.isascii() and (letter.isalnum() or letter in _NEVER_ESCAPED):
        return re.escape(letter)
    units = letter.encode("utf-16-be")
    by_number = "".join(rf"\\u(?i:{units[at : at + 2].hex()})" for at in range(0, len(units), 2))
    others = {re.escape(letter), re.escape(json.dumps(letter)[1:-1]), by_number}
    others |= {re.escape(rf"\{letter}")} if letter == "/" else {'""'} if letter == '"' else set()
    return f"(?:{'|'.join(sorted(others, key=lambda s: (-len(s), s)))})"


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
