"""What Spark's reader makes of the columns of a Parquet file, told from the file alone."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import types as T
from pyspark.sql.pandas.types import from_arrow_type

from segmentation.events.times import DURATION_UNIT, IN_UTC

#: the unit to open a file with (`coerce_int96_timestamp_unit`), so that `spark_type` knows INT96: pyarrow would show it
#: as nanoseconds, which Spark reads as numbers, and no other timestamp in a Parquet file is one of seconds
INT96_UNIT = "s"
#: of a decimal of Spark's
_MOST_DIGITS = 38
#: what Spark reads types as that PySpark has no name for
_READ_AS: dict[pa.DataType, T.DataType] = {
    pa.uint8(): T.ShortType(),
    pa.uint16(): T.IntegerType(),
    pa.uint32(): T.LongType(),
    pa.uint64(): T.DecimalType(20, 0),
    pa.null(): T.IntegerType(),
}


def spark_field(column: pa.Field) -> T.StructField:
    """A column as `read_drop` reads it. The metadata say what a bare number cannot.

    Of nanoseconds that they count in UTC, of a duration its unit. Raises what `spark_type` does.
    """
    kind = spark_type(column.type)
    if pa.types.is_duration(column.type):
        return T.StructField(column.name, kind, metadata={DURATION_UNIT: column.type.unit})
    in_utc = isinstance(kind, T.LongType) and pa.types.is_timestamp(column.type) and column.type.tz is not None
    return T.StructField(column.name, kind, metadata={IN_UTC: True} if in_utc else None)


def spark_type(kind: pa.DataType) -> T.DataType:
    """The type as `read_drop` reads it. Raises TypeError for one that Spark cannot read, or not compare (maps)."""
    if pa.types.is_struct(kind):
        return T.StructType([T.StructField(field.name, spark_type(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return T.ArrayType(spark_type(kind.value_type))
    too_wide = pa.types.is_decimal(kind) and kind.precision > _MOST_DIGITS
    if pa.types.is_time(kind) or pa.types.is_map(kind) or too_wide:
        raise TypeError(kind)
    if pa.types.is_timestamp(kind) and kind.unit == INT96_UNIT:
        return T.TimestampType()
    # Spark has no type for nanoseconds: read_drop reads them as numbers
    if pa.types.is_duration(kind) or (pa.types.is_timestamp(kind) and kind.unit == "ns"):
        return T.LongType()
    return _READ_AS.get(kind) or from_arrow_type(kind)
