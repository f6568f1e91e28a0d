"""What is wrong with a line of text as a whole, before its values are looked at: at most one named fault per line.

The tests on every line are byte searches; whatever is dear runs only on lines that look odd.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F

from segmentation.column_names import quoted

BAD_UTF8, NUL_CHARACTER = "bad_utf8", "nul_character"
LINE_TOO_LONG, EMPTY_LINE = "line_too_long", "empty_line"
QUOTED_NEWLINE, UNBALANCED_QUOTES, WRONG_FIELD_COUNT = "quoted_newline", "unbalanced_quotes", "wrong_field_count"
MALFORMED_JSON, DUPLICATE_JSON_KEY, NESTED_VALUE = "malformed_json", "duplicate_json_key", "nested_value"
#: the faults in the order in which they decide
LINE_FAULTS = (
    BAD_UTF8,
    NUL_CHARACTER,
    LINE_TOO_LONG,
    EMPTY_LINE,
    QUOTED_NEWLINE,
    UNBALANCED_QUOTES,
    WRONG_FIELD_COUNT,
    MALFORMED_JSON,
    DUPLICATE_JSON_KEY,
    NESTED_VALUE,
)
#: with these there is no telling which value belongs to which column
UNREADABLE = (LINE_TOO_LONG, EMPTY_LINE, QUOTED_NEWLINE, UNBALANCED_QUOTES, WRONG_FIELD_COUNT, MALFORMED_JSON)
#: Spark's CSV parser stops the whole job at a line of more than 20,480 fields
_MAX_FIELDS = 20_000
_QUOTE = '"'


def is_short(text: Column, limit: int) -> Column:
    """The text has no more than `limit` characters; they are counted only where the bytes do not settle it."""
    return (F.octet_length(text) <= limit) | (F.char_length(text) <= limit)


def csv_is_parsable(text: Column, limit: int, delimiter: str) -> Column:
    """The line is short enough, and has not more fields than Spark's parser bears."""
    rest = F.replace(text, F.lit(delimiter), F.lit(""))
    delimiters = F.char_length(text) - F.char_length(rest)
    return is_short(text, limit) & ((F.octet_length(text) < _MAX_FIELDS) | (delimiters < _MAX_FIELDS))


def csv_fault(text: Column, limit: int, delimiter: str, corrupt: Column) -> Column:
    """The fault of a CSV line, null when there is none; `corrupt`: the parser did not find the right number of fields.

    One record over several lines is seen at the line that leaves a quoted field open and at the line that closes it;
    lines in between hold no quote and have the wrong number of fields. A closing line that by chance has the right
    number of fields is called unbalanced.
    """
    well_formed, opens, closes = _csv_patterns(delimiter)
    # a regular expression on lines with a quote only; most logs have none
    odd = F.contains(text, F.lit(_QUOTE)) & ~text.rlike(well_formed)
    quotes = F.octet_length(text) - F.octet_length(F.replace(text, F.lit(_QUOTE), F.lit("")))
    return (
        _text_fault(text, limit, F.contains(text, F.lit("\0")))
        .when(odd & (text.rlike(opens) | (corrupt & text.rlike(closes))), F.lit(QUOTED_NEWLINE))
        .when(odd & (quotes % 2 == 1), F.lit(UNBALANCED_QUOTES))
        .when(corrupt, F.lit(WRONG_FIELD_COUNT))
    )


def json_fault(
    text: Column,
    limit: int,
    corrupt: Column,
    keys: Column,
    usual: Column,
    values: dict[str, Column],
    flat: Sequence[str],
) -> Column:
    """The fault of a JSON line, null when there is none; `corrupt`: the parser found no object in it.

    `keys` are those of the line with repeats, `usual` those that most lines have, in their order, and `values` the
    parsed texts of the columns that ours are computed from. In those of `flat` no object and no array may stand: they
    are taken as they are, where SQL that does something with a column may read into it.
    """
    nul = F.contains(text, F.lit("\0")) | (
        F.contains(text, F.lit("\\u0000")) & any_of([F.contains(value, F.lit("\0")) for value in values.values()])
    )
    # the parser reads one object and is silent about what comes after it, which needs a second brace or another end
    odd_end = ~F.endswith(text, F.lit("}")) | (F.locate("{", text, 2) > 0)
    alone = F.coalesce(F.json_array_length(F.concat(F.lit("["), json_text(text), F.lit("]"))) == 1, F.lit(False))
    taken = [values[name] for name in flat]
    bracketed = any_of([F.startswith(value, F.lit("{")) | F.startswith(value, F.lit("[")) for value in taken])
    return (
        _text_fault(text, limit, nul)
        .when(corrupt | (odd_end & ~alone), F.lit(MALFORMED_JSON))
        .when((keys != usual) & (F.size(keys) != F.size(F.array_distinct(keys))), F.lit(DUPLICATE_JSON_KEY))
        .when(bracketed & _nested(text, flat), F.lit(NESTED_VALUE))
    )


def json_text(text: Column) -> Column:
    """The line with a number for every bare NaN and Infinity, which Spark's `json_` functions refuse."""
    bare = F.contains(text, F.lit("NaN")) | F.contains(text, F.lit("Infinity"))
    return F.when(bare, F.regexp_replace(text, r"([:,\[]\s*)(?:NaN|[+-]?Infinity)", "$1 0")).otherwise(text)


def _text_fault(text: Column, limit: int, nul: Column) -> Column:
    return (
        F.when(~F.is_valid_utf8(text), F.lit(BAD_UTF8))
        .when(nul, F.lit(NUL_CHARACTER))
        .when(~is_short(text, limit), F.lit(LINE_TOO_LONG))
        .when(F.btrim(text, F.lit(" \t\r")) == F.lit(""), F.lit(EMPTY_LINE))
    )


def _csv_patterns(delimiter: str) -> tuple[str, str, str]:
    """Java patterns: all fields are whole; a quoted field is left open; a quoted field of an earlier line is closed.

    Possessive throughout (`*+`), so that a line of a million characters needs neither backtracking nor a deep stack.
    """
    end = re.escape(delimiter)
    inside = '[^"]*+(?:""[^"]*+)*+'  # of a quoted field, where a quote is doubled
    bare = f'[^"{end}]*+'
    strict = f'(?:"{inside}"|{bare})'
    lax = f'(?:"{inside}"{bare}|[^"{end}][^{end}]*+|)'
    well_formed = rf"\A(?:{strict}{end})*+{strict}\z"
    opens = rf'\A(?:{lax}{end})*+"{inside}\z'
    closes = rf'\A{inside}"(?:{end}{strict})*+\z'
    return well_formed, opens, closes


def _nested(text: Column, flat: Sequence[str]) -> Column:
    """Whether an object or an array stands in one of the columns: a text such as "[x] y" is neither to the parser."""
    found = []
    for kind in ("struct<x: string>", "array<string>") if flat else ():
        parsed = F.from_json(text, ", ".join(f"{quoted(name)} {kind}" for name in flat))
        found += [parsed.getField(name).isNotNull() for name in flat]
    return any_of(found)


def any_of(conditions: Sequence[Column]) -> Column:
    """One of the conditions holds; one that is null does not."""
    hit = F.lit(False)
    for condition in conditions:
        hit = hit | F.coalesce(condition, F.lit(False))
    return hit
