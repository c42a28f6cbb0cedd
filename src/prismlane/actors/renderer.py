"""The ReportRenderer: makes the HTML report of a result when somebody first asks for it."""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from prismlane.actors.child_pool import ChildPool
from prismlane.common.errors import NoResultError
from prismlane.engine.ports import BlobStore

#: What drawing a report may take, in seconds.
RENDER_S = 120.0


class ReportRenderer:
    """Renders in a child process: drawing charts holds the interpreter for long."""

    def __init__(self, *, blobs: BlobStore, children: ChildPool) -> None:
        self._blobs = blobs
        self._children = children
        #: Equal requests that come while a report is drawn share it; the last few stay.
        self._reports: dict[str, asyncio.Task[bytes]] = {}

    async def start(self) -> None:
        """Nothing to make ready: the child starts with the first report."""

    async def stop(self) -> None:
        """End the child."""
        await self._children.close()

    async def ping(self) -> dict[str, Any]:
        """A sign of life."""
        return {"reports": len(self._reports)}

    async def render(self, result_hash: str, about: Mapping[str, Any]) -> bytes:
        """The report of a result as one HTML file.

        Raises:
            NoResultError: the result's blob is not there.
        """
        key = hashlib.sha256(json.dumps([result_hash, dict(about)], sort_keys=True).encode()).hexdigest()
        known = self._reports.get(key)
        if known is None or (known.done() and known.exception() is not None):
            known = self._reports[key] = asyncio.create_task(self._render(result_hash, about))
            while len(self._reports) > 16:
                del self._reports[next(iter(self._reports))]
        return await asyncio.shield(known)

    async def _render(self, result_hash: str, about: Mapping[str, Any]) -> bytes:
        try:
            result = await self._blobs.get(result_hash)
        except KeyError:
            raise NoResultError(f"the result {result_hash} is gone", hint="Run the job again.") from None
        _, (html,) = await self._children.call("render", {"about": dict(about)}, [result], timeout_s=RENDER_S)
        return html
