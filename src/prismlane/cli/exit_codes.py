"""What the exit code of a command says."""

from collections.abc import Mapping
from typing import Final

from prismlane.common.errors import (
    AnalysisUnavailableError,
    AuthenticationError,
    ConflictError,
    DataError,
    EngineMissingError,
    EventsGoneError,
    ForbiddenError,
    InvalidRequestError,
    JobOutcomeError,
    NotFoundError,
    OverloadedError,
    PrismlaneError,
    QuotaExceededError,
    ServerUnreachableError,
    StorageFullError,
    TooLargeError,
    UnprocessableError,
    UnsupportedMediaError,
    WaitTimeoutError,
)

FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
UNAUTHENTICATED: Final = 4
NOT_FOUND: Final = 5
CONFLICT: Final = 6
BAD_DATA: Final = 7
QUOTA: Final = 8
TRY_AGAIN: Final = 75
WAIT_TIMED_OUT: Final = 124
INTERRUPTED: Final = 130

#: The exit code of an error is that of the nearest of its classes that stands here.
EXIT_CODES: Final[Mapping[type[PrismlaneError], int]] = {
    PrismlaneError: FAILED,
    JobOutcomeError: FAILED,
    WaitTimeoutError: WAIT_TIMED_OUT,
    InvalidRequestError: USAGE,
    UnprocessableError: USAGE,
    AnalysisUnavailableError: NOT_FOUND,
    EngineMissingError: UNREACHABLE,
    ServerUnreachableError: UNREACHABLE,
    AuthenticationError: UNAUTHENTICATED,
    ForbiddenError: UNAUTHENTICATED,
    NotFoundError: NOT_FOUND,
    EventsGoneError: NOT_FOUND,
    ConflictError: CONFLICT,
    DataError: BAD_DATA,
    UnsupportedMediaError: BAD_DATA,
    TooLargeError: QUOTA,
    QuotaExceededError: QUOTA,
    OverloadedError: TRY_AGAIN,
    StorageFullError: TRY_AGAIN,
}


def exit_code_of(error: PrismlaneError) -> int:
    """The exit code that stands for `error`."""
    return next(EXIT_CODES[cls] for cls in type(error).__mro__ if cls in EXIT_CODES)
