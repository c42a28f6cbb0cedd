"""The catalogue of analyses, for asyncio."""

from collections.abc import Sequence

from prismlane.client import _calls as calls
from prismlane.client._transports import AsyncTransport
from prismlane.common.wire import AnalysisView


class AsyncAnalyses:
    """The analyses that the server can run."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def list(self) -> Sequence[AnalysisView]:
        """All analyses, also those that something is missing for."""
        return (await self._transport.send(calls.list_analyses())).analyses

    async def get(self, name: str) -> AnalysisView:
        """The analysis called `name`, with the JSON Schemas of its parameters and of its result.

        Raises:
            AnalysisNotFoundError: there is none.
        """
        return await self._transport.send(calls.get_analysis(name))
