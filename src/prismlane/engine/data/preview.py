"""The first rows of a table as JSON values."""

import math
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prismlane.engine.data.arrow_batches import unreadable

#: Larger integers are rounded by readers of JSON that know doubles only.
_MAX_SAFE_INTEGER = 2**53
_MAX_BYTES_SHOWN = 16
_ZERO_FRACTION = re.compile(r"\.0+(?=Z|$)")


def preview(table_path: Path, n: int) -> tuple[list[str], list[list[Any]]]:
    """The names of the columns and the first `n` rows of a Parquet table. Only its first row group is touched.

    What JSON cannot say becomes text: `NaN`, `Infinity`, decimals and integers beyond 2^53 in full, times in ISO 8601,
    bytes in hexadecimal. Nested values keep their shape.

    Raises:
        UnreadableDataError: the file is damaged.
    """
    try:
        with pq.ParquetFile(table_path) as file:
            schema = file.schema_arrow
            if not file.metadata.num_row_groups or n < 1:
                return schema.names, []
            batches = file.iter_batches(n, row_groups=[0], use_threads=False)
            first = next(batches, None)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable("The table", error) from error
    if first is None:
        return schema.names, []
    columns = [_json_values(column) for column in first.columns]
    return schema.names, [list(row) for row in zip(*columns, strict=True)]


def _json_values(column: "pa.Array[Any]") -> list[Any]:
    if pa.types.is_temporal(column.type) and not pa.types.is_duration(column.type):
        return [_iso_8601(text) for text in _as_text(column).to_pylist()]
    return [_json_value(value) for value in column.to_pylist()]


def _as_text(column: "pa.Array[Any]") -> "pa.Array[Any]":
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        # In UTC, for which no time zone database is needed.
        column = column.cast(pa.timestamp(column.type.unit, "UTC"))
    return pc.cast(column, pa.string())


def _iso_8601(text: str | None) -> str | None:
    return None if text is None else _ZERO_FRACTION.sub("", text.replace(" ", "T", 1))


def _json_value(value: Any) -> Any:
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if -_MAX_SAFE_INTEGER <= value <= _MAX_SAFE_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else _non_finite(value)
        case Decimal():
            return str(value)
        case bytes():
            shown = value[:_MAX_BYTES_SHOWN].hex()
            return f"0x{shown}…" if len(value) > _MAX_BYTES_SHOWN else f"0x{shown}"
        case timedelta():
            return f"PT{value.total_seconds():g}S"
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
        case list() | tuple():
            return [_json_value(item) for item in value]
        case _:
            return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
