"""What an answer, or the lack of one, means: errors of our tree."""

import os
import socket
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from prismlane.client._retries import Failure
from prismlane.common.errors import (
    AuthenticationError,
    ConflictError,
    EventsGoneError,
    ForbiddenError,
    NotFoundError,
    OverloadedError,
    PrismlaneError,
    QuotaExceededError,
    ServerUnreachableError,
    TooLargeError,
    UnknownProblemError,
    UnprocessableError,
    UnsupportedMediaError,
)

#: For answers that are no problem documents, e.g. those of a proxy in between.
_BY_STATUS: Final[Mapping[int, type[PrismlaneError]]] = {
    int(cls.status): cls
    for cls in (
        AuthenticationError,
        ForbiddenError,
        NotFoundError,
        ConflictError,
        EventsGoneError,
        TooLargeError,
        UnsupportedMediaError,
        UnprocessableError,
        QuotaExceededError,
        OverloadedError,
    )
}
_NEVER_SENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


def error_of(response: httpx2.Response) -> PrismlaneError:
    """The error that `response` (read to its end) stands for."""
    problem = _problem_of(response)
    problem.setdefault("status", response.status_code)
    problem.setdefault("request_id", response.headers.get("x-request-id"))
    if problem.get("retry_after_s") is None:
        problem["retry_after_s"] = retry_after_s(response)
    if "code" in problem:
        return PrismlaneError.from_dict(problem)
    detail = str(problem.get("detail") or f"{response.url.path} answered {response.status_code}")
    fields = {"request_id": problem["request_id"], "retry_after_s": problem["retry_after_s"]}
    cls = _BY_STATUS.get(response.status_code)
    if cls is None:
        return UnknownProblemError(detail, problem=problem, **fields)
    return cls(detail, **fields)


def _problem_of(response: httpx2.Response) -> dict[str, Any]:
    if "json" in response.headers.get("content-type", ""):
        try:
            problem = response.json()
        except ValueError:
            problem = None
        if isinstance(problem, dict):
            return problem
    text = response.text.strip()
    return {"detail": f"{response.status_code}: {text[:200]}"} if text else {}


def retry_after_s(response: httpx2.Response) -> float | None:
    """The header `Retry-After` in seconds; None where it is missing or a date."""
    try:
        return float(response.headers["retry-after"])
    except (KeyError, ValueError):
        return None


def failure_of(outcome: "httpx2.Response | httpx2.RequestError") -> Failure:
    """What the retry policy needs to know of `outcome`."""
    if isinstance(outcome, httpx2.RequestError):
        return Failure(maybe_done=not isinstance(outcome, _NEVER_SENT))
    return Failure(status=outcome.status_code, retry_after_s=retry_after_s(outcome))


def unreachable(url: str, error: httpx2.RequestError) -> ServerUnreachableError:
    """The error that says where nothing answered, and why."""
    reason = _reason_of(error)
    return ServerUnreachableError(
        f"nothing answers at {url} ({reason})",
        hint="start one:  prismlane up     or run without a server:  prismlane run … --engine local",
        facts={"url": url, "reason": reason},
    )


def _reason_of(error: httpx2.RequestError) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "unknown host name"
        if isinstance(cause, OSError) and cause.errno is not None:
            return os.strerror(cause.errno).lower()
    return str(error) or type(error).__name__


def _causes(error: BaseException | None) -> "list[BaseException]":
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        if isinstance(error, BaseExceptionGroup):
            found.extend(cause for inner in error.exceptions for cause in _causes(inner))
        error = error.__cause__ or error.__context__
    return found
