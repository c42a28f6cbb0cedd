"""One blob while it is written: beside its place, then synced, renamed, and its directory synced."""

import errno
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prismlane.common.errors import PrismlaneError, StorageFullError, StoreUnavailableError, TooLargeError
from prismlane.engine.ports import BlobRef

TEMPORARY_PREFIX: Final = ".writing-"


class BlobFile:
    """A temporary file in `blobs` that `finish` makes a blob. `close` it in any case; unfinished, it vanishes.

    Its methods may be called from several threads: one that is cancelled while it waits for `write` goes on to `close`
    while the write is still under way.
    """

    def __init__(self, blobs: Path, max_bytes: int) -> None:
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._n_bytes = 0
        self._sha256 = hashlib.sha256()
        self._lock = threading.Lock()
        self._closed = False
        self._path: Path | None = blobs / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
        with disk_errors(self._path):
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, chunk: bytes) -> None:
        """Add `chunk`.

        Raises:
            TooLargeError: that makes more than the bytes allowed.
            StorageFullError: the disk is full.
        """
        with self._lock:
            path = self._unfinished()
            self._n_bytes += len(chunk)
            if self._n_bytes > self._max_bytes:
                raise TooLargeError(
                    f"more than the {self._max_bytes} bytes that are allowed",
                    facts={"max_bytes": self._max_bytes},
                )
            self._sha256.update(chunk)
            left = memoryview(chunk)
            with disk_errors(path):
                while left:
                    left = left[os.write(self._file, left) :]

    def finish(self) -> BlobRef:
        """Make what was written a blob, durably.

        A blob of the same bytes is replaced: if that one is damaged, it is mended.
        """
        with self._lock:
            path = self._unfinished()
            ref = BlobRef(self._sha256.hexdigest(), self._n_bytes)
            place = self._blobs / ref.hash[:2] / ref.hash[2:]
            with disk_errors(place):
                os.fsync(self._file)
                path.rename(place)
                self._path = None
                sync_directory(place.parent)
            return ref

    def close(self) -> None:
        """Remove what was not finished."""
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._file)
                if self._path is not None:
                    self._path.unlink(missing_ok=True)
                    self._path = None

    def _unfinished(self) -> Path:
        if self._path is None:
            raise StoreUnavailableError("this blob is not written to any more")
        return self._path


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise errors of the file system as errors of Prismlane."""
    try:
        yield
    except OSError as error:
        raise _translated(error, path) from error


def _translated(error: OSError, path: Path) -> PrismlaneError:
    facts = {"path": str(path)}
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"there is no space left for {path}", facts=facts)
    return StoreUnavailableError(f"{path} cannot be used: {error.strerror}", facts=facts)


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
