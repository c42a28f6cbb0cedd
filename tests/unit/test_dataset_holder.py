"""The DatasetHolder over blobs in memory and children that are told what to do."""

from contextlib import asynccontextmanager

import pytest

from prismlane.actors.holder import DatasetHolder
from prismlane.common.errors import ChildDiedError, NotFoundError, OutOfMemoryError, UnreadableDataError
from prismlane.common.settings import DataSettings
from prismlane.testing import FakeClock, MemoryBlobs


class FallenChildren:
    """A pool whose children end of whatever they are asked to do."""

    def __init__(self, error):
        self.error = error

    @asynccontextmanager
    async def borrow(self):
        yield self

    async def call(self, *_, timeout_s):
        raise self.error

    async def close(self):
        pass


def holder(tmp_path, blobs, error):
    children = FallenChildren(error)
    return DatasetHolder(
        blobs=blobs,
        loaders=children,
        ingesters=children,
        clock=FakeClock(),
        settings=DataSettings(directory=tmp_path),
    )


@pytest.mark.parametrize("error", [OutOfMemoryError(), ChildDiedError()])
async def test_a_file_that_takes_its_reader_down_is_unreadable(tmp_path, error):
    blobs = MemoryBlobs()
    source = await blobs.put(b"x,y\n1,2\n")
    with pytest.raises(UnreadableDataError, match=r"sales\.csv could not be read within the limits"):
        await holder(tmp_path, blobs, error).register(source.hash, "sales.csv", {}, 8)


async def test_an_upload_that_is_gone_is_told(tmp_path):
    with pytest.raises(NotFoundError, match="upload it again"):
        await holder(tmp_path, MemoryBlobs(), ChildDiedError()).register("0" * 64, "sales.csv", {}, 8)
