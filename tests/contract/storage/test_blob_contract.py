"""What every blob store promises."""

import hashlib

import pytest

from prismlane.common.errors import DamagedBlobError, TooLargeError
from prismlane.engine.ports import BlobRef
from prismlane.engine.storage.directory_blobs import DirectoryBlobs
from prismlane.testing import MemoryBlobs


@pytest.fixture(params=["memory", "directory"])
def blobs(request, tmp_path):
    if request.param == "directory":
        yield DirectoryBlobs(tmp_path)
    else:
        made = MemoryBlobs()
        yield made
        made.close()


def damage(blobs, hash_):
    if isinstance(blobs, MemoryBlobs):
        blobs.damage(hash_)
        return
    path = blobs.path(hash_)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize("data", [b"", b"x", b"some bytes" * 300_000], ids=len)
async def test_bytes_come_back_by_their_hash(blobs, data):
    ref = await blobs.put(data)
    assert ref == BlobRef(hashlib.sha256(data).hexdigest(), len(data))
    assert await blobs.get(ref.hash) == data
    assert await blobs.exists(ref.hash)
    assert blobs.path(ref.hash).read_bytes() == data
    assert await blobs.hashes() == {ref.hash}


async def test_stream_and_file_and_bytes_make_one_blob(blobs, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"abcdef")
    refs = [
        await blobs.put(b"abcdef"),
        await blobs.put_stream(stream(b"ab", b"", b"cdef"), max_bytes=6),
        await blobs.put_file(source, max_bytes=6),
        await blobs.put(b"abcdef"),
    ]
    assert len(set(refs)) == 1
    assert await blobs.hashes() == {refs[0].hash}


async def test_stream_above_the_limit_leaves_nothing(blobs):
    with pytest.raises(TooLargeError):
        await blobs.put_stream(stream(b"abc", b"def"), max_bytes=5)
    assert await blobs.hashes() == set()


async def test_file_above_the_limit_leaves_nothing(blobs, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"abcdef")
    with pytest.raises(TooLargeError):
        await blobs.put_file(source, max_bytes=5)
    assert await blobs.hashes() == set()


async def test_stream_that_breaks_leaves_nothing(blobs):
    async def breaking():
        yield b"abc"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await blobs.put_stream(breaking(), max_bytes=100)
    assert await blobs.hashes() == set()


async def test_unknown_hash_is_a_key_error(blobs):
    with pytest.raises(KeyError):
        await blobs.get("0" * 64)
    assert not await blobs.exists("0" * 64)


async def test_damaged_blob_is_refused_and_mended_by_putting_it_again(blobs):
    ref = await blobs.put(b"some bytes")
    damage(blobs, ref.hash)
    with pytest.raises(DamagedBlobError):
        await blobs.get(ref.hash)
    await blobs.put(b"some bytes")
    assert await blobs.get(ref.hash) == b"some bytes"
    damage(blobs, ref.hash)
    await blobs.put_stream(stream(b"some bytes"), max_bytes=10)
    assert await blobs.get(ref.hash) == b"some bytes"


async def test_deleted_blobs_are_gone_and_others_stay(blobs):
    first, second = await blobs.put(b"1"), await blobs.put(b"2")
    await blobs.delete([first.hash, "0" * 64])
    assert await blobs.hashes() == {second.hash}
    with pytest.raises(KeyError):
        await blobs.get(first.hash)
