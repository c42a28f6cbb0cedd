"""How jobs end, seen from a client: when to look again, and which error stands for which end."""

from collections.abc import Callable, Iterator
from typing import Any, Final

from prismlane.common.errors import (
    JobCancelledError,
    JobExpiredError,
    JobFailedError,
    JobOutcomeError,
    PrismlaneError,
    WaitTimeoutError,
)
from prismlane.common.states import JobState
from prismlane.common.wire import JobView

FIRST_LOOK_S: Final = 0.05
LONGEST_LOOK_S: Final = 1.0


def look_delays(timeout_s: float | None, monotonic: Callable[[], float]) -> Iterator[float]:
    """Seconds to wait before each look at a job, growing; ends when `timeout_s` is over, if it is given."""
    started, delay_s = monotonic(), FIRST_LOOK_S
    while True:
        left_s = delay_s if timeout_s is None else started + timeout_s - monotonic()
        if left_s <= 0:
            return
        yield min(delay_s, left_s)
        delay_s = min(delay_s * 1.5, LONGEST_LOOK_S)


def timed_out(view: JobView, timeout_s: float, job: Any) -> WaitTimeoutError:
    """The error that says that waiting was too short, not that the job is lost."""
    return WaitTimeoutError(
        f"{view.id} is {view.state} after {timeout_s:g} s of waiting; it goes on",
        hint=f"wait on:  prismlane jobs wait {view.id}     or end it:  prismlane jobs cancel {view.id}",
        facts={"job_id": view.id, "state": str(view.state), "timeout_s": timeout_s},
        job=job,
    )


def error_of_end(view: JobView, job: Any) -> JobOutcomeError | None:
    """The error that a caller who wants the result gets; None where there is one."""
    facts = {"job_id": view.id, "state": str(view.state)}
    match view.state:
        case JobState.SUCCEEDED:
            return None
        case JobState.FAILED:
            return _failed(view, job)
        case JobState.CANCELLED:
            return JobCancelledError(f"{view.id} was cancelled", facts=facts, job=job)
        case _:
            return JobExpiredError(
                f"{view.id} expired before it could run",
                hint="Give it a later queue_deadline, or a higher priority.",
                facts=facts,
                job=job,
            )


def _failed(view: JobView, job: Any) -> JobFailedError:
    cause = cause_of(view)
    why = f": {cause.detail}" if cause else ""
    return JobFailedError(
        f"{view.id} failed after {view.n_attempts} of {view.max_attempts} attempts{why}",
        hint=cause.hint if cause else "",
        facts={
            "job_id": view.id,
            "reason": str(view.reason) if view.reason else None,
            "cause": cause.code if cause else None,
        },
        errors=cause.errors if cause else (),
        job=job,
    )


def cause_of(view: JobView) -> PrismlaneError | None:
    """What the job's last attempt failed with."""
    return PrismlaneError.from_dict(view.error) if view.error else None
