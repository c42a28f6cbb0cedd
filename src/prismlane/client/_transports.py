"""The two shells around the calls: they send, sleep and stream, and decide nothing."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

import httpx2

from prismlane.client._answers import error_of, unreachable
from prismlane.client._calls import Call, performing
from prismlane.client._retries import RetryPolicy
from prismlane.client.address import Address

T = TypeVar("T")
CONNECT_TIMEOUT_S: Final = 5.0


def _settings(address: Address) -> dict[str, Any]:
    return {
        "base_url": address.url,
        "headers": {"User-Agent": f"prismlane-client httpx2/{httpx2.__version__}", **address.headers},
        "follow_redirects": False,
        # A proxy from the environment is never on the way to this machine.
        "trust_env": not address.is_loopback,
    }


def _timeout(call: Call[Any]) -> httpx2.Timeout:
    return httpx2.Timeout(call.timeout_s, connect=min(CONNECT_TIMEOUT_S, call.timeout_s))


class Transport:
    """Sends calls and waits for their answers.

    Args:
        address: the server.
        policy: when to try again.
        http: the transport below, for tests.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        address: Address,
        *,
        policy: RetryPolicy | None = None,
        http: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address
        self.policy = policy or RetryPolicy()
        self.sleep = sleep
        self._client = httpx2.Client(**_settings(address), transport=http)

    def send(self, call: Call[T]) -> T:
        """The answer to `call`, after as many tries as the policy allows.

        Raises:
            PrismlaneError: what the server said, or that it said nothing.
        """
        tries = performing(call, self.address.url, self.policy, random.random)
        delay_s = next(tries)
        while True:
            if delay_s:
                self.sleep(delay_s)
            try:
                delay_s = tries.send(self._exchange(call))
            except StopIteration as done:
                answer: T = done.value
                return answer

    def _exchange(self, call: Call[T]) -> httpx2.Response | httpx2.RequestError:
        try:
            return self._client.send(self._request(call))
        except httpx2.RequestError as error:
            return error

    def _request(self, call: Call[Any]) -> httpx2.Request:
        return self._client.build_request(
            call.method,
            call.path,
            params=list(call.query),
            content=call.body.chunks() if call.body else call.content,
            headers=dict(call.headers),
            timeout=_timeout(call),
        )

    @contextmanager
    def stream(self, call: Call[None]) -> Iterator[Iterator[bytes]]:
        """The body of the answer to `call`, chunk by chunk as it comes.

        Raises:
            PrismlaneError: the server refused; it did not answer, or broke off.
        """
        try:
            response = self._client.send(self._request(call), stream=True)
            try:
                if not call.is_fine(response.status_code):
                    response.read()
                    raise error_of(response)
                yield response.iter_bytes()
            finally:
                response.close()
        except httpx2.RequestError as error:
            raise unreachable(self.address.url, error) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


class AsyncTransport:
    """The same for asyncio.

    Args:
        address: the server.
        policy: when to try again.
        http: the transport below, for tests.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        address: Address,
        *,
        policy: RetryPolicy | None = None,
        http: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self.address = address
        self.policy = policy or RetryPolicy()
        self.sleep = sleep
        self._client = httpx2.AsyncClient(**_settings(address), transport=http)

    async def send(self, call: Call[T]) -> T:
        """The answer to `call`, after as many tries as the policy allows.

        Raises:
            PrismlaneError: what the server said, or that it said nothing.
        """
        tries = performing(call, self.address.url, self.policy, random.random)
        delay_s = next(tries)
        while True:
            if delay_s:
                await self.sleep(delay_s)
            outcome = await self._exchange(call)
            try:
                delay_s = tries.send(outcome)
            except StopIteration as done:
                answer: T = done.value
                return answer

    async def _exchange(self, call: Call[T]) -> httpx2.Response | httpx2.RequestError:
        try:
            return await self._client.send(self._request(call))
        except httpx2.RequestError as error:
            return error

    def _request(self, call: Call[Any]) -> httpx2.Request:
        return self._client.build_request(
            call.method,
            call.path,
            params=list(call.query),
            content=_in_thread(call.body.chunks()) if call.body else call.content,
            headers=dict(call.headers),
            timeout=_timeout(call),
        )

    @asynccontextmanager
    async def stream(self, call: Call[None]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The body of the answer to `call`, chunk by chunk as it comes.

        Raises:
            PrismlaneError: the server refused; it did not answer, or broke off.
        """
        try:
            response = await self._client.send(self._request(call), stream=True)
            try:
                if not call.is_fine(response.status_code):
                    await response.aread()
                    raise error_of(response)
                yield response.aiter_bytes()
            finally:
                await response.aclose()
        except httpx2.RequestError as error:
            raise unreachable(self.address.url, error) from error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


async def _in_thread(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk
