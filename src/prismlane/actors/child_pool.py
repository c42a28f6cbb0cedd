"""A few child processes that answer calls one at a time each."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prismlane.engine.sandbox.child_process import ChildProcess


class ChildPool:
    """Lends out idle children, the one used last first; starts a child only when all others are busy."""

    def __init__(self, make: Callable[[int], ChildProcess], *, size: int) -> None:
        self._make = make
        self._all: list[ChildProcess] = []
        self._idle: list[ChildProcess] = []
        self._places = asyncio.Semaphore(size)

    @asynccontextmanager
    async def borrow(self) -> AsyncIterator[ChildProcess]:
        """A child for the length of the block; what it wrote into its scratch directory is wiped at the end."""
        async with self._places:
            child = self._idle.pop() if self._idle else self._new()
            try:
                yield child
            finally:
                try:
                    await child.wipe_scratch()
                finally:
                    self._idle.append(child)

    async def call(
        self, target: str, payload: Mapping[str, Any], blobs: Sequence[bytes] = (), *, timeout_s: float
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Call `target` in a child; see `ChildProcess.call`."""
        async with self.borrow() as child:
            return await child.call(target, payload, blobs, timeout_s=timeout_s)

    async def close(self) -> None:
        """End all children."""
        await asyncio.gather(*(child.close() for child in self._all))

    def _new(self) -> ChildProcess:
        child = self._make(len(self._all))
        self._all.append(child)
        return child
