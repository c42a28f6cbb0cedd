"""What is new about jobs, for the waiting requests of one replica: one long poll to the tracker serves them all."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from prismlane.actors.messages import FeedEntry, FeedPage
from prismlane.common.errors import PrismlaneError
from prismlane.common.logs import logger

_log = logger("news")

POLL_S: Final = 20.0
#: How many jobs' latest progress is remembered.
MAX_PROGRESS: Final = 10_000


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
    """Follows the tracker's feed. Entries are hints: a woken request reads the store, so it never sees what is not durable."""

    def __init__(self, source: FeedSource) -> None:
        self._source = source
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._progress: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow."""
        self._task = asyncio.create_task(self._follow_for_ever())

    async def stop(self) -> None:
        """End following."""
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """An eye on `job_id`. Open it before you read the store, and nothing is missed between the two."""
        watch = Watch()
        self._watches[job_id].add(watch)
        try:
            yield watch
        finally:
            self._watches[job_id].discard(watch)
            if not self._watches[job_id]:
                del self._watches[job_id]

    def progress(self, job_id: str) -> dict[str, Any] | None:
        """The latest known progress of a running job."""
        return self._progress.get(job_id)

    async def _follow_for_ever(self) -> None:
        stream, position = 0, 0
        while True:
            try:
                page = await self._source.feed(stream, position, POLL_S)
            except PrismlaneError as error:
                _log.warning("no news from the tracker", code=error.code)
                await asyncio.sleep(0.5)
                continue
            stream, position = page["stream"], page["position"]
            if page["reset"]:
                self._wake_all()
            for entry in page["entries"]:
                self._take(entry)

    def _take(self, entry: FeedEntry) -> None:
        job_id, progress = entry["job_id"], entry.get("progress")
        if progress is not None:
            self._progress[job_id] = progress
            self._progress.move_to_end(job_id)
            while len(self._progress) > MAX_PROGRESS:
                self._progress.popitem(last=False)
        elif entry["state"] != "running":
            self._progress.pop(job_id, None)
        for watch in self._watches.get(job_id, ()):
            if progress is not None:
                watch.progress = progress
            watch.wake()

    def _wake_all(self) -> None:
        self._progress.clear()
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()
