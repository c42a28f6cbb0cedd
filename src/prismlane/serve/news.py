"""What is new about jobs, for the waiting requests of one replica: one long poll to the tracker serves them all."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from prismlane.actors.messages import FeedEntry, FeedPage
from prismlane.common.errors import PrismlaneError
from prismlane.common.logs import logger

_log = logger("news")

POLL_S: Final = 20.0
#: Pause after the tracker did not answer.
PAUSE_S: Final = 0.5


class FeedSource(Protocol):
    """Where news come from: the tracker."""

    async def feed(self, stream: int, after: int, wait_s: float) -> FeedPage:
        """See `StateTracker.feed`."""
        ...


class Watch:
    """One request's eye on one job."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self.progress: dict[str, Any] | None = None

    async def wait(self, timeout_s: float) -> bool:
        """Whether something is new, at the latest after `timeout_s`. What it is, is in the store or in `progress`."""
        try:
            await asyncio.wait_for(self._news.wait(), max(timeout_s, 0.0))
        except TimeoutError:
            return False
        self._news.clear()
        return True

    def wake(self) -> None:
        """End the wait."""
        self._news.set()


class News:
    """Follows the tracker's feed while anybody watches a job.

    Entries are hints: a woken request reads the store, so it never sees what is not durable.
    """

    def __init__(self, source: FeedSource) -> None:
        self._source = source
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """An eye on `job_id`. Open it before you read the store, and nothing is missed between the two."""
        watch = Watch()
        self._watches[job_id].add(watch)
        if self._task is None:
            self._task = asyncio.create_task(self._follow_while_watched())
        try:
            yield watch
        finally:
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    async def _follow_while_watched(self) -> None:
        # A stream of its own: the first page says where the feed stands, and wakes all to read what came before it.
        stream, position = 0, 0
        try:
            while self._watches:
                try:
                    page = await self._source.feed(stream, position, POLL_S)
                except PrismlaneError as error:
                    _log.warning("no news from the tracker", code=error.code)
                    await asyncio.sleep(PAUSE_S)
                    continue
                stream, position = page["stream"], page["position"]
                if page["reset"]:
                    self._wake_all()
                for entry in page["entries"]:
                    self._take(entry)
        finally:
            self._task = None

    def _take(self, entry: FeedEntry) -> None:
        for watch in self._watches.get(entry["job_id"], ()):
            watch.progress = entry.get("progress", watch.progress)
            watch.wake()

    def _wake_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()
