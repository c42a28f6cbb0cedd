"""The one tree of errors. The gateway turns an error into a problem (RFC 9457), the client turns it back.

PrismlaneError
├── InvalidRequestError              400 invalid-request
│   └── UnsafeBindError              400 unsafe-bind
├── AuthenticationError              401 unauthenticated
├── ForbiddenError                   403 forbidden
├── NotFoundError                    404 not-found
│   ├── JobNotFoundError             404 job-not-found
│   ├── DatasetNotFoundError         404 dataset-not-found
│   └── AnalysisNotFoundError        404 analysis-not-found
├── MethodNotAllowedError            405 method-not-allowed
├── ConflictError                    409 conflict
│   ├── InvalidTransitionError       409 invalid-transition
│   ├── ResultNotReadyError          409 result-not-ready
│   ├── NoResultError                409 no-result
│   ├── DatasetInUseError            409 dataset-in-use
│   ├── StoreInUseError              409 store-in-use
│   ├── StaleFenceError              409 stale-fence
│   └── StaleEpochError              409 stale-epoch
├── EventsGoneError                  410 events-gone
├── TooLargeError                    413 too-large
├── UnsupportedMediaError            415 unsupported-media
├── UnprocessableError               422 unprocessable
│   ├── IdempotencyMismatchError     422 idempotency-mismatch
│   ├── InvalidParametersError       422 invalid-parameters
│   ├── AnalysisUnavailableError     422 analysis-unavailable
│   └── DataError                    422 invalid-data
│       ├── UnreadableDataError      422 unreadable-data
│       ├── EmptyDataError           422 empty-data
│       ├── UnknownColumnError       422 unknown-column
│       ├── WrongTypeError           422 wrong-type
│       └── NotEnoughDataError       422 not-enough-data
├── QuotaExceededError               429 quota-exceeded
├── InternalError                    500 internal
├── OverloadedError                  503 overloaded
│   ├── NotReadyError                503 not-ready
│   └── StoreUnavailableError        503 store-unavailable
├── DamagedStoreError                503 store-damaged
├── DamagedBlobError                 500 blob-damaged
├── StorageFullError                 507 storage-full
├── JobOutcomeError                  no result came of waiting   (client)
│   ├── JobFailedError               the job ended `failed`
│   ├── JobCancelledError            the job ended `cancelled`
│   ├── JobExpiredError              the job ended `expired`
│   └── WaitTimeoutError             the job goes on
├── ServerUnreachableError           nothing answers             (client)
├── EngineMissingError               only the client is installed (client)
├── AnalysisError                    raised by an analysis while it runs: permanent
│   └── RetryableAnalysisError       the same work may well succeed the next time
└── AttemptEndedError                what ends an attempt from outside its code
    ├── CancelledByRequestError      somebody asked to cancel
    ├── DeadlineExceededError        the run timeout passed
    ├── OutOfMemoryError             the memory limit of the child was reached
    └── ChildDiedError               the child process ended without an answer
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar


class PrismlaneError(Exception):
    """Something that Prismlane can explain: what went wrong, why, and how to mend it.

    Args:
        detail: what happened, a sentence with the facts.
        hint: what to do now; the class's own hint where this is empty.
        facts: the values the sentence speaks of, for programs.
        errors: one `{"pointer": ..., "detail": ...}` for each wrong place in the input.
        retry_after_s: when a retry makes sense, in seconds.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable: ClassVar[bool] = False
    default_hint: ClassVar[str] = ""

    def __init__(
        self,
        detail: str = "",
        *,
        hint: str = "",
        facts: Mapping[str, Any] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after_s: float | None = None,
        request_id: str | None = None,
    ) -> None:
        self.detail = detail or self.title()
        self.hint = hint or self.default_hint
        self.facts = dict(facts or {})
        self.errors = [dict(error) for error in errors]
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        super().__init__(self.detail)

    @classmethod
    def title(cls) -> str:
        """The first line of the class's docstring, without its full stop."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0].rstrip(".")

    def to_dict(self) -> dict[str, Any]:
        """The error as a problem of RFC 9457 without the members that only a request knows."""
        problem: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": self.title(),
            "status": int(self.status),
            "detail": self.detail,
            "code": self.code,
            "retryable": self.retryable,
        }
        if self.hint:
            problem["hint"] = self.hint
        if self.facts:
            problem["facts"] = self.facts
        if self.errors:
            problem["errors"] = self.errors
        if self.retry_after_s is not None:
            problem["retry_after_s"] = self.retry_after_s
        if self.request_id is not None:
            problem["request_id"] = self.request_id
        return problem

    @staticmethod
    def from_dict(problem: Mapping[str, Any]) -> "PrismlaneError":
        """The error that `problem` (of `to_dict` or of an HTTP answer) describes.

        A code that this version does not know becomes an `UnknownProblemError` that keeps the code.
        """
        cls = ERRORS_BY_CODE.get(str(problem.get("code", "")))
        fields = _fields_of(problem)
        if cls is None:
            return UnknownProblemError(fields.pop("detail"), problem=problem, **fields)
        return cls(fields.pop("detail"), **fields)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.detail, self._state()))

    def _state(self) -> dict[str, Any]:
        return {
            "hint": self.hint,
            "facts": self.facts,
            "errors": self.errors,
            "retry_after_s": self.retry_after_s,
            "request_id": self.request_id,
        }


def _rebuild(cls: type[PrismlaneError], detail: str, state: dict[str, Any]) -> PrismlaneError:
    return cls(detail, **state)


def _fields_of(problem: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "detail": str(problem.get("detail") or problem.get("title") or ""),
        "hint": str(problem.get("hint", "")),
        "facts": problem.get("facts"),
        "errors": problem.get("errors") or (),
        "retry_after_s": problem.get("retry_after_s"),
        "request_id": problem.get("request_id"),
    }


class UnknownProblemError(PrismlaneError):
    """The server answered with a problem that this version of the client does not know."""

    code = "unknown-problem"

    def __init__(self, detail: str = "", *, problem: Mapping[str, Any] | None = None, **fields: Any) -> None:
        super().__init__(detail, **fields)
        self.problem = dict(problem or {})

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "problem": self.problem}


# --- requests -------------------------------------------------------------------------------------


class InvalidRequestError(PrismlaneError):
    """The request is not well formed."""

    code = "invalid-request"
    status = HTTPStatus.BAD_REQUEST
    default_hint = "Compare the request with the API's description at /openapi.json."


class UnsafeBindError(InvalidRequestError):
    """A public address is not served without an API key."""

    code = "unsafe-bind"
    default_hint = "Set PRISMLANE_AUTH__API_KEY, or bind to 127.0.0.1."


class AuthenticationError(PrismlaneError):
    """The request carries no valid API key."""

    code = "unauthenticated"
    status = HTTPStatus.UNAUTHORIZED
    default_hint = "Send the header `Authorization: Bearer <API key>` (client: PRISMLANE_API_KEY)."


class ForbiddenError(PrismlaneError):
    """The API key does not allow this."""

    code = "forbidden"
    status = HTTPStatus.FORBIDDEN


class NotFoundError(PrismlaneError):
    """There is nothing at this address."""

    code = "not-found"
    status = HTTPStatus.NOT_FOUND


class JobNotFoundError(NotFoundError):
    """There is no such job."""

    code = "job-not-found"
    default_hint = "List the jobs: prismlane jobs list"


class DatasetNotFoundError(NotFoundError):
    """There is no such dataset."""

    code = "dataset-not-found"
    default_hint = "List the datasets: prismlane datasets list"


class AnalysisNotFoundError(NotFoundError):
    """There is no such analysis."""

    code = "analysis-not-found"
    default_hint = "List the analyses: prismlane analyses list"


class MethodNotAllowedError(PrismlaneError):
    """This address does not take this method."""

    code = "method-not-allowed"
    status = HTTPStatus.METHOD_NOT_ALLOWED
    default_hint = "See /openapi.json for the methods of each address."


class ConflictError(PrismlaneError):
    """The request does not fit the state of what it names."""

    code = "conflict"
    status = HTTPStatus.CONFLICT


class InvalidTransitionError(ConflictError):
    """This event is not allowed in the job's state."""

    code = "invalid-transition"


class ResultNotReadyError(ConflictError):
    """The job has not ended yet."""

    code = "result-not-ready"
    retryable = True
    default_hint = "Follow it: prismlane jobs watch"


class NoResultError(ConflictError):
    """The job ended without a result."""

    code = "no-result"


class DatasetInUseError(ConflictError):
    """Unfinished jobs read this dataset."""

    code = "dataset-in-use"
    default_hint = "Wait until they end, or cancel them."


class StoreInUseError(ConflictError):
    """Another process has the data directory open."""

    code = "store-in-use"
    default_hint = "Stop that engine first, or give this one another data directory."


class StaleFenceError(ConflictError):
    """The attempt no longer owns its job, so what it wrote was refused."""

    code = "stale-fence"


class StaleEpochError(ConflictError):
    """A newer tracker has taken over the store."""

    code = "stale-epoch"


class EventsGoneError(PrismlaneError):
    """The events asked for are older than what is kept."""

    code = "events-gone"
    status = HTTPStatus.GONE


class TooLargeError(PrismlaneError):
    """The request is larger than allowed."""

    code = "too-large"
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_hint = "Send less, or have the server's limits raised (PRISMLANE_SERVER__MAX_…)."


class UnsupportedMediaError(PrismlaneError):
    """This kind of file or body is not read."""

    code = "unsupported-media"
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnprocessableError(PrismlaneError):
    """The request is well formed, but cannot be done."""

    code = "unprocessable"
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class IdempotencyMismatchError(UnprocessableError):
    """The idempotency key was used before with another request."""

    code = "idempotency-mismatch"
    default_hint = "Use a new key for a new request."


class InvalidParametersError(UnprocessableError):
    """The parameters do not fit the analysis."""

    code = "invalid-parameters"


class AnalysisUnavailableError(UnprocessableError):
    """The analysis is known, but what it needs is not installed."""

    code = "analysis-unavailable"


# --- data -----------------------------------------------------------------------------------------


class DataError(UnprocessableError):
    """The data cannot be used for this."""

    code = "invalid-data"


class UnreadableDataError(DataError):
    """The file could not be read as a table."""

    code = "unreadable-data"


class EmptyDataError(DataError):
    """The file has no rows or no columns."""

    code = "empty-data"


class UnknownColumnError(DataError):
    """The dataset has no such column."""

    code = "unknown-column"


class WrongTypeError(DataError):
    """The column has another type than the analysis needs."""

    code = "wrong-type"


class NotEnoughDataError(DataError):
    """There are too few usable rows."""

    code = "not-enough-data"


# --- the engine -----------------------------------------------------------------------------------


class QuotaExceededError(PrismlaneError):
    """A limit of the tenant is reached."""

    code = "quota-exceeded"
    status = HTTPStatus.TOO_MANY_REQUESTS
    retryable = True


class InternalError(PrismlaneError):
    """Something unexpected went wrong inside Prismlane."""

    code = "internal"
    default_hint = "Please report it with the request id; the server's log tells more."


class OverloadedError(PrismlaneError):
    """The engine accepts no more work at the moment."""

    code = "overloaded"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    retryable = True


class NotReadyError(OverloadedError):
    """The engine is starting or recovering."""

    code = "not-ready"


class StoreUnavailableError(OverloadedError):
    """The store does not answer."""

    code = "store-unavailable"


class DamagedStoreError(PrismlaneError):
    """The store is damaged and was not opened."""

    code = "store-damaged"
    status = HTTPStatus.SERVICE_UNAVAILABLE
    default_hint = "Restore the data directory from a backup."


class DamagedBlobError(PrismlaneError):
    """A stored file is not what was written."""

    code = "blob-damaged"
    default_hint = "Register the dataset, or run the job, again; check the disk."


class StorageFullError(PrismlaneError):
    """The disk of the data directory is full."""

    code = "storage-full"
    status = HTTPStatus.INSUFFICIENT_STORAGE
    retryable = True
    default_hint = "Free some space; the engine goes on by itself."


# --- the client -----------------------------------------------------------------------------------


class JobOutcomeError(PrismlaneError):
    """Waiting for a job brought no result; `job` is the job as it was last seen."""

    code = "job-outcome"

    def __init__(self, detail: str = "", *, job: Any = None, **fields: Any) -> None:
        super().__init__(detail, **fields)
        self.job = job

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "job": self.job}


class JobFailedError(JobOutcomeError):
    """The job failed."""

    code = "job-failed"


class JobCancelledError(JobOutcomeError):
    """The job was cancelled."""

    code = "job-cancelled"


class JobExpiredError(JobOutcomeError):
    """The job expired before it could run."""

    code = "job-expired"


class WaitTimeoutError(JobOutcomeError):
    """The job did not end in time; it goes on."""

    code = "wait-timeout"


class ServerUnreachableError(PrismlaneError):
    """Nothing answers at the server's address."""

    code = "server-unreachable"
    retryable = True
    default_hint = "Start one: prismlane up"


class EngineMissingError(PrismlaneError):
    """Only the client is installed here; the engine is not."""

    code = "engine-missing"
    default_hint = "Install it: pip install 'prismlane[engine]'"


# --- inside an attempt ----------------------------------------------------------------------------


class AnalysisError(PrismlaneError):
    """The analysis failed."""

    code = "analysis-failed"


class RetryableAnalysisError(AnalysisError):
    """The analysis failed in a way that another try may mend."""

    code = "analysis-failed-retryable"
    retryable = True


class AttemptEndedError(PrismlaneError):
    """The attempt was ended from outside its code."""

    code = "attempt-ended"


class CancelledByRequestError(AttemptEndedError):
    """The job was asked to end."""

    code = "cancelled-by-request"


class DeadlineExceededError(AttemptEndedError):
    """The job ran longer than it may."""

    code = "deadline-exceeded"
    default_hint = "Give it more time (run_timeout_s), or fewer columns or rows."


class OutOfMemoryError(AttemptEndedError):
    """The job needed more memory than it may have."""

    code = "out-of-memory"
    default_hint = "Raise PRISMLANE_WORKER__MEMORY_BYTES, or select fewer columns."


class ChildDiedError(AttemptEndedError):
    """The process that computed the job died."""

    code = "child-died"
    retryable = True


def _tree(cls: type[PrismlaneError]) -> list[type[PrismlaneError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _tree(child))]


#: Every error of this module by its code.
ERRORS_BY_CODE: Mapping[str, type[PrismlaneError]] = {cls.code: cls for cls in _tree(PrismlaneError)}
