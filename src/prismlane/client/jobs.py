"""Jobs, for synchronous code."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from prismlane.client import _calls as calls
from prismlane.client._following import EventFollower
from prismlane.client._outcomes import cause_of, error_of_end, look_delays, timed_out
from prismlane.client._transports import Transport
from prismlane.client._views import JobFacts
from prismlane.client.result import Report, Result
from prismlane.common.errors import PrismlaneError
from prismlane.common.wire import CancelBody, EventView, JobView, Progress


class Job(JobFacts[Transport]):
    """A job on the server. What its properties say is as fresh as the last `refresh`, `wait` or event."""

    def refresh(self) -> "Job":
        """Look at the job again; returns the same object."""
        self._see(self._transport.send(calls.get_job(self.id)))
        return self

    def follow(self, *, after: int = 0) -> Iterator[EventView | Progress]:
        """Its events from number `after` on and, between them, its progress, until it ended.

        Events come once each and in order, over as many connections as it takes. Progress is the latest word, not a
        durable one.
        """
        follower = EventFollower(self.id, after)
        while not follower.ended:
            yield from self._connection(follower)

    def _connection(self, follower: EventFollower) -> Iterator[EventView | Progress]:
        broken_off_by: PrismlaneError | None = None
        try:
            with self._transport.stream(follower.connect()) as chunks:
                for chunk in chunks:
                    for seen in follower.feed(chunk):
                        self._see_progress(seen)
                        yield seen
                    if follower.ended:
                        return
        except PrismlaneError as error:
            broken_off_by = error
        self._transport.sleep(follower.delay_s(broken_off_by, random.random()))  # noqa: S311 - not a secret

    def events(self, *, after: int = 0) -> Iterator[EventView]:
        """Its events from number `after` on, until it ended."""
        return (seen for seen in self.follow(after=after) if isinstance(seen, EventView))

    def history(self, *, after: int = 0) -> Iterator[EventView]:
        """Its events from number `after` on up to now, without waiting for more."""
        while True:
            page = self._transport.send(calls.list_events(self.id, after))
            yield from page.events
            if page.ended or not page.events:
                return
            after = page.last_seq

    def wait(self, timeout: float | None = None) -> "Job":
        """Wait until the job ended, in whichever state; returns the same object.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            WaitTimeoutError: it has not ended in time; it goes on.
        """
        if self.state.is_terminal or self.refresh().state.is_terminal:
            return self
        for delay_s in look_delays(timeout, time.monotonic):
            self._transport.sleep(delay_s)
            if self.refresh().state.is_terminal:
                return self
        raise timed_out(self.view, timeout or 0.0, self)

    def result(self, timeout: float | None = None) -> Result:
        """What the job found; waits for its end.

        Args:
            timeout: seconds; None waits for ever.

        Raises:
            WaitTimeoutError: it has not ended in time; it goes on.
            JobFailedError: it failed.
            JobCancelledError: it was cancelled.
            JobExpiredError: it never ran.
        """
        error = error_of_end(self.wait(timeout).view, self)
        if error is not None:
            raise error from cause_of(self.view)
        return self._transport.send(calls.get_result(self.id))

    def cancel(
        self,
        *,
        mode: Literal["cooperative", "force"] = "cooperative",
        grace_s: float = 10.0,
        reason: str = "",
    ) -> "Job":
        """Ask the job to end; returns the same object, `cancelling` or `cancelled`.

        Args:
            mode: `force` kills at once; `cooperative` after `grace_s` seconds.
            grace_s: seconds before a cooperative cancel is forced.
            reason: for those who read the job's events.
        """
        body = calls.checked(CancelBody, mode=mode, grace_s=grace_s, reason=reason)
        self._see(self._transport.send(calls.cancel_job(self.id, body)))
        return self

    def report(self) -> Report:
        """The report of the job as one HTML page."""
        return Report(self._transport.send(calls.get_report(self.id)))


class Jobs:
    """The jobs of the server."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, job_id: str) -> Job:
        """The job with this id.

        Raises:
            JobNotFoundError: there is none.
        """
        return Job(self._transport.send(calls.get_job(job_id)), self._transport)

    def list(
        self,
        *,
        state: str | Sequence[str] = (),
        analysis: str | None = None,
        dataset: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        page_size: int = 100,
    ) -> Iterator[Job]:
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
        for view in self._views(filters, limit, page_size):
            yield Job(view, self._transport)

    def _views(self, filters: dict[str, Any], limit: int | None, page_size: int) -> Iterator[JobView]:
        n_left, token = limit, None
        while n_left is None or n_left > 0:
            size = page_size if n_left is None else min(page_size, n_left)
            page = self._transport.send(calls.list_jobs(**filters, page_size=size, page_token=token))
            yield from page.jobs[:n_left]
            n_left = None if n_left is None else n_left - len(page.jobs)
            token = page.next_page_token
            if token is None:
                return
