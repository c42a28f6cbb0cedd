"""Errors on their way out of the child: an exception becomes a problem, and only harmless problems become errors again."""

import errno
import linecache
import re
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from prismlane.common.errors import (
    AnalysisError,
    CancelledByRequestError,
    ChildDiedError,
    DeadlineExceededError,
    InvalidRequestError,
    OutOfMemoryError,
    PrismlaneError,
    TooLargeError,
    UnprocessableError,
    UnsupportedMediaError,
)
from prismlane.engine.sandbox.protocol import EndReason

MAX_TEXT = 2000
MAX_TRACEBACK_LINES = 20

#: What code in the child may say went wrong. It has no say in stores, fences, tenants and the like.
_FROM_A_CHILD = (
    AnalysisError,
    UnprocessableError,
    InvalidRequestError,
    TooLargeError,
    UnsupportedMediaError,
    DeadlineExceededError,
    OutOfMemoryError,
)
#: The directories of an absolute path, also of one in quotes: how a server lays out its disk is its own business.
_DIRECTORIES = re.compile(
    r"(?:(?<=')(?:/[^/'\n]+)+/(?=[^/'\n]*')|(?<=\")(?:/[^/\"\n]+)+/(?=[^/\"\n]*\")|(?<![\w/:.'\"])(?:/[\w.@+-]+)+/(?=\w))"
)
_OWN_PACKAGE = "prismlane.engine.sandbox."


def ended(reason: EndReason) -> PrismlaneError:
    """The error of a call that was asked to end."""
    return CancelledByRequestError() if reason == "cancelled" else DeadlineExceededError()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that memory could not be had (Python, numpy, Arrow, DuckDB or the kernel)."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
        return True  # what Python makes of a stack that does not fit
    return any(
        cls.__name__ == "OutOfMemoryException" and cls.__module__.lstrip("_").startswith("duckdb")
        for cls in type(error).__mro__
    )


def problem_of(error: BaseException, asked: EndReason | None) -> dict[str, Any]:
    """The problem that the child reports for `error`, raised by a target.

    Args:
        error: what the target raised.
        asked: why the call was asked to end; what it raises then is taken for the consequence.
    """
    if isinstance(error, PrismlaneError):
        return error.to_dict()
    if asked is not None:
        return ended(asked).to_dict()
    if is_out_of_memory(error):
        return OutOfMemoryError(f"The analysis ran out of memory: {_text(error)}").to_dict()
    name = type(error).__name__
    return AnalysisError(
        f"{name}: {_text(error)}" if _text(error) else name,
        facts={"exception": name},
    ).to_dict()


def frames_of(error: BaseException) -> list[str]:
    """Where `error` comes from, innermost last, for the log of the server: source lines are not for clients.

    Empty for an error of the tree, which explains itself.
    """
    if isinstance(error, PrismlaneError):
        return []
    return list(_own_frames(error.__traceback__))[-MAX_TRACEBACK_LINES:]


def error_of(problem: Mapping[str, Any], asked: EndReason | None) -> PrismlaneError:
    """The error that the parent raises for a problem from the child, which may be hostile.

    A problem that a child has no business with becomes an AnalysisError that names it.
    """
    if not _is_well_formed(problem):
        return ChildDiedError("The child process answered with something that is not a problem.")
    error = PrismlaneError.from_dict(problem)
    if isinstance(error, _FROM_A_CHILD) or (
        isinstance(error, CancelledByRequestError) and asked == "cancelled"
    ):
        return error
    code = str(problem.get("code"))[:100]
    return AnalysisError(f"{error.detail[:MAX_TEXT]} ({code})", facts={"code": code})


def _is_well_formed(problem: Mapping[str, Any]) -> bool:
    errors = problem.get("errors", [])
    retry_after_s = problem.get("retry_after_s", 0.0)
    return (
        isinstance(problem.get("facts", {}), dict)
        and isinstance(errors, list)
        and all(isinstance(one, dict) for one in errors)
        and isinstance(retry_after_s, int | float)
        and isinstance(problem.get("request_id", ""), str)
    )


def _text(error: BaseException) -> str:
    try:
        return _DIRECTORIES.sub("", str(error)[:MAX_TEXT])
    except Exception:  # noqa: BLE001 - an exception of a plug-in may fail to describe itself
        return ""


def _own_frames(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        frame = traceback.tb_frame
        module = str(frame.f_globals.get("__name__", "?"))
        if not module.startswith(_OWN_PACKAGE):
            code = frame.f_code
            line = linecache.getline(code.co_filename, traceback.tb_lineno).strip()
            yield f"{module}, line {traceback.tb_lineno}, in {code.co_name}: {line}"[:300]
        traceback = traceback.tb_next
