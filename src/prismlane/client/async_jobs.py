"""Jobs, for asyncio."""

import random
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from prismlane.client import _calls as calls
from prismlane.client._following import EventFollower
from prismlane.client._outcomes import cause_of, error_of_end, look_delays, timed_out
from prismlane.client._transports import AsyncTransport
from prismlane.client._views import JobFacts
from prismlane.client.result import Report, Result
from prismlane.common.errors import PrismlaneError
from prismlane.common.wire import CancelBody, EventView, JobView, Progress


class AsyncJob(JobFacts[AsyncTransport]):
    """A job on the server. What its properties say is as fresh as the last `refresh`, `wait` or event."""

    async def refresh(self) -> "AsyncJob":
        """Look at the job again; returns the same object."""
        self._see(await self._transport.send(calls.get_job(self.id)))
        return self

    async def follow(self, *, after: int = 0) -> AsyncGenerator[EventView | Progress]:
        """Its events from number `after` on and, between them, its progress, until it ended.

        Events come once each and in order, over as many connections as it takes. Progress is the latest word, not a
        durable one.
        """
        follower = EventFollower(self.id, after)
        while not follower.ended:
            async with aclosing(self._connection(follower)) as connection:
                async for seen in connection:
                    yield seen

    async def _connection(self, follower: EventFollower) -> AsyncGenerator[EventView | Progress]:
        broken_off_by: PrismlaneError | None = None
        try:
            async with self._transport.stream(follower.connect()) as chunks:
                async for chunk in chunks:
                    for seen in follower.feed(chunk):
                        self._see_progress(seen)
                        yield seen
                    if follower.ended:
                        return
        except PrismlaneError as error:
            broken_off_by = error
        await self._transport.sleep(follower.delay_s(broken_off_by, random.random()))  # noqa: S311 - not a secret

    async def events(self, *, after: int = 0) -> AsyncGenerator[EventView]:
        """Its events from number `after` on, until it ended."""
        async with aclosing(self.follow(after=after)) as everything:
            async for seen in everything:
                if isinstance(seen, EventView):
                    yield seen

    async def history(self, *, after: int = 0) -> AsyncGenerator[EventView]:
        """Its events from number `after` on up to now, without waiting for more."""
        while True:
            page = await self._transport.send(calls.list_events(self.id, after))
            for event in page.events:
                yield event
            if page.ended or not page.events:
                return
            after = page.last_seq

    async def wait(self, timeout: float | None = None) -> "AsyncJob":  # noqa: ASYNC109 - as in Job
        """Wait until the job ended, in whichever state; returns the same object.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            WaitTimeoutError: it has not ended in time; it goes on.
        """
        if self.state.is_terminal or (await self.refresh()).state.is_terminal:
            return self
        for delay_s in look_delays(timeout, time.monotonic):
            await self._transport.sleep(delay_s)
            if (await self.refresh()).state.is_terminal:
                return self
        raise timed_out(self.view, timeout or 0.0, self)

    async def result(self, timeout: float | None = None) -> Result:  # noqa: ASYNC109 - as in Job
        """What the job found; waits for its end.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            WaitTimeoutError: it has not ended in time; it goes on.
            JobFailedError: it failed.
            JobCancelledError: it was cancelled.
            JobExpiredError: it never ran.
        """
        error = error_of_end((await self.wait(timeout)).view, self)
        if error is not None:
            raise error from cause_of(self.view)
        return await self._transport.send(calls.get_result(self.id))

    async def cancel(
        self,
        *,
        mode: Literal["cooperative", "force"] = "cooperative",
        grace_s: float = 10.0,
        reason: str = "",
    ) -> "AsyncJob":
        """Ask the job to end; returns the same object, `cancelling` or `cancelled`.

        Args:
            mode: `force` kills at once; `cooperative` after `grace_s` seconds.
            grace_s: seconds before a cooperative cancel is forced.
            reason: for those who read the job's events.
        """
        body = calls.checked(CancelBody, mode=mode, grace_s=grace_s, reason=reason)
        self._see(await self._transport.send(calls.cancel_job(self.id, body)))
        return self

    async def report(self) -> Report:
        """The report of the job as one HTML page."""
        return Report(await self._transport.send(calls.get_report(self.id)))


class AsyncJobs:
    """The jobs of the server."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self, job_id: str) -> AsyncJob:
        """The job with this id.

        Raises:
            JobNotFoundError: there is none.
        """
        return AsyncJob(await self._transport.send(calls.get_job(job_id)), self._transport)

    async def list(
        self,
        *,
        state: str | Sequence[str] = (),
        analysis: str | None = None,
        dataset: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        page_size: int = 100,
    ) -> AsyncGenerator[AsyncJob]:
        """The jobs that fit all that is given, newest first; pages are fetched as they are needed.

        Args:
            state: one state or several.
            analysis: name of the analysis.
            dataset: id of the dataset.
            labels: labels that the job must have.
            limit: the most jobs to give; None for all.
            page_size: jobs in one request, at most 1000.
        """
        filters: dict[str, Any] = {
            "states": [state] if isinstance(state, str) else state,
            "analysis": analysis,
            "dataset": dataset,
            "labels": labels or {},
        }
        async for view in self._views(filters, limit, page_size):
            yield AsyncJob(view, self._transport)

    async def _views(
        self, filters: dict[str, Any], limit: int | None, page_size: int
    ) -> AsyncGenerator[JobView]:
        n_left, token = limit, None
        while n_left is None or n_left > 0:
            size = page_size if n_left is None else min(page_size, n_left)
            page = await self._transport.send(calls.list_jobs(**filters, page_size=size, page_token=token))
            for view in page.jobs[:n_left]:
                yield view
            n_left = None if n_left is None else n_left - len(page.jobs)
            token = page.next_page_token
            if token is None:
                return
