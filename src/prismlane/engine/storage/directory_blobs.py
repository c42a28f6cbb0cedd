"""Blobs as files of a local directory, by the hash of their content."""

import asyncio
import hashlib
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from prismlane.common.errors import DamagedBlobError
from prismlane.engine.ports import BlobRef
from prismlane.engine.storage.blob_file import TEMPORARY_PREFIX, BlobFile, disk_errors, sync_directory

#: Temporary files older than this were left by a crash.
TEMPORARY_MAX_AGE_S: Final = 3_600.0

_HASH = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES: Final = 1 << 20


class DirectoryBlobs:
    """A `BlobStore` at `root`: `blobs/ab/cdef...` for the hash `abcdef...`.

    A blob is written beside its place, synced and renamed, and the directory is synced: it is whole or absent, also after
    a loss of power. Files are readable by their owner alone.
    """

    def __init__(self, root: Path) -> None:
        """Use `root`, which is created where it is missing, and sweep what a crash left half written.

        Raises:
            StorageFullError: the disk is full.
            StoreUnavailableError: the directory cannot be used.
        """
        self._blobs = root / "blobs"
        with disk_errors(self._blobs):
            self._blobs.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_shelves()
            self._sweep()

    async def put(self, data: bytes) -> BlobRef:
        """Store `data`; cheap where it is stored already."""
        return await asyncio.to_thread(self._put, data)

    async def put_stream(self, chunks: AsyncIterator[bytes], *, max_bytes: int) -> BlobRef:
        """Store what `chunks` brings, hashed while it is written.

        Raises:
            TooLargeError: it is more than `max_bytes`; nothing is kept.
        """
        file = await asyncio.to_thread(BlobFile, self._blobs, max_bytes)
        try:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
            return await asyncio.to_thread(file.finish)
        finally:
            await asyncio.to_thread(file.close)

    async def put_file(self, source: Path, *, max_bytes: int) -> BlobRef:
        """Copy a local file in.

        Raises:
            TooLargeError: it is larger than `max_bytes`; nothing is kept.
            OSError: `source` cannot be read.
        """
        return await asyncio.to_thread(self._put_file, source, max_bytes)

    async def get(self, hash_: str) -> bytes:
        """The bytes, checked against their hash.

        Raises:
            KeyError: there is no such blob.
            DamagedBlobError: the bytes on disk are not those that were written.
        """
        return await asyncio.to_thread(self._get, hash_)

    async def exists(self, hash_: str) -> bool:
        return await asyncio.to_thread(self.path(hash_).is_file)

    def path(self, hash_: str) -> Path:
        """Where the blob lies, or would lie.

        Raises:
            ValueError: `hash_` is not 64 hex digits, so that no path leads out of the directory.
        """
        if not _HASH.fullmatch(hash_):
            raise ValueError(f"not a SHA-256: {hash_!r}")
        return self._blobs / hash_[:2] / hash_[2:]

    async def delete(self, hashes: Iterable[str]) -> None:
        """Delete those that are there."""
        paths = [self.path(hash_) for hash_ in hashes]
        await asyncio.to_thread(_unlink, paths)

    async def hashes(self) -> set[str]:
        return await asyncio.to_thread(self._hashes)

    def _put(self, data: bytes) -> BlobRef:
        ref = BlobRef(hashlib.sha256(data).hexdigest(), len(data))
        if not self._holds(ref, data):
            with closing(BlobFile(self._blobs, len(data))) as file:
                file.write(data)
                file.finish()
        return ref

    def _put_file(self, source: Path, max_bytes: int) -> BlobRef:
        with source.open("rb") as reader, closing(BlobFile(self._blobs, max_bytes)) as file:
            while chunk := reader.read(_CHUNK_BYTES):
                file.write(chunk)
            return file.finish()

    def _get(self, hash_: str) -> bytes:
        path = self.path(hash_)
        with disk_errors(path):
            try:
                data = path.read_bytes()
            except FileNotFoundError:
                raise KeyError(hash_) from None
        if hashlib.sha256(data).hexdigest() != hash_:
            raise DamagedBlobError(
                f"the bytes of blob {hash_} are not those that were written",
                facts={"hash": hash_, "n_bytes": len(data)},
            )
        return data

    def _holds(self, ref: BlobRef, data: bytes) -> bool:
        """Whether the very bytes are there: a damaged blob is mended by putting it again."""
        path = self.path(ref.hash)
        with disk_errors(path):
            return path.is_file() and path.stat().st_size == ref.n_bytes and path.read_bytes() == data

    def _hashes(self) -> set[str]:
        found = (path.parent.name + path.name for path in self._blobs.glob("??/*"))
        return {hash_ for hash_ in found if _HASH.fullmatch(hash_)}

    def _make_shelves(self) -> None:
        """Create and sync the directories of all first bytes now, so that no blob's rename has to."""
        there = {path.name for path in self._blobs.iterdir()}
        missing = {f"{byte:02x}" for byte in range(256)} - there
        for name in missing:
            (self._blobs / name).mkdir(mode=0o700, exist_ok=True)
        if missing:
            sync_directory(self._blobs)
            sync_directory(self._blobs.parent)

    def _sweep(self) -> None:
        eldest_s = time.time() - TEMPORARY_MAX_AGE_S
        for path in self._blobs.glob(f"{TEMPORARY_PREFIX}*"):
            # Another process may sweep, or finish a blob, at the same time.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < eldest_s:
                    path.unlink()


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        with disk_errors(path):
            path.unlink(missing_ok=True)
