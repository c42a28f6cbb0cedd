"""The tracker's news: a bounded ring of hints that gateways follow by long poll."""

import asyncio
from collections import deque
from itertools import islice
from typing import Any, Final

from prismlane.actors.messages import FeedEntry, FeedPage
from prismlane.engine.jobs.model import Job

RING: Final = 65_536
PAGE: Final = 4_096


class Feed:
    """Entries in order of their position; the oldest are forgotten."""

    def __init__(self, stream: int) -> None:
        self._stream = stream
        self._position = 0
        self._ring: deque[FeedEntry] = deque(maxlen=RING)
        self._news = asyncio.Event()

    def publish(self, job: Job) -> None:
        """Tell that `job` has a new, durable event."""
        self._append(job, job.seq, None)

    def publish_progress(self, job: Job, progress: dict[str, Any]) -> None:
        """Tell how far `job` is; best effort."""
        self._append(job, 0, progress)

    async def page(self, stream: int, after: int, wait_s: float) -> FeedPage:
        """The entries after position `after` of `stream`; waits up to `wait_s` for the first one."""
        if stream != self._stream:
            return self._reset()
        if after >= self._position and wait_s > 0:
            try:
                await asyncio.wait_for(self._news.wait(), wait_s)
            except TimeoutError:
                return FeedPage(stream=stream, position=after, reset=False, entries=[])
        missed = self._position - after
        if missed > len(self._ring):
            return self._reset()
        start = len(self._ring) - missed
        entries = list(islice(self._ring, start, start + PAGE))
        position = entries[-1]["position"] if entries else after
        return FeedPage(stream=stream, position=position, reset=False, entries=entries)

    def _append(self, job: Job, seq: int, progress: dict[str, Any] | None) -> None:
        self._position += 1
        entry = FeedEntry(
            position=self._position, tenant=job.tenant, job_id=job.id, seq=seq, state=job.state.value
        )
        if progress is not None:
            entry["progress"] = progress
        self._ring.append(entry)
        # Waking all and starting over with a fresh event is cheaper than a condition: nobody has to take a lock.
        self._news.set()
        self._news = asyncio.Event()

    def _reset(self) -> FeedPage:
        return FeedPage(stream=self._stream, position=self._position, reset=True, entries=[])
