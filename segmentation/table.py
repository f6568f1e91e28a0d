"""What a table is: its columns, its key, its partitioning, and the check that a frame has that shape."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeAlias, TypeVar, cast

from pyspark.sql import DataFrame
from pyspark.sql import types as T

from segmentation.errors import InputProblem
from segmentation.local_rows import LocalRows

#: what can be written into a table
Rows: TypeAlias = DataFrame | LocalRows
Kind = TypeVar("Kind", bound=Rows)


class SchemaError(InputProblem):
    """A frame does not have the shape that its table promises."""


#: sums of numbers with a fraction: to the millionth, the same bits in whatever order the rows are added
EXACT = T.DecimalType(38, 6)


@dataclass(frozen=True)
class Table:
    """One Delta table: its name, what one row is, its columns, its key and its partitioning."""

    name: str
    one_row: str
    columns: T.StructType
    unique_by: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    #: columns whose minimum and maximum per file are worth keeping; writing them for all is dear
    indexed: tuple[str, ...] = ()
    #: further columns are allowed (features, or whatever an accounts file brings)
    open_ended: bool = False
    #: those columns are named by people, blanks and all
    free_names: bool = False
    #: columns that tell of the run, not of the data: left out of the content hash; a trailing `*` stands for any ending
    volatile: tuple[str, ...] = ()
    #: name -> SQL condition that Delta itself holds every row to; a condition that is null counts as broken
    constraints: Mapping[str, str] = field(default_factory=dict)

    def is_volatile(self, column: str) -> bool:
        """Whether the column tells of the run (a time, a batch, bits handed out as names arrived), not of the data."""
        return any(fnmatchcase(column, pattern) for pattern in self.volatile)


def columns(ddl: str) -> T.StructType:
    """A StructType from `name type [not null]` pairs; parsed here because Spark's DDL parser needs a session."""
    kinds: dict[str, T.DataType] = {
        "string": T.StringType(),
        "long": T.LongType(),
        "int": T.IntegerType(),
        "double": T.DoubleType(),
        "exact": EXACT,
        "boolean": T.BooleanType(),
        "date": T.DateType(),
        "timestamp": T.TimestampType(),
        "strings": T.ArrayType(T.StringType()),
        "ints": T.ArrayType(T.IntegerType()),
        "longs": T.ArrayType(T.LongType()),
        "binary": T.BinaryType(),
        "map": T.MapType(T.StringType(), T.StringType()),
        "accounts": T.ArrayType(
            T.StructType(
                [
                    T.StructField("account_id", T.StringType()),
                    T.StructField("account_key", T.LongType()),
                    T.StructField("rows", T.LongType()),
                    T.StructField("first_seen", T.TimestampType()),
                    T.StructField("last_seen", T.TimestampType()),
                ]
            )
        ),
    }
    fields = []
    for line in ddl.strip().splitlines():
        name, kind = line.split("#")[0].split()
        fields.append(T.StructField(name, kinds[kind.rstrip("!")], nullable=not kind.endswith("!")))
    return T.StructType(fields)


def faults(schema: T.StructType, table: Table) -> list[str]:
    """What of the columns is missing, of another type, or not foreseen; nothing where they are the table's."""
    have = {field.name: field.dataType for field in schema}
    wrong = []
    for column in table.columns:
        name, kind = column.name, column.dataType.simpleString()  # nullability inside arrays is no matter
        if name not in have:
            wrong.append(f"{name} is missing")
        elif have[name].simpleString() != kind:
            wrong.append(f"{name} is {have[name].simpleString()}, not {kind}")
    others = _others(schema, table)
    if others and not table.open_ended:
        wrong.append(f"not foreseen: {', '.join(others)}")
    return wrong


def check(frame: Kind, table: Table) -> Kind:
    """The frame or rows with exactly the table's columns in the table's order, open-ended ones last.

    Raises SchemaError naming every column that is missing, of another type, or not foreseen.
    """
    schema = frame.schema
    if wrong := faults(schema, table):
        raise SchemaError(f"table {table.name}: {'; '.join(wrong)}")
    in_order = [*table.columns.names, *_others(schema, table)]
    # a select names each of hundreds of columns to Spark, one call after another
    return frame if schema.names == in_order else cast(Kind, frame.select(*in_order))


def of_date(as_of: dt.date) -> str:
    """SQL that holds for the rows which speak for a date."""
    return f"as_of = DATE '{as_of}'"


def _others(schema: T.StructType, table: Table) -> list[str]:
    """The columns that the table does not name, each once."""
    return [name for name in dict.fromkeys(schema.names) if name not in table.columns.names]
