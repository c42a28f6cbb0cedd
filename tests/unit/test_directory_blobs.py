"""What only blobs in a directory have: files left by a crash, a full disk, modes."""

import asyncio
import errno
import os
import stat
import time

import pytest

from prismlane.common.errors import StorageFullError
from prismlane.engine.storage import blob_file
from prismlane.engine.storage.directory_blobs import TEMPORARY_MAX_AGE_S, DirectoryBlobs


def files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


async def test_blob_lies_below_the_first_byte_of_its_hash_for_its_owner_alone(tmp_path):
    blobs = DirectoryBlobs(tmp_path)
    ref = await blobs.put(b"x")
    path = tmp_path / "blobs" / ref.hash[:2] / ref.hash[2:]
    assert files(tmp_path) == [path] == [blobs.path(ref.hash)]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700


async def test_blobs_are_there_after_a_restart(tmp_path):
    ref = await DirectoryBlobs(tmp_path).put(b"x")
    assert await DirectoryBlobs(tmp_path).get(ref.hash) == b"x"


async def test_old_temporary_files_are_swept_and_new_ones_stay(tmp_path):
    DirectoryBlobs(tmp_path)
    old, new = (tmp_path / "blobs" / f"{blob_file.TEMPORARY_PREFIX}{name}" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half a bl")
    long_ago = time.time() - TEMPORARY_MAX_AGE_S - 60
    os.utime(old, (long_ago, long_ago))
    blobs = DirectoryBlobs(tmp_path)
    assert files(tmp_path) == [new]
    assert await blobs.hashes() == set()


@pytest.mark.parametrize("name", ["write", "fsync"])
async def test_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch, name):
    blobs = DirectoryBlobs(tmp_path)

    def no_space(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    async def stream():
        yield b"abc"

    with monkeypatch.context() as patch:
        patch.setattr(blob_file.os, name, no_space)
        with pytest.raises(StorageFullError):
            await blobs.put(b"abc")
        with pytest.raises(StorageFullError):
            await blobs.put_stream(stream(), max_bytes=10)
    assert files(tmp_path) == []
    await blobs.put(b"abc")


async def test_upload_that_is_cancelled_leaves_nothing(tmp_path):
    blobs = DirectoryBlobs(tmp_path)
    waiting = asyncio.Event()

    async def stalling():
        yield b"abc"
        waiting.set()
        await asyncio.Event().wait()

    upload = asyncio.create_task(blobs.put_stream(stalling(), max_bytes=10))
    await waiting.wait()
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
    assert files(tmp_path) == []


@pytest.mark.parametrize("hash_", ["", "../../etc/passwd", "A" * 64, "a" * 63, f"{'a' * 64}\n"])
async def test_what_is_no_hash_leads_nowhere(tmp_path, hash_):
    with pytest.raises(ValueError, match="not a SHA-256"):
        DirectoryBlobs(tmp_path).path(hash_)


async def test_many_writers_of_one_blob_make_one_file(tmp_path):
    blobs = [DirectoryBlobs(tmp_path) for _ in range(4)]
    refs = await asyncio.gather(*(one.put(b"same" * 100_000) for one in blobs * 4))
    assert len(set(refs)) == 1
    assert len(files(tmp_path)) == 1
