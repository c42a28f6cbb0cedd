"""A partition as an Arrow file that any number of processes map into memory."""

import errno
import secrets
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prismlane.common.errors import (
    OutOfMemoryError,
    RetryableAnalysisError,
    StorageFullError,
    TooLargeError,
    UnreadableDataError,
)
from prismlane.engine.analyses.contract import Monitor

#: Rows that are decoded at once; the cap on bytes is looked at between two batches.
BATCH_ROWS = 16_384


def materialise(
    table_path: Path, first_row_group: int, end_row_group: int, target: Path, monitor: Monitor, max_bytes: int
) -> int:
    """Decode row groups of a Parquet table into an uncompressed Arrow IPC file at `target`; returns its size in bytes.

    The file is written beside, then renamed: `target` is whole or absent. A Parquet footer may promise 2 MB and hold 20 GB,
    so what is decoded is counted, not what is promised.

    Raises:
        TooLargeError: more than `max_bytes` of decoded data.
        UnreadableDataError: the file is damaged, or does not hold the rows that its footer promises.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        with pq.ParquetFile(table_path) as table:
            wanted = range(first_row_group, end_row_group)
            n_promised = sum(table.metadata.row_group(index).num_rows for index in wanted)
            batches = table.iter_batches(BATCH_ROWS, row_groups=list(wanted), use_threads=False)
            n_rows = _write(beside, _plain(table.schema_arrow), batches, n_promised, monitor, max_bytes)
        if n_rows != n_promised:
            raise UnreadableDataError(
                f"The table promises {n_promised:,} rows and holds {n_rows:,}.",
                hint="The Parquet file is damaged; write and register it again.",
            )
        n_bytes = beside.stat().st_size
        beside.replace(target)
    except pa.ArrowMemoryError as error:
        raise OutOfMemoryError("Decoding a partition took more memory than it may.") from error
    except OSError as error:
        raise _explained(error) from error
    except pa.ArrowException as error:
        raise _damaged(error) from error
    finally:
        beside.unlink(missing_ok=True)
    return n_bytes


def open_partition(path: Path) -> pa.Table:
    """The table of a materialised partition. Its columns lie in the mapped file: nothing is copied or read before it is used.

    Raises:
        RetryableAnalysisError: the file is gone, as when the cache was made anew; it comes back when it is asked for.
    """
    try:
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    except FileNotFoundError:
        raise RetryableAnalysisError("a partition left the cache while it was needed") from None


def _plain(schema: pa.Schema) -> pa.Schema:
    """`schema` without dictionaries: those of two batches differ, and an IPC file holds one."""
    return pa.schema(
        [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
            for field in schema
        ]
    )


def _write(
    path: Path,
    schema: pa.Schema,
    batches: Iterator[pa.RecordBatch],
    n_promised: int,
    monitor: Monitor,
    max_bytes: int,
) -> int:
    n_rows = n_bytes = 0
    with path.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
        monitor.check()
        for batch in batches:
            n_bytes += batch.nbytes
            n_rows += batch.num_rows
            if n_bytes > max_bytes:
                raise TooLargeError(
                    f"A partition decodes to more than {max_bytes:,} bytes.",
                    hint="Write the Parquet file with smaller row groups, or with fewer columns.",
                    facts={"max_bytes": max_bytes},
                )
            writer.write_batch(batch.cast(schema))
            monitor.progress(n_rows / max(n_promised, n_rows, 1), "decoding")
            monitor.check()
    return n_rows


def _explained(error: OSError) -> Exception:
    # Arrow tells of damaged pages by OSError too, without an errno.
    if error.errno is None:
        return _damaged(error)
    return StorageFullError() if error.errno == errno.ENOSPC else error


def _damaged(error: Exception) -> UnreadableDataError:
    first_line = str(error).partition("\n")[0].rstrip(".")
    return UnreadableDataError(
        f"The table cannot be decoded: {first_line}.",
        hint="The file is damaged; write and register it again.",
    )
