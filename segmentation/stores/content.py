"""What a table holds as one short text: equal content, equal text, however rows are ordered or split into files."""

from __future__ import annotations

import hashlib

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from segmentation.column_names import quoted
from segmentation.table import Table

#: two hashes with these leading literals, so that a chance collision would have to happen twice in the same row
SALTS = (1, 2)
HALF = 32


def content_hash(frame: DataFrame, table: Table) -> str:
    """64 hexadecimal digits over the multiset of the frame's rows and the names of its columns, read once.

    Left out are the columns that the table calls volatile. The order of rows and of columns does not matter; null is
    not "", an empty array is not null, -0.0 is 0.0, every NaN is the same, as in Spark's own hash.
    """
    fields = sorted((field for field in frame.schema if not table.is_volatile(field.name)), key=lambda f: f.name)
    row = [_told_apart(F.col(quoted(field.name)), field.dataType) for field in fields]
    # xxhash64 passes over nulls, so which they are is hashed as well; in one array, as wide structs compile slowly
    row.append(F.array(*(F.isnull(quoted(field.name)) for field in fields)))
    halves = [half for salt in SALTS for half in _halves(F.xxhash64(F.lit(salt), *row))]
    counted = frame.agg(F.count(F.lit(1)), *(F.sum(half) for half in halves)).first()
    assert counted is not None  # an aggregate without keys always has one row
    names = [field.name for field in fields]
    return hashlib.sha256(repr((names, [total or 0 for total in counted])).encode()).hexdigest()


def _halves(number: Column) -> tuple[Column, Column]:
    # whole 64-bit numbers would overflow when summed, decimals are slow; halves are exact up to two billion rows
    return F.shiftright(number, HALF), number.bitwiseAND(F.lit((1 << HALF) - 1))


def _seen(value: Column, kind: T.DataType) -> Column:
    return F.struct(value.isNull(), _told_apart(value, kind))


def _told_apart(value: Column, kind: T.DataType) -> Column:
    """The value in a form of which xxhash64 sees all: nulls inside it and where a list ends, too."""
    if isinstance(kind, T.MapType):
        entry = T.StructType([T.StructField("key", kind.keyType), T.StructField("value", kind.valueType)])
        return _told_apart(F.array_sort(F.map_entries(value)), T.ArrayType(entry))
    if isinstance(kind, T.ArrayType):
        return F.struct(F.size(value), F.transform(value, lambda element: _seen(element, kind.elementType)))
    if isinstance(kind, T.StructType):
        return F.struct(*(_seen(value.getField(field.name), field.dataType) for field in kind))
    return value
