"""Errors as answers: `application/problem+json` of RFC 9457 for everything that goes wrong."""

import math
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from prismlane.common.errors import (
    ForbiddenError,
    InternalError,
    InvalidRequestError,
    MethodNotAllowedError,
    NotFoundError,
    PrismlaneError,
    TooLargeError,
    UnsupportedMediaError,
)
from prismlane.common.logs import logger

_log = logger("gateway")

_BY_STATUS: dict[int, type[PrismlaneError]] = {
    403: ForbiddenError,
    404: NotFoundError,
    413: TooLargeError,
    415: UnsupportedMediaError,
}


class ProblemResponse(JSONResponse):
    """A problem as a response, with `Retry-After` where it says when to come back."""

    media_type = "application/problem+json"

    def __init__(self, error: PrismlaneError, *, request_id: str, instance: str) -> None:
        problem = {**error.to_dict(), "request_id": request_id, "instance": instance}
        headers = {}
        if error.retry_after_s is not None:
            headers["retry-after"] = str(max(1, math.ceil(error.retry_after_s)))
        if error.status == 401:
            headers["www-authenticate"] = "Bearer"
        super().__init__(problem, status_code=int(error.status), headers=headers)


def add_problem_handlers(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""

    @app.exception_handler(PrismlaneError)
    async def ours(request: Request, error: PrismlaneError) -> ProblemResponse:
        if error.status >= 500:
            _log.warning("request failed", path=request.url.path, code=error.code, detail=error.detail)
        return respond(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
        problems = problems_of(error.errors())
        told = "; ".join(
            f"{problem['pointer'] or 'the body'}: {problem['detail']}" for problem in problems[:3]
        )
        return respond(request, InvalidRequestError(told, errors=problems))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> ProblemResponse:
        if isinstance(error.__cause__, PrismlaneError):
            # Raised while the body was read, and taken by FastAPI for a body that cannot be parsed.
            told: PrismlaneError = error.__cause__
        elif error.status_code == 405:
            told = MethodNotAllowedError(f"{request.method} is not for {request.url.path}")
        elif error.status_code == 404:
            told = NotFoundError(f"there is nothing at {request.url.path}", hint="See /openapi.json.")
        else:
            told = _BY_STATUS.get(error.status_code, InvalidRequestError)(str(error.detail))
        return respond(request, told)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> ProblemResponse:
        _log.error("unexpected", path=request.url.path, exc_info=error)
        return respond(request, InternalError())


def respond(request: Request, error: PrismlaneError) -> ProblemResponse:
    """`error` as the answer to `request`."""
    request_id = request.scope.get("prismlane.request_id", "")
    return ProblemResponse(error, request_id=request_id, instance=request.url.path)


def problems_of(errors: Iterable[Any], *, in_body: bool = False) -> list[dict[str, str]]:
    """Pydantic's errors as places and what is wrong there.

    `in_body`: the places are relative to the body, and do not begin with the part of the request.
    """
    return [_place(item, in_body=in_body) for item in errors]


def _place(item: Any, *, in_body: bool) -> dict[str, str]:
    where = [*(["body"] if in_body else []), *(str(part) for part in item["loc"])]
    kind, path = where[0], where[1:]
    if item["type"] == "extra_forbidden":
        detail = "is not a known field"
    elif item["type"] == "json_invalid":
        path, detail = [], f"is not valid JSON: {item.get('ctx', {}).get('error', '')}"
    else:
        detail = item["msg"].removeprefix("Value error, ")
    pointer = "/".join(["", *(part.replace("~", "~0").replace("/", "~1") for part in path)])
    return {"pointer": pointer if kind == "body" else f"{kind}:{'/'.join(path)}", "detail": detail}
