"""What is uploaded: files, bytes, file objects and frames as bodies that are sent piece by piece."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO, TextIOBase
from pathlib import Path
from typing import IO, Any, Final

from prismlane.client._frames import parquet_of
from prismlane.common.errors import UnreadableDataError, UnsupportedMediaError

CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Body:
    """A body of a request. `open` starts it from its beginning."""

    name: str
    open: Callable[[], IO[bytes]]
    n_bytes: int | None = None
    can_be_sent_again: bool = True
    #: Whether each opening is closed after use: it is ours and not the caller's.
    closes: bool = True

    def chunks(self) -> Iterator[bytes]:
        """The body from its beginning, in pieces of at most `CHUNK_BYTES`."""
        stream = self.open()
        try:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk
        finally:
            if self.closes:
                stream.close()


@contextmanager
def body_of(source: Any) -> Iterator[Body]:
    """The body that sends `source`: a path, bytes, a binary file object or a frame.

    A frame is anything with `__arrow_c_stream__` (Arrow, Polars, pandas, DuckDB ...); it is sent as Parquet.

    Raises:
        UnreadableDataError: there is no such file, or it cannot be read.
        UnsupportedMediaError: `source` is none of these.
    """
    if hasattr(source, "__arrow_c_stream__"):
        with parquet_of(source) as path:
            yield _file(path)
    else:
        yield _body(source)


def _body(source: Any) -> Body:
    match source:
        case str() | os.PathLike():
            return _file(Path(source).expanduser())
        case bytes() | bytearray() | memoryview():
            content = bytes(source)
            return Body("upload", lambda: BytesIO(content), len(content))
        case _ if hasattr(source, "read") and not isinstance(source, TextIOBase):
            return _open_file(source, Path(str(getattr(source, "name", "upload"))).name)
    raise UnsupportedMediaError(
        f"a {type(source).__name__} is not data that can be sent",
        hint="Give a path, bytes, a file opened with 'rb', or a frame with __arrow_c_stream__.",
    )


def _file(path: Path) -> Body:
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise UnreadableDataError(f"the file {path} {what}", hint="Give the path of a data file.")
    try:
        with path.open("rb"):
            n_bytes = path.stat().st_size
    except OSError as error:
        raise UnreadableDataError(f"the file {path} cannot be read: {error.strerror}") from None
    return Body(path.name, lambda: path.open("rb"), n_bytes)


def _open_file(stream: IO[bytes], name: str) -> Body:
    if not _is_seekable(stream):
        return Body(name, lambda: stream, can_be_sent_again=False, closes=False)
    start = stream.tell()
    n_bytes = stream.seek(0, os.SEEK_END) - start

    def rewound() -> IO[bytes]:
        stream.seek(start)
        return stream

    return Body(name, rewound, n_bytes, closes=False)


def _is_seekable(stream: IO[bytes]) -> bool:
    seekable = getattr(stream, "seekable", None)
    return bool(seekable and seekable())
