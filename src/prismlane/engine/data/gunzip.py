"""Unpacking gzip with a cap on what comes out."""

import gzip
import zlib
from pathlib import Path

from prismlane.common.errors import TooLargeError, UnreadableDataError
from prismlane.engine.analyses.contract import Monitor

_CHUNK_BYTES = 1 << 20


def gunzip(source: Path, target: Path, monitor: Monitor, *, max_bytes: int, name: str) -> None:
    """Write what `source` holds, unpacked, to `target`; nothing is left there when it fails.

    Raises:
        TooLargeError: more than `max_bytes` come out.
        UnreadableDataError: the file is cut off or damaged.
    """
    try:
        _copy(source, target, monitor, max_bytes, name)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        target.unlink(missing_ok=True)
        raise UnreadableDataError(
            f"{name} cannot be unpacked: {error}.", hint="The gzip file is cut off or damaged; send it again."
        ) from error
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy(source: Path, target: Path, monitor: Monitor, max_bytes: int, name: str) -> None:
    n_bytes = 0
    with gzip.open(source, "rb") as packed, target.open("wb") as unpacked:
        while chunk := packed.read(_CHUNK_BYTES):
            monitor.check()
            n_bytes += len(chunk)
            if n_bytes > max_bytes:
                raise TooLargeError(
                    f"{name} unpacks to more than {max_bytes:,} bytes.",
                    hint="Send a smaller file, or Parquet.",
                    facts={"max_bytes": max_bytes},
                )
            unpacked.write(chunk)
