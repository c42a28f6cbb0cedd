"""Following a job without reading or sleeping: which events are new, when to connect again, when to give up."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from pydantic import ValidationError

from prismlane.client._calls import Call, stream_events
from prismlane.client._retries import RETRYABLE_STATUSES, Failure, RetryPolicy
from prismlane.client._sse import SseMessage, SseParser
from prismlane.common.errors import InternalError, PrismlaneError, ServerUnreachableError, UnknownProblemError
from prismlane.common.wire import EventView, Progress

#: A stream that broke off is taken up again so often in a row without a word from the server.
RECONNECTS: Final = RetryPolicy(n_retries=6, first_delay_s=0.25, longest_delay_s=5.0)
END: Final = "end"
PROGRESS: Final = "progress"


class EventFollower:
    """The events of one job over as many connections as it takes, each event once and in order."""

    def __init__(self, job_id: str, after: int = 0) -> None:
        self._job_id = job_id
        self._parser = SseParser()
        self._n_silent_connections = 0
        #: Number of the latest event seen; the next connection goes on after it.
        self.after = after
        #: Whether the server said that no event will follow.
        self.ended = False

    def connect(self) -> Call[None]:
        """The request that opens the next connection."""
        self._parser = SseParser()
        return stream_events(self._job_id, self.after)

    def feed(self, chunk: bytes) -> Iterator[EventView | Progress]:
        """What `chunk` of the present connection brings.

        Raises:
            InternalError: what came is no event stream of this API.
        """
        try:
            for message in self._parser.feed(chunk):
                self._n_silent_connections = 0
                if not self.ended:
                    yield from self._read(message)
        except ValueError as error:
            raise InternalError(f"the event stream of {self._job_id} cannot be read: {error}") from error

    def _read(self, message: SseMessage) -> Iterator[EventView | Progress]:
        if message.event == END:
            self.ended = True
        elif message.event == PROGRESS:
            yield Progress.model_validate_json(message.data)
        else:
            yield from self._new(message)

    def _new(self, message: SseMessage) -> Iterator[EventView]:
        try:
            event = EventView.model_validate_json(message.data)
        except ValidationError:
            if message.id is None:  # a kind of message that this version does not know
                return
            raise
        if event.seq > self.after:
            self.after = event.seq
            yield event

    def delay_s(self, broken_off_by: PrismlaneError | None, jitter: float) -> float:
        """Seconds to wait before the next connection.

        Args:
            broken_off_by: what ended the present one; None where the server closed it in good order.
            jitter: a random number, 0 to 1.

        Raises:
            PrismlaneError: `broken_off_by`, where another connection makes no sense.
        """
        failure = _failure(broken_off_by)
        delay_s = RECONNECTS.delay_s(
            failure, n_retried=self._n_silent_connections, repeatable=True, jitter=jitter
        )
        if delay_s is None:
            raise broken_off_by or ServerUnreachableError(
                f"the event stream of {self._job_id} was closed {self._n_silent_connections + 1} times without an event"
            )
        self._n_silent_connections += 1
        return max(delay_s, self._parser.retry_s or 0.0)


def _failure(error: PrismlaneError | None) -> Failure:
    if error is None or isinstance(error, ServerUnreachableError):
        return Failure()
    status = error.problem.get("status") if isinstance(error, UnknownProblemError) else int(error.status)
    return Failure(
        status=status if status in RETRYABLE_STATUSES else HTTPStatus.BAD_REQUEST,
        retry_after_s=error.retry_after_s,
    )
