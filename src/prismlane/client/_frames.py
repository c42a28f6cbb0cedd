"""Frames of any library that speaks Arrow's C stream interface, as Parquet."""

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prismlane.common.errors import UnsupportedMediaError


@contextmanager
def parquet_of(frame: Any) -> Iterator[Path]:
    """A temporary file with `frame` as Parquet, written batch by batch.

    Raises:
        UnsupportedMediaError: pyarrow, which does this, is not installed.
    """
    try:
        # By name, because the light client neither needs nor brings pyarrow.
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UnsupportedMediaError(
            f"to send a {type(frame).__name__} pyarrow is needed, and it is not installed",
            hint="pip install pyarrow, or write the frame to a file and give its path",
        ) from None
    batches = arrow.RecordBatchReader.from_stream(frame)
    with tempfile.TemporaryDirectory(prefix="prismlane-") as directory:
        path = Path(directory) / "frame.parquet"
        with parquet.ParquetWriter(path, batches.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
        yield path
