"""Arrow IPC, file or stream, into a Parquet table."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from prismlane.engine.data.arrow_batches import unreadable, write_batches
from prismlane.engine.data.conversion import Conversion

_FILE_MAGIC = b"ARROW1"


def convert_arrow(conversion: Conversion) -> Mapping[str, Any]:
    """Write the table of an Arrow IPC file or stream; returns how it was read.

    Raises:
        UnreadableDataError: it is damaged, or a column is of a type that is not read.
    """
    with conversion.source.open("rb") as head:
        layout = "file" if head.read(len(_FILE_MAGIC)) == _FILE_MAGIC else "stream"
    with pa.memory_map(str(conversion.source)) as mapped:
        try:
            reader = pa.ipc.open_file(mapped) if layout == "file" else pa.ipc.open_stream(mapped)
        except (pa.ArrowException, OSError) as error:
            raise unreadable(conversion.name, error) from error
        conversion.check_width(len(reader.schema))
        write_batches(conversion, reader.schema, _batches(reader))
    return {"layout": layout}


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.ipc.RecordBatchFileReader):
        return (reader.get_batch(index) for index in range(reader.num_record_batches))
    return iter(reader)
