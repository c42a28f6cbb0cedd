"""Parquet files: read as they are where analyses can, written anew where they cannot."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prismlane.common.errors import UnreadableDataError
from prismlane.engine.data.arrow_batches import BATCH_ROWS, readable_schema, unreadable, write_batches
from prismlane.engine.data.conversion import Conversion

#: A row group with more rows is cut: it would have to be decoded by one worker at once.
MAX_ROW_GROUP_ROWS = 1 << 20


def convert_parquet(conversion: Conversion) -> tuple[Mapping[str, Any], bool]:
    """Check the footer, and write a table where the file cannot serve as one.

    Returns:
        How the file is read, and whether a table was written.

    Raises:
        UnreadableDataError: the file is damaged, or contradicts itself.
    """
    with _opened(conversion.source, conversion.name) as file:
        metadata = file.metadata
        _check_footer(conversion, metadata)
        reason = _why_not_as_it_is(conversion, file)
        if reason is None:
            return {"rewritten": None}, False
        write_batches(conversion, file.schema_arrow, _batches(file))
        return {"rewritten": reason, "types": dict(conversion.options.types)}, True


def row_group_sizes(path: Path, name: str) -> tuple[pa.Schema, list[int]]:
    """The Arrow schema of a Parquet file and the rows of each row group, from its footer."""
    with _opened(path, name) as file:
        metadata = file.metadata
        return file.schema_arrow, [
            metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)
        ]


def _opened(path: Path, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise unreadable(name, error) from error


def _check_footer(conversion: Conversion, metadata: pq.FileMetaData) -> None:
    conversion.check_width(metadata.num_columns)
    sizes = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    if any(size < 0 for size in sizes) or sum(sizes) != metadata.num_rows:
        raise UnreadableDataError(
            f"The footer of {conversion.name} contradicts itself: {metadata.num_rows:,} rows, but {sum(sizes):,} in its row groups.",
            hint="The file is damaged; write it again.",
        )


def _why_not_as_it_is(conversion: Conversion, file: pq.ParquetFile) -> str | None:
    schema, metadata = file.schema_arrow, file.metadata
    if conversion.options.types:
        return "types were asked for"
    if not readable_schema(schema).equals(schema):
        return "names or types that analyses cannot read as they are"
    if any(_holds_nested_dictionary(field.type) for field in schema):
        return "dictionaries within nested values"
    sizes = (metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))
    if max(sizes, default=0) > MAX_ROW_GROUP_ROWS:
        return f"row groups of more than {MAX_ROW_GROUP_ROWS:,} rows"
    return None


def _holds_nested_dictionary(type_: pa.DataType) -> bool:
    inner = [type_.field(index).type for index in range(type_.num_fields)]
    return any(pa.types.is_dictionary(child) or _holds_nested_dictionary(child) for child in inner)


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    return file.iter_batches(batch_size=BATCH_ROWS)
