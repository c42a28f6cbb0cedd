"""What every request passes first: its id, the limits, the hosts that may be named, the security headers."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from prismlane.common.errors import ForbiddenError, PrismlaneError, TooLargeError, UnsupportedMediaError
from prismlane.common.ids import new_request_id
from prismlane.common.settings import LOOPBACK_HOSTS
from prismlane.serve.problems import ProblemResponse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_HEADERS: Final = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_DEFAULT_POLICY: Final = (
    b"content-security-policy",
    b"default-src 'none'; frame-ancestors 'none'",
)


class Guard:
    """ASGI middleware. On a loopback address it answers to loopback names only, so that a page of some other site that
    points its own name at this machine (DNS rebinding), or posts to it (CSRF), is refused.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        *,
        on_loopback: bool,
        max_body_bytes: int,
        max_upload_bytes: int,
    ) -> None:
        self._app = app
        self._on_loopback = on_loopback
        self._max_body_bytes = max_body_bytes
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        # Given by the client, else by Ray Serve, which adds it to the answer too.
        request_id = headers.get(b"x-request-id", b"").decode("latin-1") or new_request_id()
        scope["prismlane.request_id"] = request_id

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_defaults(message.get("headers", []))
            await send(message)

        limit = self._limit(scope, headers)
        refusal = self._refusal(scope, headers, limit)
        if refusal is not None:
            response = ProblemResponse(refusal, request_id=request_id, instance=scope["path"])
            await response(scope, receive, send_with_headers)
            return
        await self._app(scope, _counted(receive, limit), send_with_headers)

    def _limit(self, scope: Scope, headers: dict[bytes, bytes]) -> int:
        is_upload = _takes_uploads(scope) and not _is_json(headers)
        return self._max_upload_bytes if is_upload else self._max_body_bytes

    def _refusal(self, scope: Scope, headers: dict[bytes, bytes], limit: int) -> PrismlaneError | None:
        if self._on_loopback:
            for name in (b"host", b"origin"):
                host = _host(headers.get(name), is_origin=name == b"origin")
                if host is not None and host not in LOOPBACK_HOSTS:
                    return ForbiddenError(
                        f"the {name.decode()} {host[:100]!r} is not this machine",
                        hint="Use http://127.0.0.1, or serve a public address with an API key.",
                    )
        if _is_foreign_body(scope, headers):
            return UnsupportedMediaError(
                "the body is not JSON by its Content-Type",
                hint="Send JSON with the header `Content-Type: application/json`.",
            )
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            return _too_large(limit)
        return None


def _is_foreign_body(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether a body comes that is neither JSON nor an upload. Browsers send JSON to other sites only when these agree."""
    has_body = b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"
    return has_body and not _is_json(headers) and not _takes_uploads(scope)


def _is_json(headers: dict[bytes, bytes]) -> bool:
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return kind == b"application/json"


def _takes_uploads(scope: Scope) -> bool:
    return bool(scope["path"].endswith("/v1/datasets"))


def _counted(receive: Receive, limit: int) -> Receive:
    """`receive` for bodies that came without their length: more than `limit` bytes are refused."""
    n_bytes = 0

    async def counted() -> Message:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > limit:
            raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the body has more than {limit} bytes", facts={"limit_bytes": limit})


def _with_defaults(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in headers}
    policy = [] if b"content-security-policy" in present else [_DEFAULT_POLICY]
    return [*headers, *_HEADERS, *policy]


def _host(value: bytes | None, *, is_origin: bool) -> str | None:
    if value is None:
        return None
    text = value.decode("latin-1")
    try:
        return urlsplit(text if is_origin else f"//{text}").hostname or text
    except ValueError:
        return text
