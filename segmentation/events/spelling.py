"""One spelling of each letter, so that an umlaut typed as two characters names the same account."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pandas as pd
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf

Composer = Callable[[Column], Column]


def spelled_id(text: str) -> str:
    """An account's id, typed or from a file, as `events.build` spells it in a log: NFC, no blanks (U+0020) around it.

    Other white space stays, so that an id may end with a tab or a no-break space.
    """
    return unicodedata.normalize("NFC", text.strip(" "))


def composed_by_java(text: Column) -> Column:
    """Unicode's composed form (NFC), by ICU, which Spark ships for its collations."""
    return F.java_method(F.lit("com.ibm.icu.text.Normalizer"), F.lit("compose"), text, F.lit(False))


def composed_by_python(text: Column) -> Column:
    """The same by Python's own tables, where SQL may not call Java: the texts travel to Python, so it is slower."""

    # inside, so that it travels whole: a server's Python need not know this package
    def compose(part: pd.Series) -> pd.Series:
        return part.map(lambda one: unicodedata.normalize("NFC", one), na_action="ignore")

    # its stubs know functions of other shapes only
    column: Column = pandas_udf(compose, "string")(F.when(_is_wide(text), text))  # type: ignore[call-overload]
    return column


def composed(text: Column, compose: Composer = composed_by_java) -> Column:
    """The text in composed form; only what has characters of more than one byte is looked at."""
    return F.when(_is_wide(text), compose(text)).otherwise(text)


def _is_wide(text: Column) -> Column:
    return F.octet_length(text) != F.char_length(text)
