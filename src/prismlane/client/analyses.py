"""The catalogue of analyses, for synchronous code."""

from collections.abc import Sequence

from prismlane.client import _calls as calls
from prismlane.client._transports import Transport
from prismlane.common.wire import AnalysisView


class Analyses:
    """The analyses that the server can run."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> Sequence[AnalysisView]:
        """All analyses, also those that something is missing for."""
        return self._transport.send(calls.list_analyses()).analyses

    def get(self, name: str) -> AnalysisView:
        """The analysis called `name`, with the JSON Schemas of its parameters and of its result.

        Raises:
            AnalysisNotFoundError: there is none.
        """
        return self._transport.send(calls.get_analysis(name))
