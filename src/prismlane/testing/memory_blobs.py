"""Blobs in memory."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from prismlane.common.errors import DamagedBlobError, TooLargeError
from prismlane.engine.ports import BlobRef


class MemoryBlobs:
    """A `BlobStore` that keeps its bytes in a dictionary; `path` writes a file for who needs one."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    async def put(self, data: bytes) -> BlobRef:
        ref = BlobRef(hashlib.sha256(data).hexdigest(), len(data))
        self._blobs[ref.hash] = bytes(data)
        return ref

    async def put_stream(self, chunks: AsyncIterator[bytes], *, max_bytes: int) -> BlobRef:
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > max_bytes:
                raise TooLargeError(
                    f"more than the {max_bytes} bytes that are allowed", facts={"max_bytes": max_bytes}
                )
        return await self.put(bytes(data))

    async def put_file(self, source: Path, *, max_bytes: int) -> BlobRef:
        async def content() -> AsyncIterator[bytes]:
            yield await asyncio.to_thread(source.read_bytes)

        return await self.put_stream(content(), max_bytes=max_bytes)

    async def get(self, hash_: str) -> bytes:
        data = self._blobs[hash_]
        if hashlib.sha256(data).hexdigest() != hash_:
            raise DamagedBlobError(
                f"the bytes of blob {hash_} are not those that were written",
                facts={"hash": hash_, "n_bytes": len(data)},
            )
        return data

    async def exists(self, hash_: str) -> bool:
        return hash_ in self._blobs

    def path(self, hash_: str) -> Path:
        """A file with the blob's bytes, in a temporary directory that goes with this object."""
        if self._directory is None:
            self._directory = tempfile.TemporaryDirectory(prefix="prismlane-blobs-")
        place = Path(self._directory.name) / hash_
        if hash_ in self._blobs:
            place.write_bytes(self._blobs[hash_])
        return place

    async def delete(self, hashes: Iterable[str]) -> None:
        for hash_ in hashes:
            self._blobs.pop(hash_, None)

    async def hashes(self) -> set[str]:
        return set(self._blobs)

    def damage(self, hash_: str) -> None:
        """Flip a bit of the blob, as a failing disk may."""
        first, *rest = self._blobs[hash_]
        self._blobs[hash_] = bytes([first ^ 1, *rest])

    def close(self) -> None:
        """Remove the files that `path` made."""
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None
