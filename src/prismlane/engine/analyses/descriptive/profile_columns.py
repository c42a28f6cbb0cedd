"""What kinds of columns a profile knows, and how it reads one of an Arrow table."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

ColumnKind = Literal["number", "time", "boolean", "text", "other"]

Chunked: TypeAlias = "pa.ChunkedArray[Any]"

_SQL_TYPES = {
    "bool": "BOOLEAN",
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "uint16": "USMALLINT",
    "uint32": "UINTEGER",
    "uint64": "UBIGINT",
    "halffloat": "FLOAT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "large_string": "VARCHAR",
    "string_view": "VARCHAR",
    "binary": "BLOB",
    "large_binary": "BLOB",
    "month_day_nano_interval": "INTERVAL",
    "extension<arrow.uuid>": "UUID",
    "null": "NULL",
}
_UNITS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class FiniteValues:
    """The values of one column in one partition that can be compared and counted."""

    #: float64, int64 or uint64; what is not finite is left out. Times are in units of their column since the epoch.
    values: NDArray[Any]
    n_nan: int = 0
    n_infinite: int = 0


def kind_of(dtype: pa.DataType) -> ColumnKind:
    """How a column of this type is profiled; `other`: rows and nulls alone."""
    dtype = dtype.value_type if pa.types.is_dictionary(dtype) else dtype
    if pa.types.is_boolean(dtype):
        return "boolean"
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype):
        return "number"
    if pa.types.is_timestamp(dtype) or pa.types.is_date(dtype) or pa.types.is_time(dtype):
        return "time"
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype) or pa.types.is_string_view(dtype):
        return "text"
    return "text" if _sql_name(dtype) == "UUID" else "other"


def is_integral(dtype: pa.DataType) -> bool:
    """Whether values are whole numbers."""
    dtype = dtype.value_type if pa.types.is_dictionary(dtype) else dtype
    return bool(pa.types.is_integer(dtype) or (pa.types.is_decimal(dtype) and dtype.scale == 0))


def sql_type(dtype: pa.DataType) -> str:
    """The name of the type as DuckDB would say it."""
    return _sql_name(dtype.value_type) if pa.types.is_dictionary(dtype) else _sql_name(dtype)


def time_unit(dtype: Any) -> str:
    """How whole numbers of a time column are read: `date`, `time:<unit>`, `timestamp:<unit>` or `timestamptz:<unit>`."""
    if pa.types.is_date(dtype):
        return "date"
    if pa.types.is_time(dtype):
        return f"time:{dtype.unit}"
    return f"timestamptz:{dtype.unit}" if dtype.tz else f"timestamp:{dtype.unit}"


def finite_values(column: Chunked) -> FiniteValues:
    """The comparable values of a number or time column, nulls left out.

    Decimals, and whole numbers that DuckDB keeps as decimals (HUGEINT), become 64-bit floats.
    """
    values = _to_numpy(column.drop_null() if column.null_count else column)
    if values.dtype.kind != "f":
        return FiniteValues(values)
    finite = np.isfinite(values)
    if finite.all():
        return FiniteValues(values + 0.0)  # -0.0 becomes 0.0
    n_nan = int(np.isnan(values).sum())
    return FiniteValues(values[finite] + 0.0, n_nan, int((~finite).sum()) - n_nan)


def with_gaps(column: Chunked) -> NDArray[np.float64]:
    """A number column as (n_rows,) float64 with NaN for null and for what is not finite."""
    dtype = column.type
    if pa.types.is_dictionary(dtype) or pa.types.is_decimal(dtype):
        column = _plain(column).cast(pa.float64(), safe=False)
    values = np.asarray(column.to_numpy(), dtype=np.float64)
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values


def true_and_false(column: Chunked) -> tuple[int, int]:
    """How many values are true and how many are false."""
    n_true = int(pc.sum(_plain(column)).as_py() or 0)
    return n_true, len(column) - column.null_count - n_true


def readable_time(value: float, unit: str) -> str:
    """A time of `time_unit` as ISO 8601, to the microsecond; far from our era, the number with its unit."""
    name, _, resolution = unit.partition(":")
    seconds, fraction = divmod(int(value) * (_DAY_S if name == "date" else 1), _UNITS.get(resolution, 1))
    after = timedelta(seconds=seconds, microseconds=fraction * 1_000_000 // _UNITS.get(resolution, 1))
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + after
    except OverflowError:
        return f"{int(value)} {resolution or 'days'} since 1970-01-01"
    if name == "date":
        return at.date().isoformat()
    if name == "time":
        return at.time().isoformat()
    return at.isoformat() if name == "timestamptz" else at.replace(tzinfo=None).isoformat()


def epoch_ms(value: float, unit: str) -> float:
    """A time of `time_unit` as milliseconds since the epoch."""
    name, _, resolution = unit.partition(":")
    return value * _DAY_S * 1000 if name == "date" else value * 1000 / _UNITS[resolution]


def _to_numpy(column: Chunked) -> NDArray[Any]:
    dtype = column.type
    if pa.types.is_dictionary(dtype):
        return _to_numpy(_plain(column))
    if pa.types.is_decimal(dtype) or pa.types.is_floating(dtype):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy())
    if pa.types.is_date32(dtype) or pa.types.is_time32(dtype):
        column = column.cast(pa.int32())
    elif pa.types.is_date64(dtype):
        column = column.cast(pa.date32()).cast(pa.int32())
    elif not pa.types.is_integer(dtype):
        column = column.cast(pa.int64())
    wide = np.uint64 if pa.types.is_uint64(column.type) else np.int64
    return np.asarray(column.to_numpy(), dtype=wide)


def _plain(column: Chunked) -> Chunked:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _sql_name(dtype: pa.DataType) -> str:
    if pa.types.is_decimal(dtype):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if pa.types.is_date(dtype):
        return "DATE"
    if pa.types.is_time(dtype):
        return "TIME"
    if pa.types.is_timestamp(dtype):
        return "TIMESTAMP WITH TIME ZONE" if dtype.tz else "TIMESTAMP"
    if pa.types.is_fixed_size_binary(dtype):
        return "BLOB"
    return _SQL_TYPES.get(str(dtype), str(dtype).upper())
