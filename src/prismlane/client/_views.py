"""What a job object knows without asking the server."""

from datetime import datetime
from typing import Any, Generic, TypeVar

from prismlane.common.errors import InvalidRequestError
from prismlane.common.states import JobState
from prismlane.common.wire import EventView, JobView, Progress

TransportT = TypeVar("TransportT")


class JobFacts(Generic[TransportT]):
    """A job as it was last seen, with the connection that it came over.

    It pickles without the connection and so without the API key; a job that was unpickled is read-only.
    """

    def __init__(self, view: JobView, transport: TransportT | None = None) -> None:
        self._view = view
        self._connection_to_server = transport

    @property
    def view(self) -> JobView:
        """All that the server said of the job."""
        return self._view

    @property
    def id(self) -> str:
        """Its id."""
        return self._view.id

    @property
    def state(self) -> JobState:
        """Its state."""
        return self._view.state

    @property
    def analysis(self) -> str:
        """The name of its analysis."""
        return self._view.analysis

    @property
    def created_at(self) -> datetime:
        """When it was accepted."""
        return self._view.created_at

    @property
    def progress(self) -> Progress | None:
        """How far it is; None before the first word and after the end."""
        return self._view.progress

    @property
    def _transport(self) -> TransportT:
        if self._connection_to_server is None:
            raise InvalidRequestError(
                f"this object of {self.id} has no connection, because it was unpickled",
                hint=f'Ask for the job again: client.jobs.get("{self.id}")',
            )
        return self._connection_to_server

    def _see(self, view: JobView) -> None:
        self._view = view

    def _see_progress(self, seen: EventView | Progress) -> None:
        if isinstance(seen, Progress):
            self._view = self._view.model_copy(update={"progress": seen})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self.analysis!r}, {str(self.state)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobFacts) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._view,))
